import math

import pytest

from nassay.errors import UserError
from nassay.estimators.proxies import log_rank_sum


def test_ranks_ties_and_missing_values() -> None:
    found = log_rank_sum([[10.0, 20.0, 20.0, None], [-1.0, None, None, 5.0]])
    ranks = [(2, 3), (3.5, 1.5), (3.5, 1.5), (1, 4)]
    assert found == pytest.approx([sum(math.log(rank / 4) for rank in row) for row in ranks])


def test_only_order_matters() -> None:
    column = [3.0, -1.0, 7.0, 0.5]
    assert log_rank_sum([column]) == log_rank_sum([[math.exp(v) for v in column]])


def test_one_bad_rank_is_not_made_good_by_fair_ones() -> None:
    columns = [[1.0, 3.0, 4.0, 2.0], [5.0, 3.0, 4.0, 2.0]]  # ranks (1, 4) against (3, 2)
    first, second, *_ = log_rank_sum(columns)
    assert first is not None
    assert second is not None
    assert first < second


def test_weights_count_a_column_more_than_once() -> None:
    columns = [[1.0, 3.0, 2.0], [5.0, 3.0, 4.0]]
    assert log_rank_sum(columns, [2, 1]) == pytest.approx(log_rank_sum([columns[0], *columns]))
    with pytest.raises(UserError, match="found 1 weights and 2 columns"):
        log_rank_sum(columns, [1])


def test_without_any_value_there_is_none() -> None:
    assert log_rank_sum([[None, 1.0], [None, 2.0]])[0] is None
    assert log_rank_sum([]) == []
    assert log_rank_sum([[]]) == []


@pytest.mark.parametrize("columns", [[[1.0], [1.0, 2.0]], [[math.nan, 1.0]]])
def test_bad_columns_are_refused(columns: list[list[float | None]]) -> None:
    with pytest.raises(UserError):
        log_rank_sum(columns)
