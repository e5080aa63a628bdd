"""Rows, ranks and curves of races whose regrets are known."""

import numpy as np
import pytest

from nassay.studies.arena import Race
from nassay.studies.arena_rows import curves, ranks, rows


def raced(name: str, seed: int, test: list[float], *, price: float = 10.0, asked: dict[str, int] | None = None) -> Race:
    """Of what it asks for beside trainings, a proxy is never answered."""
    n = len(test)
    return Race(
        strategy=name,
        seed=seed,
        evaluations=4,
        best_test=90.0,
        architectures=(),
        valid=np.array(test),
        spent=np.arange(1.0, n + 1),
        test=np.array(test),
        seconds=price * np.arange(1, n + 1),
        asked=asked or {},
        unanswered=asked or {},
        finalists=(),
    )


RACES = {
    "random": [raced("random", 0, [80.0, 80.0, 84.0, 86.0]), raced("random", 1, [70.0, 82.0, 82.0, 88.0])],
    "evolution": [raced("evolution", 0, [80.0, 89.0], price=50), raced("evolution", 1, [70.0, 90.0], asked={"zen": 3})],
}
WALL = {"random": 0.1, "evolution": 0.2}


def test_a_row_has_what_is_left_at_the_end() -> None:
    best, random = rows(RACES, ("random",), WALL)
    assert (best["name"], random["name"]) == ("evolution", "random")
    assert (random["regret"], best["regret"]) == (3.0, 0.5)
    assert (random["test"], best["test"]) == (87.0, 89.5)
    assert (random["optimal"], best["optimal"]) == (0.0, 0.5)
    assert (random["spent"], best["spent"]) == (4.0, 2.0)
    assert (random["rank"], best["rank"]) == (2.0, 1.0)
    assert (random["seconds"], best["seconds"]) == (40.0, 60.0)
    assert best["asked"] == best["unanswered"] == {"zen": 1.5}
    assert best["wall_seconds"] == 0.2


def test_strategies_are_held_against_the_references_that_raced() -> None:
    """Evolution's mean regret is 15, then 0.5: it reaches random search's final 3 with its second training."""
    best, random = rows(RACES, ("random", "absent"), WALL)
    assert best["reach"]["random"]["spent"] == 2.0
    assert random["reach"]["random"]["spent"] == 4.0
    assert set(best["reach"]) == {"random"}
    assert (best["against"]["random"]["wins"], random["against"]) == (2, {})


def test_curves_over_evaluations_go_on_flat() -> None:
    found = curves(RACES, "evaluations")
    assert found["points"] == [1.0, 2.0, 3.0, 4.0]
    assert found["by"]["random"]["mean"] == [15.0, 9.0, 7.0, 3.0]
    assert found["by"]["evolution"]["mean"] == [15.0, 0.5, 0.5, 0.5]
    assert found["by"]["evolution"]["low"][0] == 12.5


def test_curves_over_seconds_have_no_value_before_every_seed_has_one() -> None:
    found = curves(RACES, "seconds")
    assert found["points"][0] == 10.0
    assert found["points"][-1] == pytest.approx(100.0)
    evolution = found["by"]["evolution"]["mean"]
    first = next(i for i, v in enumerate(evolution) if v is not None)
    assert found["points"][first] >= 50.0
    assert evolution[-1] == 0.5
    assert found["by"]["random"]["mean"][0] == 15.0


def test_ranks_are_plain_data() -> None:
    assert ranks(RACES) == {
        "ranks": {"evolution": 1.0, "random": 2.0},
        "p_value": None,
        "critical_difference": None,
        "alike": [],
    }
