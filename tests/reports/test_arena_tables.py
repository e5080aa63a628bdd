import pytest
from rich.console import Console

from nassay.reports import arena_figures, arena_tables, standalone
from nassay.reports.arena_page import render_arena


def row(name, regret, **changes):
    return {
        "name": name,
        "regret": regret,
        "regret_low": regret - 0.1,
        "regret_high": regret + 0.1,
        "median": regret,
        "quartiles": [regret / 2, 2 * regret],
        "test": 90 - regret,
        "optimal": 0.25,
        "rank": 1.5,
        "spent": 4.0,
        "trained": 4.0,
        "seconds": 12_000.0,
        "wall_seconds": 0.5,
        "asked": {},
        "reach": {"random": {"spent": 2.0, "low": 1.0, "high": None, "reached": 0.9}},
        "against": {"random": {"wins": 20, "ties": 3, "losses": 7, "p_value": 0.0343}},
    } | changes


@pytest.fixture
def arena():
    lines = {"mean": [8.0, 4.0], "median": [8.0, 2.0], "low": [4.0, 0.0], "high": [9.0, 3.0]}
    never = {"random": {"spent": None, "low": None, "high": None, "reached": 0.0}}
    return {
        "table": "nasbench201",
        "dataset": "cifar10",
        "space": "nb201",
        "metric": "accuracy",
        "unit": "percent",
        "networks": 5260,
        "best_test": 94.37,
        "rules": ["Strategies see the validation split."],
        "seeds": 30,
        "evaluations": 10,
        "scores": None,
        "references": ["random"],
        "rows": [
            row("optuna:tpe", 0.5, asked={"synflow": 4.5}, unanswered={"synflow": 3.0}),
            row("random", 2.0, against={}, reach={"random": {"spent": 10.0, "low": 5.0, "high": 10.0, "reached": 1.0}}),
            row("<b>bad", 3.0, reach=never),
        ],
        "ranks": {
            "ranks": {"optuna:tpe": 1.2, "random": 1.9, "<b>bad": 2.9},
            "p_value": 0.0004,
            "critical_difference": 0.61,
            "alike": [["optuna:tpe", "random"]],
        },
        "curves": {"points": [1.0, 2.0], "by": dict.fromkeys(("optuna:tpe", "random", "<b>bad"), lines)},
        "time_curves": None,
        "failed": {"cascade": "cascade: it asks for latency_ms"},
        "finished": "2026-01-02",
        "versions": {"torch": "2"},
    }


def cells(arena, place):
    return dict(zip(arena_tables.HEADINGS, arena_tables.arena_cells(arena["rows"][place], arena), strict=True))


def test_cells_of_a_strategy(arena):
    best = cells(arena, 0)
    assert (best["regret"], best["95 %"], best["quartiles"]) == ("0.50", "0.40 to 0.60", "0.25 to 1.00")
    assert (best["to match random"], best["between"], best["times fewer"]) == ("2.00", "1.00 to more", "5.0")
    assert (best["won · tied · lost"], best["p"]) == ("20 · 3 · 7", ".034")
    assert best["to match evolution"] == "–"
    assert cells(arena, 1)["won · tied · lost"] == "–"
    never = cells(arena, 2)
    assert (never["to match random"], never["between"], never["times fewer"]) == ("–", "–", "–")


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.00099, "< .001"), (0.5, ".500"), (1.0, "1.000")])
def test_p_values(value, text):
    assert arena_tables.probability(value) == text


def test_other_units_have_four_decimals():
    assert arena_tables.amount(0.01234, "fraction") == "0.0123"


def test_the_headline_says_who_wins_and_by_how_much(arena):
    assert arena_tables.arena_headline(arena) == (
        "optuna:tpe ends with the smallest mean regret, 0.50 (random: 2.00), and reaches what random reaches with 5.0 "
        "times fewer evaluations."
    )
    arena["rows"] = arena["rows"][1:]
    assert arena_tables.arena_headline(arena) == "random ends with the smallest mean regret, 2.00."


def test_the_table_fits_and_has_its_notes(arena):
    console = Console(width=150, record=True)
    console.print(arena_tables.arena_table(arena))
    text = console.export_text()
    for part in (
        "optuna:tpe",
        "20 · 3 · 7",
        "1.00 to more",
        "Nemenyi",
        "asks for latency_ms",
        "optuna:tpe 4.50 synflow",
        "optuna:tpe: no synflow score for 3.00 of 4.50, per race.",
    ):
        assert part in text
    assert "Not told apart: optuna:tpe, random." in text


def test_ranks_without_a_test_say_so(arena):
    ranks = {"ranks": {"random": 1.0}, "p_value": None, "critical_difference": None, "alike": []}
    assert "too few strategies" in arena_tables.rank_sentence(ranks)


def test_one_flat_line_for_each_point(arena):
    lines = list(arena_tables.flat_curves(arena))
    assert len(lines) == 6
    assert set(lines[0]) == set(arena_tables.COLUMNS)
    assert (lines[1]["strategy"], lines[1]["budget"], lines[1]["median"]) == ("optuna:tpe", 2.0, 2.0)
    arena["time_curves"] = arena["curves"]
    assert len(list(arena_tables.flat_curves(arena))) == 12


def test_no_regret_is_drawn_at_the_floor(arena):
    """The smallest positive value is 2: a regret of none is drawn at 1."""
    figure = arena_figures.regret_curves(arena, "curves")
    band, line = figure.data[0], figure.data[1]
    assert list(line.y) == [8.0, 2.0]
    assert list(band.y) == [9.0, 3.0, 1.0, 4.0]
    assert list(band.x) == [1.0, 2.0, 2.0, 1.0]


def test_points_without_a_value_are_left_out(arena):
    for lines in arena["curves"]["by"].values():
        for values in lines.values():
            values[0] = None
    assert list(arena_figures.regret_curves(arena, "curves").data[1].x) == [2.0]


def test_random_search_is_grey_and_groups_have_bars(arena):
    assert arena_figures.colours(arena)["random"] == arena_figures.GREY
    figure = arena_figures.rank_figure(arena)
    assert list(figure.data[0].x) == [1.2, 1.9, 2.9]
    assert list(figure.data[1].y) == ["optuna:tpe", "random"]


def test_the_page_has_everything_and_escapes_names(arena, monkeypatch):
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")
    page = render_arena(arena)
    assert "<b>bad" not in page
    for part in ('id="plot-evaluations"', 'id="plot-ranks"', "20 · 3 · 7", "as published", "torch 2"):
        assert part in page
    assert 'id="plot-seconds"' not in page
    arena["time_curves"] = arena["curves"]
    assert 'id="plot-seconds"' in render_arena(arena)
