"""The page of a benchmark of strategies: what is on it, what is missing, and that it is whole in itself."""

import json
import math
import re
from html import unescape
from typing import Any

import pytest

from nassay.reports import arena_tables, standalone
from nassay.reports.arena_page import render_arena
from nassay.reports.formats import DASH

HARMFUL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")


def row_of(name: str, regret: float, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "regret": regret, "regret_low": 0.5, "regret_high": 4.0, "median": regret}
    row |= {"quartiles": [1.0, 3.0], "test": 90 - regret, "optimal": 0.25, "rank": 1.5, "spent": 8.0, "trained": 8.0}
    row |= {"seconds": 7200.0, "wall_seconds": 0.5, "asked": {}, "reach": {}, "against": {}}
    return row | changes


def summary_of(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A benchmark of these strategies, whose curves all fall from 8 to 2 percent."""
    names = [row["name"] for row in rows]
    lines = {"mean": [9.0, 3.0], "median": [8.0, 2.0], "low": [4.0, 1.0], "high": [16.0, 4.0]}
    ranks = {name: 1.0 + i for i, name in enumerate(names)}
    facts: dict[str, Any] = {
        "table": "nasbench201",
        "dataset": "cifar10",
        "space": "nb201",
        "metric": "accuracy",
        "unit": "percent",
    }
    facts |= {"networks": 5260, "best_test": 94.37, "seeds": 30, "evaluations": 10, "scores": None}
    return {
        **facts,
        "rules": ["Strategies see the validation split."],
        "references": ["random"],
        "rows": list(rows),
        "ranks": {"ranks": ranks, "p_value": None, "critical_difference": None, "alike": []},
        "curves": {"points": [1.0, 2.0], "by": dict.fromkeys(names, lines)},
        "time_curves": {"points": [60.0, 3600.0], "by": dict.fromkeys(names, lines)},
        "failed": {},
        "finished": "2026-01-02",
        "versions": {"nassay": "0.1.0", "torch": "2.13"},
        **changes,
    }


@pytest.fixture
def summary() -> dict[str, Any]:
    reach = {"random": {"spent": 4.0, "low": 2.0, "high": None, "reached": 0.9}}
    against = {"random": {"wins": 20, "ties": 3, "losses": 7, "p_value": 0.034}}
    return summary_of(row_of("evolution", 2.0, reach=reach, against=against), row_of("random", 3.0))


def test_the_table_has_a_line_for_each_strategy_under_the_headings(summary: dict[str, Any], parsed: Any) -> None:
    heading, first, second, *facts = parsed(render_arena(summary)).rows
    assert heading == list(arena_tables.HEADINGS)
    cells = dict(zip(heading, first, strict=True))
    assert [cells[name] for name in ("Strategy", "regret", "95 %", "test")] == [
        *("evolution", "2.00", "0.50 to 4.00", "88.00")
    ]
    assert [cells[name] for name in ("to match random", "between", "times fewer")] == ["4.00", "2.00 to more", "2.5"]
    assert cells["won · tied · lost"] == "20 · 3 · 7"
    assert second[0] == "random"
    assert [tuple(row) for row in facts] == arena_tables.facts(summary)


def test_what_a_strategy_does_not_have_is_a_dash(parsed: Any) -> None:
    nothing = dict.fromkeys(("regret_low", "regret_high", "optimal", "trained", "seconds", "wall_seconds"))
    html = render_arena(summary_of(row_of("random", 3.0, quartiles=[None, None], **nothing)))
    heading, cells, *_ = parsed(html).rows
    found = dict(zip(heading, cells, strict=True))
    known = {"Strategy": "random", "regret": "3.00", "median": "3.00", "test": "87.00", "rank": "1.50"}
    assert {name: text for name, text in found.items() if text != DASH} == known
    assert not re.search(r"\b(nan|None)\b", " ".join(cells))


def test_headline_rules_failures_and_versions_are_told(summary: dict[str, Any]) -> None:
    summary["failed"] = {"cascade": "cascade: it asks for latency_ms & more"}
    html = render_arena(summary)
    assert f"<h1>{arena_tables.arena_headline(summary)}</h1>" in html
    assert "<title>Strategies on nasbench201, cifar10</title>" in html
    notes = [unescape(note) for note in re.findall(r'<li class="note">(.*?)</li>', html)]
    assert notes == arena_tables.arena_notes(summary)
    assert notes[-1] == "cascade: it asks for latency_ms & more"
    assert "nassay 0.1.0, torch 2.13" in html
    assert "too few strategies" in html


def test_plots_are_those_of_the_summary_and_each_has_its_place(
    summary: dict[str, Any], parsed: Any, plots_of: Any
) -> None:
    html = render_arena(summary)
    plots = plots_of(html)
    assert {f"plot-{name}" for name in plots} == {one for one in parsed(html).all_of("id") if str(one)[:5] == "plot-"}
    assert list(plots) == ["evaluations", "seconds", "ranks"]
    names = [[trace.get("name") for trace in plots[key]["data"]] for key in ("evaluations", "seconds")]
    assert names == [[None, "evolution", None, "random"]] * 2
    assert plots["evaluations"]["data"][1]["x"] == [1, 2]
    assert plots["seconds"]["data"][1]["x"] == [60, 3600]
    assert (plots["ranks"]["data"][0]["x"], plots["ranks"]["data"][0]["y"]) == ([1, 2], ["evolution", "random"])


@pytest.mark.parametrize("nothing", [None, {}])
def test_without_known_times_there_is_neither_their_plot_nor_its_words(
    nothing: dict[str, Any] | None, summary: dict[str, Any], plots_of: Any
) -> None:
    assert "simulated seconds" in render_arena(summary)
    html = render_arena(summary | {"time_curves": nothing})
    assert list(plots_of(html)) == ["evaluations", "ranks"]
    assert "plot-seconds" not in html
    assert "simulated seconds" not in html


def test_the_simulated_time_of_a_race_is_told_where_it_is_known(summary: dict[str, Any]) -> None:
    """7200 s are two hours; random search's are not known."""
    summary["rows"][1]["seconds"] = None
    nbsp = "\N{NO-BREAK SPACE}"
    assert f"Whole races on average: evolution 2{nbsp}h{nbsp}00{nbsp}min.</p>" in render_arena(summary)


def test_points_that_are_not_known_are_not_drawn(summary: dict[str, Any], plots_of: Any) -> None:
    late = {"mean": [None, 3.0], "median": [None, 2.0], "low": [None, 1.0], "high": [None, 4.0]}
    summary["curves"]["by"]["evolution"] = late
    _, line, _, other = plots_of(render_arena(summary))["evaluations"]["data"]
    assert (line["x"], line["y"]) == ([2], [2])
    assert (other["x"], other["y"]) == ([1, 2], [8, 2])


def test_a_value_that_is_not_a_number_is_drawn_nowhere(summary: dict[str, Any], plots_of: Any) -> None:
    summary["curves"]["by"]["evolution"] = dict.fromkeys(("mean", "median", "low", "high"), [8.0, math.nan])
    line = plots_of(render_arena(summary))["evaluations"]["data"][1]
    assert line["y"] == [8, None]


@pytest.mark.parametrize("place", ["table", "dataset", "space", "metric", "unit", "scores", "finished"])
def test_words_of_the_benchmark_are_text(place: str, summary: dict[str, Any], parsed: Any) -> None:
    html = render_arena(summary | {place: HARMFUL})
    assert HARMFUL not in html
    assert HARMFUL in unescape(html)
    assert "img" not in {tag for tag, _ in parsed(html).tags}


def test_names_of_strategies_are_text_in_the_page_and_in_the_plots(parsed: Any, plots_of: Any) -> None:
    name = "</script><b>&mine"
    ranks = {
        "ranks": {name: 1.0, "random": 2.0},
        "p_value": 0.01,
        "critical_difference": 1.5,
        "alike": [[name, "random"]],
    }
    html = render_arena(summary_of(row_of(name, 2.0), row_of("random", 3.0), ranks=ranks))
    page = parsed(html)
    assert name not in html
    assert page.rows[1][0] == name
    assert "b" not in {tag for tag, _ in page.tags}
    plots = plots_of(html)
    shown = "&lt;/script&gt;&lt;b&gt;&amp;mine"
    assert plots["evaluations"]["data"][1]["name"] == shown
    assert plots["ranks"]["data"][1]["y"] == [shown, "random"]


def test_the_page_is_whole_in_itself(summary: dict[str, Any], parsed: Any) -> None:
    page = parsed(render_arena(summary))
    ids, links = page.all_of("id"), page.all_of("href")
    assert len(ids) == len(set(ids))
    assert {str(link) for link in links} == {"#curves", "#table", "#ranks", "#run"} <= {f"#{one}" for one in ids}
    assert not page.all_of("src")
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "img")]


def test_one_page_of_one_summary(summary: dict[str, Any]) -> None:
    before = json.dumps(summary)
    assert render_arena(summary) == render_arena(json.loads(before))
    assert json.dumps(summary) == before
