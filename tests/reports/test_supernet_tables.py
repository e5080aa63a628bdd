"""The measures of super-networks as rows, with and without rankings to measure."""

from typing import Any

import pytest

from nassay.gaps.supernet import supernet_gap
from nassay.reports.formats import DASH
from nassay.reports.supernet_tables import supernet_rows, supernet_title

ALONE = [[0.5, 0.6, 0.7, 0.8], [0.52, 0.62, 0.82, 0.72]]
SETTINGS = {"method": "spos", "space": "cell64", "source": "digits", "seed": 0, "alone_epochs": 10.0}


def summary_of(*inherited: list[float], alone: list[list[float]] = ALONE) -> dict[str, Any]:
    runs = [
        {
            "inherited": row,
            "plain": row,
            "epochs": {"1": row},
            "window": [row],
            "update_counts": None,
            "mixture": None,
            "discretised": None,
        }
        for row in inherited
    ]
    return {**SETTINGS, "supernet_epochs": 40.0, **supernet_gap(alone, runs)}


def rows_of(summary: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value, _ in supernet_rows(summary)}


def test_what_was_trained_is_said_first() -> None:
    assert supernet_title(summary_of([0.1, 0.2, 0.3, 0.4])).startswith("spos: 1 super-networks of cell64 on digits")


def test_the_share_of_the_ceiling_is_shown() -> None:
    """Tau 4/6 and 2/6 with the two seeds, 4/6 between them."""
    rows = rows_of(summary_of([0.2, 0.1, 0.3, 0.4]))
    assert (rows["Ceiling"], rows["Share of the ceiling"]) == ("0.67", "75.0\N{NO-BREAK SPACE}%")
    assert "No τ" not in rows


@pytest.mark.parametrize(("second", "told"), [([0.6, 0.5, 0.8, 0.7], False), ([0.7, 0.6, 0.5, 0.8], True)])
def test_architectures_that_cannot_be_ranked_are_called_so(second: list[float], told: bool) -> None:
    """Two of six pairs in disorder, tau .33; three of six, tau 0."""
    rows = rows_of(summary_of([0.1, 0.2, 0.3, 0.4], alone=[ALONE[0], second]))
    assert ("Hardly a ranking" in rows) is told


@pytest.mark.parametrize("others", [[], [[0.1, 0.2, 0.3, 0.4]]])
def test_why_there_is_no_tau_is_said(others: list[list[float]]) -> None:
    """A super-network whose sub-networks all inherit the same: alone, or beside another one, whose tau is the mean."""
    summary = summary_of([0.25] * 4, *others)
    name, value, meaning = supernet_rows(summary)[-1]
    assert (name, value) == ("No τ", DASH)
    assert "same accuracy" in meaning
    assert all("None" not in text for row in supernet_rows(summary) for text in row)
    rows = rows_of(summary)
    expected = "0.91" if others else DASH  # five pairs in order, one tied in the truth: 5 / sqrt(30)
    assert rows["Rank gap: τ with stand-alone"] == expected
    assert rows["τ from step to step"] == (f"{expected} ± 0.00" if others else DASH)
