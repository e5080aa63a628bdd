import math

import numpy as np
import pytest

from nassay.estimators.proxies import log_rank_sum, proxies
from nassay.estimators.proxies.nassay_score import MEMBERS, agreement, nassay_score
from nassay.estimators.topology import topologies

UP, DOWN = [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]


def test_members_are_registered_and_larger_is_better() -> None:
    for name in MEMBERS:
        entry = topologies[name] if name in topologies else proxies[name]
        assert entry.info["direction"] == 1


def test_columns_that_agree_have_the_same_say() -> None:
    assert agreement([UP, UP, [5.0, 7.0, 70.0]]) == pytest.approx([1, 1, 1])
    assert nassay_score([UP] * 5) == pytest.approx([5 * math.log(1 / 3), 5 * math.log(2 / 3), 0])


def test_who_contradicts_the_others_has_none() -> None:
    """ln 1, ln 2, ln 3 against ln 3, ln 2, ln 1: the first two columns agree with the mean (1 + c) / 2."""
    c = float(np.corrcoef(np.log([1, 2, 3]), np.log([3, 2, 1]))[0, 1])
    assert c < -0.5
    weights = agreement([UP, UP, DOWN])
    assert weights == pytest.approx([(1 + c) / 2, (1 + c) / 2, 0])
    assert nassay_score([UP, UP, DOWN]) == pytest.approx(log_rank_sum([UP, UP, DOWN], weights))


def test_missing_values_agree_that_a_network_is_the_worst() -> None:
    assert agreement([[None, 2.0, 3.0], UP]) == pytest.approx([1, 1])


def test_a_signal_that_ranks_all_alike_has_no_say_and_does_not_lower_that_of_others() -> None:
    assert agreement([UP, [None] * 3, UP, [7.0] * 3]) == pytest.approx([1, 0, 1, 0])


@pytest.mark.parametrize(
    ("columns", "weights"),
    [
        ([UP], [1]),
        ([UP, [4.0] * 3], [1, 0]),
        ([UP, DOWN], [1, 1]),
        ([[2.0], [3.0]], [0, 0]),
        ([], []),
        ([[], []], [0, 0]),
    ],
)
def test_where_nobody_can_agree(columns: list[list[float]], weights: list[float]) -> None:
    assert agreement(columns) == weights


def test_a_signal_astray_does_not_spoil_the_rank() -> None:
    """Four noisy views of a truth and one of its opposite: weighing by agreement is better than counting alike."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    columns = [(sign * truth + rng.normal(size=300)).tolist() for sign in (1, 1, 1, 1, -1)]

    def rho(scores: list[float | None]) -> float:
        return float(np.corrcoef(np.argsort(np.argsort(scores)), np.argsort(np.argsort(truth)))[0, 1])

    assert agreement(columns)[-1] == 0
    assert rho(nassay_score(columns)) > rho(log_rank_sum(columns)) + 0.1
