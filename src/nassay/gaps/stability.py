"""How stable a ranking by shared weights is: between runs, between neighbouring mini-batches, and against the truth.

The measures of Zhang et al. 2020, "Deeper Insights into Weight Sharing in Neural Architecture Search",
arXiv:2001.01431, section 3. A snapshot is the accuracy of every architecture with the weights of one moment; rankings
swing from one mini-batch to the next, so a single one means little, and a window of the last k is averaged. Equal
values of all architectures are no ranking: there is no tau with them, and means are over those that there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from nassay.errors import UserError


@dataclass(frozen=True)
class WindowGap:
    """Rankings of the last snapshots of one run, held against the truth.

    Attributes:
        snapshots: how many there are.
        tau_mean: mean Kendall's tau-b with the truth (GT-Tau-Mean-k); None where no snapshot has one.
        tau_std: population standard deviation of the same (GT-Tau-Std-k); None likewise.
        tau_of_mean: tau of the accuracies averaged over the window: an ensemble of snapshots; None without.
        neighbour_tau: mean tau between a snapshot and the next one; None for a single snapshot, or without any tau.
        top_1_rank: mean true rank, 1 the best, of the architecture on top (T1R).
        top_3_rank: mean of the best true rank among the three on top (T3R).
        level_gap: mean of the true minus the inherited value, in the truth's unit.
        level_spread: standard deviation over architectures of the same, averaged over time first; it alone harms ranks.
    """

    snapshots: int
    tau_mean: float | None
    tau_std: float | None
    tau_of_mean: float | None
    neighbour_tau: float | None
    top_1_rank: float
    top_3_rank: float
    level_gap: float
    level_spread: float


def window_gap(accuracies: np.ndarray, truth: np.ndarray, last: int = 64) -> WindowGap:
    """The measures of a window.

    Args:
        accuracies: (snapshots, architectures) inherited values, in order of time.
        truth: (architectures,) stand-alone values, larger is better.
        last: length of the window in snapshots.

    Raises:
        UserError: the shapes do not agree, there are too few values, or one is not finite.
    """
    window = _checked(accuracies, truth)[-last:]
    taus = [t for row in window if (t := tau_b(row, truth)) is not None]
    gaps = truth - window.mean(0)
    return WindowGap(
        snapshots=len(window),
        tau_mean=mean_of(taus),
        tau_std=float(np.std(taus)) if taus else None,
        tau_of_mean=tau_b(window.mean(0), truth),
        neighbour_tau=mean_of(tau_b(a, b) for a, b in zip(window[:-1], window[1:], strict=True)),
        top_1_rank=float(np.mean([top_rank(row, truth, 1) for row in window])),
        top_3_rank=float(np.mean([top_rank(row, truth, 3) for row in window])),
        level_gap=float(gaps.mean()),
        level_spread=float(gaps.std()),
    )


def stability_tau(rankings: np.ndarray) -> float | None:
    """Mean Kendall's tau-b over all pairs of runs, or epochs (S-Tau); None where no pair has one.

    Args:
        rankings: (runs, architectures) values; two runs or more.

    Raises:
        UserError: there are fewer than two runs, or a value is not finite.
    """
    if rankings.ndim != 2 or len(rankings) < 2 or not np.isfinite(rankings).all():
        raise UserError(f"Needs finite values of two runs or more, (runs, architectures), found {rankings.shape}.")
    pairs = [(i, j) for j in range(len(rankings)) for i in range(j)]
    return mean_of(tau_b(rankings[i], rankings[j]) for i, j in pairs)


def top_rank(values: np.ndarray, truth: np.ndarray, n: int) -> int:
    """The best true rank, 1 the best, among the n architectures of largest value (TnR); ties by position."""
    ranks = np.empty(len(truth), dtype=int)
    ranks[np.argsort(-truth, kind="stable")] = np.arange(1, len(truth) + 1)
    return int(ranks[np.argsort(-values, kind="stable")[:n]].min())


def tau_b(x: np.ndarray, y: np.ndarray) -> float | None:
    """Kendall's tau-b of (architectures,) values; None where all of one side are equal."""
    tau = float(kendalltau(x, y, variant="b").statistic)
    return tau if np.isfinite(tau) else None


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known; None where none is."""
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _checked(accuracies: np.ndarray, truth: np.ndarray) -> np.ndarray:
    if accuracies.ndim != 2 or accuracies.shape[1:] != truth.shape or len(truth) < 3 or not len(accuracies):
        raise UserError(
            "Needs (snapshots, architectures) inherited and (architectures,) true values of at least 3 architectures, "
            f"found {accuracies.shape} and {truth.shape}."
        )
    if not (np.isfinite(accuracies).all() and np.isfinite(truth).all()):
        raise UserError("All inherited and true values must be finite; leave out architectures that failed.")
    return accuracies
