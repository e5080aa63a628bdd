"""The report and the table of a study of reduced settings."""

from typing import Any

import pytest

from nassay.gaps.fidelity import fidelity_findings, fidelity_rows
from nassay.reports import standalone
from nassay.reports.fidelity_page import price_figure, render_fidelities
from nassay.reports.fidelity_tables import HEADINGS, fidelity_cells, fidelity_notes, fidelity_title

VALUES = {"c0r0s0e8": [0.5, 0.6, 0.7, 0.8], "c2r0s0e8": [0.3, 0.4, 0.6, 0.5], "c0r0s2e8": [0.2, 0.2, 0.2, 0.2]}


@pytest.fixture
def summary() -> dict[str, Any]:
    seconds = {name: [price] * 4 for name, price in zip(VALUES, (8.0, 2.0, 2.0), strict=True)}
    planned = dict(zip(VALUES, (8.0, 2.0, 2.0), strict=True))
    rows = fidelity_rows(VALUES, seconds, planned, "c0r0s0e8", 0)
    return {
        "source": "<my> images",
        "space": "mobile",
        "seed": 3,
        "reference": "c0r0s0e8",
        "input_shape": [3, 32, 32],
        "classes": 10,
        "train": 800,
        "validation": 200,
        "networks": 4,
        "trained": 11,
        "wanted": 12,
        "price": "CPU seconds",
        "rows": rows,
        "findings": fidelity_findings(rows, VALUES, "c0r0s0e8", 0),
    }


def test_cells_follow_the_headings(summary: dict[str, Any]) -> None:
    reference, *reduced = (dict(zip(HEADINGS, fidelity_cells(r, "c0r0s0e8"), strict=True)) for r in summary["rows"])
    assert reference["setting"] == "c0r0s0e8 (ref.)"
    assert reference["τ (95 %)"] == "–"
    by_name = {cells["setting"]: cells for cells in reduced}
    assert by_name["c2r0s0e8 *"]["τ (95 %)"].startswith("0.67 (−")
    assert by_name["c2r0s0e8 *"]["price"] == "25.0\N{NO-BREAK SPACE}%"
    assert by_name["c0r0s2e8"]["τ (95 %)"] == "–"


def test_the_title_says_what_is_done(summary: dict[str, Any]) -> None:
    assert "4 random networks of mobile on <my> images (800 + 200 images, 3x32x32, 10 classes)" in fidelity_title(
        summary
    )
    assert fidelity_title(summary).endswith("11 of 12 trainings")
    assert not fidelity_title(summary | {"trained": 12}).endswith("trainings")


def test_few_networks_are_warned_of(summary: dict[str, Any]) -> None:
    assert "With 4 networks" in fidelity_notes(summary)[-1]
    assert len(fidelity_notes(summary | {"networks": 50})) == len(fidelity_notes(summary)) - 1


def test_the_figure_shows_reduced_settings_that_have_a_tau(summary: dict[str, Any]) -> None:
    (points,) = price_figure(summary).data
    assert list(points.x) == [0.25]
    assert list(points.y) == pytest.approx([2 / 3])
    assert list(points.marker.symbol) == ["circle"]


def test_everything_is_on_the_page_and_escaped(summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")
    html = render_fidelities(summary)
    for text in ("c2r0s0e8 keeps the order best", 'id="plot-price"', "&lt;my&gt; images", "0.67", "c0r0s2e8"):
        assert text in html
    assert "<my>" not in html
