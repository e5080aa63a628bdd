"""Percentile bootstrap of Kendall's tau-b and Spearman's rho over architectures, all resamples at once.

A resample of n architectures is a vector w of n counts. With A_ij = sign(x_i - x_j), B_ij = sign(y_i - y_j),

    tau_b(w) = w'(A*B)w / sqrt(w'(A*A)w  w'(B*B)w)                         (Kendall 1945, ties in both)
    rho(w)   = sum_i w_i r_i s_i / sqrt(sum_i w_i r_i^2  sum_i w_i s_i^2),  r = Aw, s = Bw

because (Aw)_i is twice the centred average rank of x_i in the resample. So a thousand resamples are a few
matrix products, of n x n: where n is large, sorting every resample by itself is quicker, and gives the same numbers.
Efron & Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau, spearmanr

_BLOCK = 1 << 22  # most entries of one block of a sign matrix: 32 MB
_SORT_FROM = 2000  # pairs from which on resamples are sorted one by one


@dataclass(frozen=True)
class RankResamples:
    """Rank correlations of the resamples in which both columns vary.

    Attributes:
        tau: (kept,) Kendall's tau-b.
        rho: (kept,) Spearman's rho.
        dropped: number of resamples left out because a column was constant in them.
    """

    tau: np.ndarray
    rho: np.ndarray
    dropped: int


def rank_resamples(x: np.ndarray, y: np.ndarray, *, resamples: int, seed: int) -> RankResamples:
    """Rank correlations of `resamples` draws of n pairs with replacement.

    Args:
        x: (n,) finite values.
        y: (n,) finite values.
        resamples: number of draws.
        seed: of a generator of its own; the global generators are left alone.
    """
    n, rng = len(x), np.random.default_rng(seed)
    if n >= _SORT_FROM:
        return _sorted_resamples(x, y, resamples, rng)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    tau_sums = np.zeros((3, resamples))  # concordance, untied pairs of x, untied pairs of y
    rho_sums = np.zeros((3, resamples))  # covariance, variance of x, variance of y
    step = max(1, _BLOCK // n)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        w = counts[:, rows]
        a = np.sign(x[rows, None] - x[None, :])
        b = np.sign(y[rows, None] - y[None, :])
        tau_sums += [_weighted(w, counts @ matrix.T) for matrix in (a * b, a * a, b * b)]
        r, s = counts @ a.T, counts @ b.T
        rho_sums += [_weighted(w, product) for product in (r * s, r * r, s * s)]
    kept = (tau_sums[1] > 0) & (tau_sums[2] > 0)
    return RankResamples(_ratio(tau_sums[:, kept]), _ratio(rho_sums[:, kept]), int((~kept).sum()))


def _sorted_resamples(x: np.ndarray, y: np.ndarray, resamples: int, rng: np.random.Generator) -> RankResamples:
    """The same, one resample after the other: n log n and little memory for each."""
    found: list[tuple[float, float]] = []
    for _ in range(resamples):
        counts = rng.multinomial(len(x), np.full(len(x), 1 / len(x)))
        a, b = np.repeat(x, counts), np.repeat(y, counts)
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append((kendalltau(a, b).statistic, spearmanr(a, b).statistic))
    tau, rho = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return RankResamples(tau, rho, resamples - len(found))


def _weighted(w: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(resamples, rows) counts and values -> (resamples,) weighted sums."""
    return np.einsum("ri,ri->r", w, values)


def _ratio(sums: np.ndarray) -> np.ndarray:
    """(3, kept) numerator and two positive denominators -> (kept,) correlations."""
    numerator, left, right = sums
    return np.clip(numerator / (np.sqrt(left) * np.sqrt(right)), -1.0, 1.0)
