"""Dynamic influence: how much to believe each cheap source, from how well it ordered what has been trained so far.

ProxyBO (Shen et al., AAAI 2023, arXiv:2110.10423): each source's share of concordant pairs on the evaluated
architectures, a softmax over sources whose temperature falls as evidence grows, and a weighted sum of ranks. The
formulas of the softmax (temperature t0 / (1 + ln n), t0 = 0.05) are a reconstruction; the paper's text could not be
checked.

A learned source (the surrogate) must be judged out of sample: see `held_out_predictions`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold

TEMPERATURE = 0.05


def concordance(scores: Sequence[float | None], truth: Sequence[float], comparable: np.ndarray | None = None) -> float:
    """Share of pairs that the scores order as the truth does; ties and missing scores count half.

    G = 2 / (n (n - 1)) * sum_{j<k} [ sign(s_j - s_k) = sign(y_j - y_k) ]; 0.5 where there is no pair.

    Args:
        scores: (n,) of the source, larger is better.
        truth: (n,) accuracies.
        comparable: (n, n) bools, which pairs count; all by default.
    """
    known = np.array([s is not None for s in scores])
    s = np.array([s if s is not None else 0.0 for s in scores])
    y = np.asarray(truth, dtype=float)
    i, j = np.triu_indices(len(y), k=1)
    if comparable is not None:
        i, j = i[comparable[i, j]], j[comparable[i, j]]
    if len(i) == 0:
        return 0.5
    agreement = np.sign(s[i] - s[j]) * np.sign(y[i] - y[j])
    agreement[~(known[i] & known[j])] = 0.0
    return float(np.mean((agreement + 1) / 2))


def influences(concordances: Mapping[str, float], evaluated: int) -> dict[str, float]:
    """Weights that sum to 1: I_a = exp(G_a / t) / sum_b exp(G_b / t), t = 0.05 / (1 + ln n)."""
    temperature = TEMPERATURE / (1 + np.log(max(1, evaluated)))
    g = np.array(list(concordances.values()))
    weights = np.exp((g - g.max()) / temperature)
    return dict(zip(concordances, (weights / weights.sum()).tolist(), strict=True))


def combined_rank(sources: Mapping[str, Sequence[float | None]], weights: Mapping[str, float]) -> np.ndarray:
    """Weighted sum of ranks, array (n,), larger is better: CR(x) = sum_a I_a R_a(x); a missing score ranks lowest."""
    total = np.zeros(len(next(iter(sources.values()))))
    for name, scores in sources.items():
        filled = [-np.inf if s is None else s for s in scores]
        total += weights[name] * rankdata(filled, method="average")
    return total


def surrogate(seed: int) -> Any:
    """The regressor over architecture encodings and cheap scores: a forest, for few points and discrete choices."""
    return ExtraTreesRegressor(n_estimators=100, min_samples_leaf=2, random_state=seed, n_jobs=1)


def held_out_predictions(features: np.ndarray, truth: Sequence[float], seed: int) -> np.ndarray:
    """Each architecture predicted by a surrogate that never saw it; (n, d) features, (n,) predictions, five folds."""
    y = np.asarray(truth, dtype=float)
    predictions = np.empty(len(y))
    folds = KFold(min(5, len(y)), shuffle=True, random_state=seed)
    for train, held_out in folds.split(features):
        predictions[held_out] = surrogate(seed).fit(features[train], y[train]).predict(features[held_out])
    return predictions
