"""The plots of a benchmark of strategies, beside what `test_arena_tables.py` says of them."""

import copy
import math

import pytest

from nassay.reports.arena_figures import GREY, PALETTE, colours, rank_figure, regret_curves


def lines(*median):
    """A strategy's curve: the mean is 1 more than the median, the band from half to twice of it."""
    low, high, mean = ([v if v is None else v * f + a for v in median] for f, a in ((0.5, 0), (2, 0), (1, 1)))
    return {"median": list(median), "low": low, "high": high, "mean": mean}


def summary_of(curves, ranks=None, alike=(), unit="percent"):
    """A benchmark of these strategies, in this order."""
    points = [float(i) for i in range(1, 1 + max(len(c["median"]) for c in curves.values()))]
    return {
        "unit": unit,
        "rows": [{"name": name} for name in curves],
        "curves": {"points": points, "by": curves},
        "time_curves": {"points": [100 * p for p in points], "by": curves},
        "ranks": {"ranks": ranks or {}, "alike": [list(group) for group in alike]},
    }


def test_colours_follow_the_order_come_again_and_random_takes_none():
    names = [*"abcde", "random", *"fghijkl"]
    found = colours(summary_of(dict.fromkeys(names, lines(1.0))))
    assert [found[name] for name in "aefjkl"] == [PALETTE[i] for i in (0, 4, 5, 9, 0, 1)]
    assert found["random"] == GREY
    assert colours(summary_of({"a": lines(1.0)}))["random"] == GREY  # known also where it did not run


def test_a_curve_is_a_band_and_a_line_of_one_colour():
    band, line = regret_curves(summary_of({"b": lines(8.0, 4.0)}), "curves").data
    assert (line.x, line.y) == ((1.0, 2.0), (8.0, 4.0))
    assert (band.x, band.y) == ((1.0, 2.0, 2.0, 1.0), (16.0, 8.0, 2.0, 4.0))  # there along the top, back below
    assert band.fillcolor == "rgba(47,125,225,0.15)"
    assert line.line.color == PALETTE[0] == "#2f7de1"  # 0x2f is 47, 0x7d is 125, 0xe1 is 225
    assert (band.legendgroup, line.legendgroup, band.showlegend) == ("b", "b", False)


@pytest.mark.parametrize(("key", "first"), [("curves", 1), ("time_curves", 100)])
def test_the_budget_is_what_was_asked_for(key, first):
    figure = regret_curves(summary_of({"b": lines(8.0, 4.0)}), key)
    title = {1: "evaluations", 100: "simulated seconds"}[first]
    assert (figure.layout.xaxis.title.text, figure.data[1].x) == (title, (first, 2 * first))
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")


def test_means_stay_with_their_points_where_others_are_left_out():
    _, line, _, empty = regret_curves(summary_of({"b": lines(None, 6.0, None, 2.0), "a": lines(None)}), "curves").data
    assert (line.x, line.y, line.customdata) == ((2.0, 4.0), (6.0, 2.0), (7.0, 3.0))
    assert (empty.name, empty.x) == ("a", ())


def test_the_floor_is_half_the_smallest_positive_value_of_all_strategies():
    """The band of 0.5 begins at 0.25."""
    figure = regret_curves(summary_of({"a": lines(4.0, 0.0), "b": lines(3.0, 0.5)}, unit="fraction"), "curves")
    assert (figure.data[0].y, figure.data[1].y) == ((8.0, 0.125, 0.125, 2.0), (4.0, 0.125))
    assert figure.layout.yaxis.title.text == "regret (fraction); none at 0.12"


def test_without_any_regret_the_floor_is_fixed_and_nan_is_not_drawn_there():
    line = regret_curves(summary_of({"a": lines(None, 0.0, math.nan)}), "curves").data[1]
    assert line.y[0] == 1e-3
    assert math.isnan(line.y[1])


def test_names_are_escaped_wherever_they_are_read_as_markup():
    bad = "<b>&x"
    summary = summary_of({bad: lines(1.0), "a": lines(2.0)}, {bad: 1.0, "a": 2.0}, [(bad, "a")])
    _, line, *_ = regret_curves(summary, "curves").data
    dots, bar = rank_figure(summary).data
    hover, axis = line.hovertemplate.split("<br>")[0], rank_figure(summary).layout.yaxis.categoryarray
    assert {line.name, hover, dots.y[0], bar.y[0], axis[1]} == {"&lt;b&gt;&amp;x"}


def test_ranks_go_from_the_best_at_the_top_and_groups_span_their_ends():
    """The bar of ranks 1.5, 2 and 3 stands at the middle of its ends, 2.25."""
    ranks = {"b": 1.5, "random": 2.0, "a": 3.0, "c": 3.5}
    summary = summary_of(
        dict.fromkeys(("a", "b", "c", "random"), lines(1.0)), ranks, [("b", "random", "a"), ("a", "c")]
    )
    dots, first, second = rank_figure(summary).data
    assert dict(zip(dots.y, dots.x, strict=True)) == ranks
    assert dots.marker.color == (PALETTE[1], GREY, PALETTE[0], PALETTE[2])
    assert [(bar.x, bar.y) for bar in (first, second)] == [((2.25, 2.25), ("b", "a")), ((3.25, 3.25), ("a", "c"))]
    assert rank_figure(summary).layout.yaxis.categoryarray == ("c", "a", "random", "b")  # plotly counts from below


def test_drawing_leaves_the_summary_as_it_was():
    summary = summary_of({"a": lines(0.0, None), "random": lines(2.0, 1.0)}, {"a": 1.0, "random": 2.0})
    before = copy.deepcopy(summary)
    assert len(rank_figure(summary).data) == 1  # no groups, no bars
    regret_curves(summary, "time_curves")
    assert summary == before
