"""nassay, this library's own score: five cheap signals of different kinds, each with as much say as the others back it.

    score(a) = sum over signals k of w_k ln(rank_k(a) / m)
    w_k      = max(0, mean over the other signals j of corr(ln rank_k, ln rank_j))

    macs         what the network costs
    sed, paths   what its graph lets through; no network
    naswot       how well it tells inputs apart, untrained
    jacob_cov    how differently it responds to different inputs, untrained

Ranks are within a set of m architectures, and log-ranks as in AZ-NAS (Lee & Ham, CVPR 2024, arXiv:2403.19232): a bad
rank is not made good by fair ones. Every proxy collapses somewhere (jacob_cov's Spearman is .74 on NAS-Bench-201 and
-.43 on NAS-Bench-101), and accuracies that would tell where are what a zero-cost score does without. But proxies that
tell something of the truth agree with each other, one that has gone astray agrees with nobody: so predictors without
labels are weighed in spectral meta-learning (Parisi et al., PNAS 2014, arXiv:1303.3257), of which this is the plain
first step. No weight is fitted to any benchmark; how members and rule were chosen, and what the same choice is worth on
search spaces that it has not seen, is in `benchmarks/results/score_study.md`. A signal that ranks all architectures
alike (no graph of operations, say) has no say. Agreement among very few architectures is chance: rank dozens together.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from nassay.estimators.proxies.aggregation import log_rank_sum

MEMBERS = ("macs", "sed", "paths", "naswot", "jacob_cov")


def nassay_score(columns: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The score of m architectures within their set.

    Args:
        columns: m scores for each of `MEMBERS`, larger is better; None, no value, is worse than every value.

    Returns:
        m scores, at most 0, larger is better; None where no column has a value.

    Raises:
        UserError: see `log_rank_sum`.
    """
    return log_rank_sum(columns, agreement(columns))


def agreement(columns: Sequence[Sequence[float | None]]) -> list[float]:
    """The weight of each column: its mean correlation with the others by log-ranks, at least 0.

    Args:
        columns: m scores for each signal, larger is better; None ranks lowest.

    Returns:
        One weight in 0..1 for each column, 0 where all ranks are the same; a column without company, and columns that
        contradict each other altogether, weigh 1.
    """
    filled = [[-np.inf if v is None else v for v in column] for column in columns]
    logs = [np.log(rankdata(column)) for column in filled]
    varying = [i for i, column in enumerate(logs) if len(column) and np.ptp(column) > 0]
    weights = [0.0] * len(columns)
    if varying:
        backed = backing(np.atleast_2d(np.corrcoef([logs[i] for i in varying])))
        for i, weight in zip(varying, backed, strict=True):
            weights[i] = float(weight)
    return weights


def backing(correlations: np.ndarray) -> np.ndarray:
    """(k, k) correlations between signals -> (k,) weights: how far the others back each; see `agreement`."""
    k = len(correlations)
    means = (correlations.sum(1) - 1) / max(k - 1, 1)
    return np.maximum(means, 0.0) if k > 1 and (means > 0).any() else np.ones(k)
