"""Regret over seeds: bands, what is needed to reach a reference, signed ranks, critical differences."""

import numpy as np
import pytest

from nassay.gaps.regret import band, duel, mean_interval, ranking, reach

POINTS = np.array([1.0, 2.0, 3.0, 4.0])


def test_a_band_has_the_quartiles_of_the_seeds() -> None:
    found = band(np.array([[4.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [10.0, 0.0]]))
    assert found.mean.tolist() == [4.0, 0.0]
    assert found.median.tolist() == [3.0, 0.0]
    assert (found.low[0], found.high[0]) == (2.0, 4.0)


def test_the_band_has_no_value_where_a_seed_has_none() -> None:
    found = band(np.array([[np.nan, 1.0], [2.0, 1.0]]))
    assert np.isnan(found.mean[0])
    assert np.isnan(found.median[0])
    assert found.mean[1] == 1.0


def test_the_interval_of_a_mean_shrinks_to_a_constant() -> None:
    assert mean_interval(np.full(5, 2.5)) == (2.5, 2.5)
    low, high = mean_interval(np.arange(30.0))
    half = 1.96 * np.arange(30.0).std() / np.sqrt(30)
    assert low == pytest.approx(14.5 - half, abs=0.6)
    assert high == pytest.approx(14.5 + half, abs=0.6)


def test_reach_is_the_first_point_at_which_the_mean_is_as_small() -> None:
    """Random ends at 2 on average, the strategy's mean is 3, 2, 1, 1."""
    random = np.array([[9.0, 9.0, 9.0, 1.0], [9.0, 9.0, 9.0, 3.0]])
    strategy = np.array([[4.0, 3.0, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0]])
    assert reach(strategy, random, POINTS).spent == 2.0


def test_what_is_never_reached_has_no_price() -> None:
    random, strategy = np.full((3, 4), 1.0), np.full((3, 4), 2.0)
    found = reach(strategy, random, POINTS)
    assert (found.spent, found.low, found.high, found.reached) == (None, None, None, 0.0)


def test_the_interval_is_open_where_some_resamples_never_reach_it() -> None:
    """One seed of four reaches it at once, the others never do: the mean does so only if that seed is drawn often."""
    random = np.full((4, 4), 1.0)
    strategy = np.array([[0.0] * 4, [1.2] * 4, [1.2] * 4, [1.2] * 4])
    found = reach(strategy, random, POINTS)
    assert found.spent == 1.0
    assert found.low == 1.0
    assert found.high is None
    # unless the good seed is never drawn: (3/4)^4
    assert found.reached == pytest.approx(1 - 0.75**4, abs=0.05)


def test_a_duel_counts_seeds_and_drops_ties() -> None:
    """Six wins of six untied seeds: the two-sided exact p-value is 2 / 2^6."""
    first = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0])
    second = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.0])
    found = duel(first, second)
    assert (found.wins, found.ties, found.losses) == (6, 1, 0)
    assert found.p_value == pytest.approx(2 / 64)


def test_a_duel_of_equals_has_no_p_value() -> None:
    assert duel(np.ones(4), np.ones(4)).p_value is None


def test_mean_ranks_and_the_critical_difference() -> None:
    """Demsar 2006, section 3.2.2: q is 2.343 for three, 2.569 for four strategies."""
    finals = {"c": np.arange(10.0) + 2, "a": np.arange(10.0), "b": np.arange(10.0) + 1}
    found = ranking(finals)
    assert dict(found.ranks) == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert found.critical_difference == pytest.approx(2.343 * np.sqrt(3 * 4 / 60), abs=2e-3)
    # Friedman's statistic is 20 with two degrees of freedom: exp(-10)
    assert found.p_value == pytest.approx(np.exp(-10))
    assert found.alike == [("a", "b"), ("b", "c")]
    four = ranking({**finals, "d": np.arange(10.0) + 3})
    assert four.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / 60), abs=2e-3)


def test_ties_share_their_ranks() -> None:
    found = ranking({"a": np.array([1.0, 1.0]), "b": np.array([1.0, 1.0]), "c": np.array([2.0, 0.0])})
    assert dict(found.ranks) == {"a": 2.0, "b": 2.0, "c": 2.0}


@pytest.mark.parametrize("count", [2, 3])
def test_too_few_or_equal_strategies_have_ranks_only(count: int) -> None:
    found = ranking({name: np.ones(5) for name in "abc"[:count]})
    assert found.p_value is None
    assert found.critical_difference is None
    assert list(found.alike) == []


def test_groups_are_maximal() -> None:
    """a and b, c and d always change places; the pairs are one rank apart at least, and far from each other."""
    rng = np.random.default_rng(0)
    pairs = np.array([rng.permutation(2) for _ in range(40)]).T
    found = ranking({"a": pairs[0], "b": pairs[1], "c": pairs[0] + 10.0, "d": pairs[1] + 10.0})
    assert sorted(map(sorted, found.alike)) == [["a", "b"], ["c", "d"]]
