"""Strategies against each other: regret curves over seeds, what they need to reach random search, tests, ranks.

A curve is the regret of the incumbent, what it lacks to the best of all, at points of a budget. Seeds are paired: row i
of every strategy has the same seed. Tests and critical differences follow Demsar, "Statistical comparisons of
classifiers over multiple data sets", JMLR 7, 2006, with seeds as blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon

LEVEL = 0.05
RESAMPLES = 1000


@dataclass(frozen=True)
class Band:
    """Regret over seeds at each of n points; NaN where not every seed has a value.

    Attributes:
        mean: (n,) means.
        median: (n,) medians.
        low: (n,) lower quartiles.
        high: (n,) upper quartiles.
    """

    mean: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


def band(curves: np.ndarray) -> Band:
    """Mean, median and interquartile band of (seeds, n) curves."""
    low, median, high = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
    return Band(curves.mean(0), median, low, high)


def mean_interval(values: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean over seeds; (n,) values."""
    draws = values[_resamples(len(values), seed)].mean(1)
    low, high = np.quantile(draws, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Reach:
    """What a strategy spends until its mean regret is as small as a reference's at its full budget.

    Attributes:
        spent: the first point of the budget; None if it is never reached.
        low: lower end of a 95 % bootstrap interval over seeds.
        high: upper end; None if it is not reached in more than 2.5 % of the resamples.
        reached: share of the resamples in which it is reached.
    """

    spent: float | None
    low: float | None
    high: float | None
    reached: float


def reach(curves: np.ndarray, reference: np.ndarray, points: np.ndarray, *, seed: int = 0) -> Reach:
    """When a strategy is as good as the reference at the end; seeds are resampled in pairs.

    Args:
        curves: (seeds, n) regret of the strategy.
        reference: (seeds, n) regret of the reference with the same seeds.
        points: (n,) spent budget at the columns, ascending.
        seed: of the bootstrap.
    """
    rows = _resamples(len(curves), seed)
    found = np.array([_first(curves[r].mean(0), reference[r, -1].mean(), points) for r in rows])
    low, high = np.quantile(found, [LEVEL / 2, 1 - LEVEL / 2], method="higher")
    whole = _first(curves.mean(0), reference[:, -1].mean(), points)
    return Reach(_finite(whole), _finite(low), _finite(high), float(np.isfinite(found).mean()))


def _first(curve: np.ndarray, level: float, points: np.ndarray) -> float:
    """The first point at which the curve is not above the level; infinity if there is none."""
    reached = np.flatnonzero(curve <= level + 1e-12)
    return float(points[reached[0]]) if len(reached) else np.inf


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _resamples(n: int, seed: int) -> np.ndarray:
    """(RESAMPLES, n) indices drawn with replacement."""
    return np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))


@dataclass(frozen=True)
class Duel:
    """One strategy against another on the same seeds; smaller is better.

    Attributes:
        wins: seeds on which the first is better.
        ties: seeds on which both are equal.
        losses: the other seeds.
        p_value: of Wilcoxon's two-sided signed-rank test, ties dropped; None where all seeds are ties.
    """

    wins: int
    ties: int
    losses: int
    p_value: float | None


def duel(first: np.ndarray, second: np.ndarray) -> Duel:
    """Wilcoxon's signed-rank test of (seeds,) final regrets."""
    gain = np.round(second - first, 9)
    tied = int((gain == 0).sum())
    p_value = None if tied == len(gain) else float(wilcoxon(gain[gain != 0]).pvalue)
    return Duel(int((gain > 0).sum()), tied, int((gain < 0).sum()), p_value)


@dataclass(frozen=True)
class Ranking:
    """Ranks of several strategies, 1 is best.

    Attributes:
        ranks: mean rank over blocks by name, the best first.
        p_value: of Friedman's test that all are alike; None with fewer than three strategies or where all are tied.
        critical_difference: mean ranks that differ by less cannot be told apart at 5 % (Nemenyi); None without a test.
        alike: the largest groups of strategies that cannot be told apart, of two or more.
    """

    ranks: Mapping[str, float]
    p_value: float | None
    critical_difference: float | None
    alike: Sequence[tuple[str, ...]]


def ranking(finals: Mapping[str, np.ndarray]) -> Ranking:
    """Mean ranks with Friedman's test and Nemenyi's critical difference, q sqrt(k (k + 1) / 6 N).

    Args:
        finals: by strategy, (blocks,) final regrets, smaller is better; blocks are seeds, or benchmarks.
    """
    values = np.round(np.array(list(finals.values())), 9)
    k, blocks = values.shape
    means = rankdata(values, axis=0).mean(1)
    ranks = dict(sorted(zip(finals, means.tolist(), strict=True), key=lambda pair: pair[1]))
    if k < 3 or blocks < 2 or (values == values[0]).all():
        return Ranking(ranks, None, None, ())
    difference = float(studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * blocks)))
    return Ranking(ranks, float(friedmanchisquare(*values).pvalue), difference, _groups(ranks, difference))


def _groups(ranks: Mapping[str, float], difference: float) -> list[tuple[str, ...]]:
    """Maximal runs of strategies, ordered by rank, whose ranks are within the critical difference."""
    names, values = list(ranks), list(ranks.values())
    groups: list[tuple[str, ...]] = []
    end = 0
    for i, value in enumerate(values):
        j = max(j for j, other in enumerate(values) if other - value <= difference)
        if j > i and j + 1 > end:
            groups.append(tuple(names[i : j + 1]))
        end = max(end, j + 1)
    return groups
