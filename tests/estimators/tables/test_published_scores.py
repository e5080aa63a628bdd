"""Published scores are read by architecture, failures left out."""

import pyarrow
import pytest

from nassay.estimators.tables.published import rows_of, scores_of
from nassay.spaces.base import Architecture

A, B, C = (Architecture("toy", (i,)) for i in range(3))


def test_rows_of_one_architecture_are_gathered() -> None:
    assert rows_of([A, B, A]) == {A: [0, 2], B: [1]}


def test_several_rows_of_an_architecture_give_their_mean_and_failures_nothing() -> None:
    rows = pyarrow.table(
        {
            "zc_snip": [1.0, 5.0, 3.0, -1e9],
            "zc_zen": [None, float("nan"), float("inf"), -1e8],
            "time_snip": [0.5, 1.5, None, 1.0],
            "zc_unheard_of": [1.0, 2.0, 3.0, 4.0],
        }
    )
    found = scores_of(rows, [A, B, A, C], prefix="zc_")
    assert list(found) == ["snip"]
    assert found["snip"].values == {A: 2.0, B: 5.0}
    assert found["snip"].seconds == pytest.approx(1.0)


def test_a_score_without_times_has_none() -> None:
    (scores,) = scores_of(pyarrow.table({"params": [7]}), [A]).values()
    assert scores.values == {A: 7.0}
    assert scores.seconds is None
