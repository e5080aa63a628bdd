"""Dynamic influence: how much to believe each cheap source, from how well it ordered what has been trained so far.

ProxyBO (Shen et al., AAAI 2023, arXiv:2110.10423): each source's share of concordant pairs on the evaluated
architectures, a softmax over sources whose temperature falls as evidence grows, and a weighted sum of ranks. The
formulas of the softmax (temperature t0 / (1 + ln n), t0 = 0.05) are a reconstruction; the paper's text could not be
checked.

A learned source (the surrogate) must be judged out of sample: see `held_out_predictions`.

Scores are sequences that hold None, or arrays that hold NaN, where a source has none.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold

TEMPERATURE = 0.05

Scores = Sequence[float | None] | np.ndarray


def concordance(scores: Scores, truth: Sequence[float] | np.ndarray, comparable: np.ndarray | None = None) -> float:
    """Share of pairs that the scores order as the truth does; ties and missing scores count half.

    G = 2 / (n (n - 1)) * sum_{j<k} [ sign(s_j - s_k) = sign(y_j - y_k) ]; 0.5 where there is no pair.

    Args:
        scores: (n,) of the source, larger is better.
        truth: (n,) accuracies.
        comparable: (n, n) bools, which pairs count; all by default.
    """
    s = np.asarray(scores, dtype=float)
    y = np.asarray(truth, dtype=float)
    i, j = _pairs(len(y))
    if comparable is not None:
        i, j = i[comparable[i, j]], j[comparable[i, j]]
    if len(i) == 0:
        return 0.5
    agreement = np.sign(s[i] - s[j]) * np.sign(y[i] - y[j])
    agreement[np.isnan(s[i]) | np.isnan(s[j])] = 0.0
    return float(np.mean((agreement + 1) / 2))


@lru_cache(maxsize=8)
def _pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of all pairs, the smaller one first."""
    return np.triu_indices(count, k=1)


def influences(concordances: Mapping[str, float], evaluated: int) -> dict[str, float]:
    """Weights that sum to 1: I_a = exp(G_a / t) / sum_b exp(G_b / t), t = 0.05 / (1 + ln n)."""
    temperature = TEMPERATURE / (1 + np.log(max(1, evaluated)))
    g = np.array(list(concordances.values()))
    weights = np.exp((g - g.max()) / temperature)
    return dict(zip(concordances, (weights / weights.sum()).tolist(), strict=True))


def combined_rank(sources: Mapping[str, Scores], weights: Mapping[str, float]) -> np.ndarray:
    """Weighted sum of ranks, array (n,), larger is better: CR(x) = sum_a I_a R_a(x); a missing score ranks lowest."""
    total = np.zeros(len(next(iter(sources.values()))))
    for name, scores in sources.items():
        total += weights[name] * ranks(scores)
    return total


def ranks(scores: Scores) -> np.ndarray:
    """Array (n,): 1 for the lowest score, ties share the mean of theirs, a missing score ranks lowest."""
    values = np.asarray(scores, dtype=float)
    return rankdata(np.where(np.isnan(values), -np.inf, values), method="average")


def surrogate(seed: int) -> Any:
    """The regressor over architecture encodings and cheap scores: a forest, for few points and discrete choices."""
    return ExtraTreesRegressor(n_estimators=100, min_samples_leaf=2, random_state=seed, n_jobs=1)


def held_out_predictions(
    features: np.ndarray,
    truth: Sequence[float] | np.ndarray,
    seed: int,
    make: Callable[[int], Any] | None = None,
) -> np.ndarray:
    """Each architecture predicted by a surrogate that never saw it; (n, d) features, (n,) predictions, five folds.

    Args:
        features: (n, d) of the architectures.
        truth: (n,) accuracies.
        seed: of the folds and of every surrogate.
        make: makes a surrogate from a seed; `surrogate` by default.
    """
    make = make or surrogate
    y = np.asarray(truth, dtype=float)
    predictions = np.empty(len(y))
    folds = KFold(min(5, len(y)), shuffle=True, random_state=seed)
    for train, held_out in folds.split(features):
        predictions[held_out] = make(seed).fit(features[train], y[train]).predict(features[held_out])
    return predictions
