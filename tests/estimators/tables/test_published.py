"""Published zero-cost scores: what counts as a value, whose it is, and what it took."""

import math

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassay.estimators.tables.published import FAILED, PROXIES, rows_of, scores_of
from nassay.spaces.base import Architecture

A, B, C = (Architecture("toy", (i,)) for i in range(3))
VALUES = st.one_of(
    st.none(),
    st.sampled_from([math.nan, math.inf, -math.inf, FAILED, 10 * FAILED]),
    st.floats(-1e6, 1e6, allow_subnormal=False),
)


def values_of(column: object, architectures: list[Architecture]) -> dict[Architecture, float]:
    """Of the only proxy of a table; none where no row has a value."""
    found = scores_of(pyarrow.table({"snip": column}), architectures)
    return found["snip"].values if found else {}


def test_rows_are_listed_in_order_under_the_architecture_that_came_first() -> None:
    found = rows_of([B, A, B, C, A, B])
    assert list(found.items()) == [(B, [0, 2, 5]), (A, [1, 4]), (C, [3])]
    assert rows_of([]) == {}


@given(st.lists(st.integers(0, 5), max_size=30))
def test_every_row_is_somebody_s_once(owners: list[int]) -> None:
    found = rows_of([Architecture("toy", (i,)) for i in owners])
    assert sorted(row for rows in found.values() for row in rows) == list(range(len(owners)))
    assert all(owners[row] == a.choices[0] for a, rows in found.items() for row in rows)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, -1e8, -1e9])
def test_what_is_no_value_is_left_out_and_never_a_number(value: float | None) -> None:
    """A missing value, one that is not finite, and the number that was written where a proxy had failed."""
    assert values_of([value, 1.5], [A, B]) == {B: 1.5}
    assert values_of([value], [A]) == {}


@pytest.mark.parametrize("value", [0.0, -0.5, -99_999_999.0, 1e300])
def test_zero_and_large_numbers_are_values_with_their_own_sign(value: float) -> None:
    assert values_of([value], [A]) == {A: value}


def test_a_failure_of_one_row_does_not_pull_the_mean() -> None:
    """(1 + 4) / 2, not a third of their sum nor of it with -1e8."""
    assert values_of([1.0, -1e8, 4.0], [A, A, A]) == {A: 2.5}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), VALUES), min_size=1, max_size=20))
def test_values_are_means_of_each_architecture_s_own_rows(rows: list[tuple[int, float | None]]) -> None:
    expected = {}
    for i in range(4):
        own = [v for owner, v in rows if owner == i and v is not None and math.isfinite(v) and v > FAILED]
        if own:
            expected[Architecture("toy", (i,))] = pytest.approx(math.fsum(own) / len(own), abs=1e-6)
    column = pyarrow.array([v for _, v in rows], pyarrow.float64())
    assert values_of(column, [Architecture("toy", (owner,)) for owner, _ in rows]) == expected


@pytest.mark.parametrize("kind", [pyarrow.int64(), pyarrow.float32(), pyarrow.float64()])
def test_columns_of_any_kind_of_number_and_in_parts(kind: pyarrow.DataType) -> None:
    column = pyarrow.chunked_array([pyarrow.array([3, None], kind), pyarrow.array([7], kind)])
    found = values_of(column, [A, B, C])
    assert found == {A: 3.0, C: 7.0}
    assert all(type(value) is float for value in found.values())


def test_reading_leaves_the_table_as_it_was() -> None:
    rows = pyarrow.table({"snip": [-1e8, 2.0], "time_snip": [1.0, 3.0]})
    scores_of(rows, [A, B])
    assert rows.to_pydict() == {"snip": [-1e8, 2.0], "time_snip": [1.0, 3.0]}


def test_proxies_are_those_of_the_file_in_the_order_of_their_list() -> None:
    columns = {name: [1.0] for name in ("zen", "accuracy", "nwot", "ZEN", "epe_nas", "flops_seen")}
    assert list(scores_of(pyarrow.table(columns), [A])) == ["epe_nas", "nwot", "zen"]
    assert list(scores_of(pyarrow.table({name: [1.0] for name in PROXIES}), [A])) == list(PROXIES)
    assert len(set(PROXIES)) == 14
    assert scores_of(pyarrow.table({"accuracy": [1.0]}), [A]) == {}


def test_a_prefix_chooses_among_columns_of_several_data_sets() -> None:
    rows = pyarrow.table({"c10_snip": [1.0], "c100_snip": [2.0], "snip": [3.0]})
    found = {prefix: scores_of(rows, [A], prefix)["snip"].values for prefix in ("c10_", "c100_", "")}
    assert found == {"c10_": {A: 1.0}, "c100_": {A: 2.0}, "": {A: 3.0}}
    assert scores_of(rows, [A], "imagenet_") == {}


def test_seconds_are_a_mean_over_rows_and_have_no_prefix() -> None:
    """Rows, not architectures: (1 + 1 + 4) / 3; a row whose proxy failed took its time, too."""
    rows = pyarrow.table({"c10_snip": [1.0, 2.0, -1e8], "time_snip": [1.0, 1.0, 4.0], "c10_time_snip": [9.0] * 3})
    assert scores_of(rows, [A, A, B], "c10_")["snip"].seconds == 2.0


@pytest.mark.parametrize(
    ("times", "seconds"), [([None, None], None), ([math.nan, math.inf], None), ([math.nan, 3.0], 3.0), ([0.0, 0.0], 0)]
)
def test_seconds_that_are_not_known_are_none(times: list[float | None], seconds: float | None) -> None:
    rows = pyarrow.table({"zen": [1.0, 2.0], "time_zen": pyarrow.array(times, pyarrow.float64())})
    assert scores_of(rows, [A, B])["zen"].seconds == seconds


def test_text_is_no_score() -> None:
    with pytest.raises(pyarrow.ArrowInvalid):
        scores_of(pyarrow.table({"zen": ["high"]}), [A])
