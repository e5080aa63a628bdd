"""The page of a super-network's gap: everything is on it, nothing comes from outside, user text stays text."""

import json
import math
import re
from html import unescape
from typing import Any

import pytest

from nassay.gaps.supernet import supernet_gap
from nassay.reports import standalone
from nassay.reports.formats import DASH, NBSP
from nassay.reports.supernet_page import levels_figure, render_supernet
from nassay.reports.supernet_tables import supernet_rows, supernet_title

ALONE = [[0.5, 0.6, 0.7, 0.9], [0.6, 0.6, 0.8, 0.7]]
INHERITED = [[0.2, 0.1, 0.3, 0.4], [0.4, 0.1, 0.4, 0.2]]
HARMFUL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")


def summary_of(*inherited: list[float], **changes: Any) -> dict[str, Any]:
    rest: dict[str, Any] = {"window": [], "update_counts": None, "mixture": None, "discretised": None}
    runs = [{"inherited": row, "plain": row, "epochs": {"1": row}, **rest} for row in inherited]
    facts = {"method": "spos", "space": "cell64", "source": "digits", "seed": 0}
    facts |= {"alone_epochs": 10.0, "supernet_epochs": 40.0, "architectures": ["000", "123", "321", "222"]}
    return {**facts, **supernet_gap(ALONE, runs), "alone": ALONE, "inherited": list(inherited), **changes}


@pytest.fixture
def summary() -> dict[str, Any]:
    return summary_of(*INHERITED)


# The page -----------------------------------------------------------------------------------------------------------


def test_the_table_has_every_measure_in_its_order(summary: dict[str, Any], parsed: Any) -> None:
    heading, *rows = parsed(render_supernet(summary)).rows
    assert heading == ["measure", "value", "what it is"]
    assert [tuple(row) for row in rows] == supernet_rows(summary)
    assert len(rows) == 11


def test_title_heading_and_sentence_say_what_was_measured(summary: dict[str, Any]) -> None:
    """Of six pairs the first has one in the wrong order, the second three and a tie: 4/6 and -1 / sqrt(5 * 6)."""
    html = render_supernet(summary)
    assert "<title>Super-networks on digits</title>" in html
    assert "<h1>Rank gap: τ with stand-alone: 0.24</h1>" in html
    assert f"<p>{supernet_title(summary)}.</p>" in html
    assert "space cell64 · method spos" in html


def test_the_page_is_whole_in_itself(summary: dict[str, Any], parsed: Any) -> None:
    page = parsed(render_supernet(summary))
    ids, links = page.all_of("id"), page.all_of("href")
    assert len(ids) == len(set(ids))
    assert links
    assert {str(link) for link in links} <= {f"#{one}" for one in ids}
    assert not page.all_of("src")
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "img")]


def test_every_plot_has_its_place(summary: dict[str, Any], parsed: Any, plots_of: Any) -> None:
    html = render_supernet(summary)
    places = {one for one in parsed(html).all_of("id") if str(one).startswith("plot-")}
    assert {f"plot-{name}" for name in plots_of(html)} == places == {"plot-levels"}


@pytest.mark.parametrize("place", ["source", "space", "method"])
def test_the_users_words_are_text(place: str, summary: dict[str, Any], parsed: Any) -> None:
    html = render_supernet(summary | {place: HARMFUL})
    assert HARMFUL not in html
    assert HARMFUL in unescape(html)
    assert "img" not in {tag for tag, _ in parsed(html).tags}


def test_an_architecture_cannot_end_the_script_that_holds_the_plots(summary: dict[str, Any], plots_of: Any) -> None:
    name = "</script><script>alert(1)</script>"
    html = render_supernet(summary | {"architectures": [name, "123", "321", "222"]})
    assert "<script>alert" not in html
    (points,) = plots_of(html)["levels"]["data"]
    assert len(points["hovertext"]) == 4
    assert all(re.fullmatch(r"(<b>|</b>|<br>|[^<>])*", text) for text in points["hovertext"])


def test_a_ranking_that_does_not_exist_is_a_dash_with_its_reason(parsed: Any) -> None:
    """Both super-networks lend all architectures the same accuracy."""
    html = render_supernet(summary_of([0.25] * 4, [0.25] * 4))
    rows = {row[0]: row[1] for row in parsed(html).rows}
    for name in ("Rank gap: τ with stand-alone", "Share of the ceiling", "Stability", "No τ"):
        assert rows[name] == DASH, name
    assert f"<h1>Rank gap: τ with stand-alone: {DASH}</h1>" in html
    assert "all architectures have the same accuracy there" in html
    assert not re.search(r"nan|None|inf", " ".join(rows.values()))


def test_one_page_of_one_summary(summary: dict[str, Any]) -> None:
    before = json.dumps(summary)
    assert render_supernet(summary) == render_supernet(json.loads(before))
    assert json.dumps(summary) == before


# The figure ---------------------------------------------------------------------------------------------------------


def test_a_point_is_at_the_means_over_seeds(summary: dict[str, Any]) -> None:
    (points,) = levels_figure(summary).data
    assert points.x == pytest.approx([0.55, 0.6, 0.75, 0.8])
    assert points.y == pytest.approx([0.3, 0.1, 0.35, 0.3])
    assert points.mode == "markers"


def test_bars_reach_from_the_least_to_the_most_of_all_seeds() -> None:
    """Of three super-networks 0.1, 0.2 and 0.6 the mean is 0.3: 0.3 up and 0.2 down."""
    rows = [[v, 0.5, 0.5, 0.5] for v in (0.1, 0.2, 0.6)]
    (points,) = levels_figure(summary_of(*rows)).data
    assert (points.error_y.array[0], points.error_y.arrayminus[0]) == pytest.approx((0.3, 0.2))
    assert points.error_y.array[1] == points.error_y.arrayminus[1] == 0
    assert points.error_x.array == pytest.approx([0.05, 0, 0.05, 0.1])
    assert points.error_x.arrayminus == pytest.approx([0.05, 0, 0.05, 0.1])
    assert points.error_x.symmetric is points.error_y.symmetric is False


def test_a_single_super_network_has_no_spread() -> None:
    (points,) = levels_figure(summary_of(INHERITED[0])).data
    assert points.y == pytest.approx(INHERITED[0])
    assert set(points.error_y.array) == set(points.error_y.arrayminus) == {0}


def test_tooltips_name_the_architecture_and_both_accuracies(summary: dict[str, Any]) -> None:
    (points,) = levels_figure(summary).data
    assert points.hovertext[1] == f"<b>123</b><br>alone 60.0{NBSP}%, inherited 10.0{NBSP}%"
    assert [text[3:6] for text in points.hovertext] == summary["architectures"]
    assert points.hoverinfo == "text"


def test_a_name_is_escaped_once(summary: dict[str, Any]) -> None:
    (points,) = levels_figure(summary | {"architectures": ["R&D", "123", "321", "222"]}).data
    assert points.hovertext[0].startswith("<b>R&amp;D</b>")


def test_what_is_not_a_number_is_drawn_nowhere(summary: dict[str, Any], plots_of: Any) -> None:
    inherited = [[math.nan, *INHERITED[0][1:]], INHERITED[1]]
    (points,) = plots_of(render_supernet(summary | {"inherited": inherited}))["levels"]["data"]
    assert points["y"][0] is None
    assert points["y"][1:] == pytest.approx([0.1, 0.35, 0.3])
    assert points["error_y"]["array"][0] is points["error_y"]["arrayminus"][0] is None
    assert points["hovertext"][0].endswith(f"inherited {DASH}")


def test_a_name_for_each_point_is_required(summary: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="zip"):
        levels_figure(summary | {"architectures": ["000", "123"]})
