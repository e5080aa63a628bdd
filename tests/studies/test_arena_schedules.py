"""What a table shows, what judges, and what its trainings took."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassay.estimators.tables.base import Table
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Architecture, Space
from nassay.studies.arena_schedules import schedules_of, training_seconds

SERIES = [
    Series("pixels", metric, "percent", column, split, epochs, seed)
    for column, (metric, split, epochs, seed) in {
        "valid": ("accuracy", "valid", 100, None),
        "valid_20": ("accuracy", "valid", 20, None),
        "test": ("accuracy", "test", 100, None),
        "test_seed0": ("accuracy", "test", None, 0),
        "test_seed1": ("accuracy", "test", None, 1),
        "test_seed2": ("accuracy", "test", None, 2),
        "unstated": ("accuracy", "unstated", 100, None),
        "seconds": ("train_seconds", None, 100, None),
        "seconds_20": ("train_seconds", None, 20, None),
        "macs": ("macs", None, None, None),
    }.items()
]


@pytest.fixture
def made(tmp_path: Path, toy: Space, toy_table: Callable[..., Table]) -> Any:
    """A table of as many networks as its columns are long, and the networks."""

    def make(**columns: Sequence[float]) -> tuple[Table, list[Architecture]]:
        n = len(next(iter(columns.values())))
        networks = [Architecture("toy", (i // 16, i // 4 % 4, i % 4, 0, 0, 0, 0, 0)) for i in range(n)]
        return toy_table(tmp_path, toy, networks, columns, {"pixels": SERIES}), networks

    return make


def test_validation_is_shown_and_test_judges(made: Any) -> None:
    table, (a, b) = made(valid=[50.0, 60.0], valid_20=[30.0, 20.0], test=[55.0, 65.0])
    schedules, test, rules = schedules_of(table, "pixels")
    assert [(s.epochs, s.share, s.values[a]) for s in schedules] == [(20, 0.2, 30.0), (100, 1.0, 50.0)]
    assert test == {a: 55.0, b: 65.0}
    assert rules[0] == "Strategies see the validation split, the test split judges."
    assert rules[2] == "Schedules: 20, 100 epochs."
    assert not any(s.on_curve for s in schedules)


def test_a_network_without_a_test_value_is_not_there(made: Any) -> None:
    table, (a, b) = made(valid=[50.0, 60.0], test=[55.0, np.nan])
    schedules, test, _ = schedules_of(table, "pixels")
    assert list(schedules[0].values) == list(test) == [a]


def test_without_validation_the_first_seed_is_shown_and_the_others_judge(made: Any) -> None:
    table, (a, b) = made(test_seed0=[50.0, 60.0], test_seed1=[51.0, 62.0], test_seed2=[53.0, 64.0])
    schedules, test, rules = schedules_of(table, "pixels")
    assert (schedules[0].epochs, schedules[0].share) == (None, 1.0)
    assert schedules[0].values == {a: 50.0, b: 60.0}
    assert test == {a: 52.0, b: 63.0}
    assert "strategies see seed 0" in rules[0]


def test_one_measurement_is_seen_and_judges(made: Any) -> None:
    table, (a, b) = made(unstated=[50.0, 60.0])
    schedules, test, rules = schedules_of(table, "pixels")
    assert schedules[0].values == test == {a: 50.0, b: 60.0}
    assert "one measurement (unstated)" in rules[0]


def test_recorded_times_are_taken_as_they_are(made: Any) -> None:
    table, (a, b) = made(valid=[50.0, 60.0], seconds=[7.0, 9.0])
    assert training_seconds(table, "pixels", 100) == ({a: 7.0, b: 9.0}, "as recorded for every network")


def test_a_schedule_without_times_has_its_share_of_the_longest(made: Any) -> None:
    table, (a, b) = made(valid=[50.0, 60.0], valid_20=[1.0, 2.0], seconds=[7.0, 9.0])
    assert training_seconds(table, "pixels", 20)[0] == pytest.approx({a: 1.4, b: 1.8})


def test_missing_times_are_a_line_in_macs(made: Any) -> None:
    """Recorded: 5 s and 2 s for each million; the last ten networks have no record."""
    macs = [1e6 * (i + 1) for i in range(20)]
    seconds = [5 + 2 * (i + 1.0) if i < 10 else np.nan for i in range(20)]
    table, networks = made(valid=[50.0] * 20, seconds=seconds, macs=macs)
    found, told = training_seconds(table, "pixels", 100)
    assert [found[a] for a in networks] == pytest.approx([5 + 2 * (i + 1) for i in range(20)])
    assert "10 of 20 networks" in told
    assert "median error 0 %" in told


def test_a_recorded_time_comes_before_the_line(made: Any) -> None:
    seconds = [1.0, 3.0] * 6 + [np.nan]
    table, networks = made(valid=[50.0] * 13, seconds=seconds, macs=[1e6 * (i + 1) for i in range(13)])
    found, _ = training_seconds(table, "pixels", 100)
    assert [found[a] for a in networks[:12]] == seconds[:12]


@pytest.mark.parametrize("recorded", [0, 9])
def test_too_few_times_are_none(made: Any, recorded: int) -> None:
    seconds = [1.0] * recorded + [np.nan] * (12 - recorded)
    table, _ = made(valid=[50.0] * 12, seconds=seconds, macs=[1e6] * 12)
    assert training_seconds(table, "pixels", 100) == ({}, "the table has no training times")
