from dataclasses import FrozenInstanceError

import pytest

from nassay.estimators.tables.series import COSTS, QUALITY, Measurement, Series


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"metric": "accuracy", "split": "test", "epochs": 200, "seed": 777}, "test after 200 epochs, seed 777"),
        ({"metric": "accuracy", "split": "valid", "epochs": 12}, "valid after 12 epochs"),
        ({"metric": "accuracy", "split": "test", "epochs": 0, "seed": 0}, "test after 0 epochs, seed 0"),
        ({"metric": "train_seconds", "seed": 1}, "train_seconds, seed 1"),
        ({"metric": "params"}, "params"),
    ],
)
def test_a_series_in_words(facts, words):
    assert Series(dataset="cifar10", unit="percent", column="c", **facts).query == words


def test_the_numbers_of_a_column_are_taken_as_they_are_unless_told():
    series = Series("cifar10", "accuracy", "percent", "c")
    assert (series.scale, series.offset, series.position) == (1.0, 0.0, None)


def test_series_are_values_equal_and_hashable_but_not_changed():
    series = Series("cifar10", "accuracy", "percent", "c", seed=1)
    assert {series: "here"}[Series("cifar10", "accuracy", "percent", "c", seed=1)] == "here"
    assert series != Series("cifar10", "accuracy", "percent", "c")
    for frozen, name in ((series, "seed"), (Measurement(series, 93.5, 2), "value")):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, name, 0)


def test_no_metric_is_both_a_quality_and_a_cost():
    assert not set(QUALITY) & set(COSTS)
