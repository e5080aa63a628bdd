"""The optimization gap of a super-network, from accuracies alone: inherited against stand-alone.

Measures: Xie et al. 2021, "Weight-Sharing Neural Architecture Search: A Battle to Shrink the Optimization Gap",
arXiv:2008.01475 (its thesis; the formulas are ours), and Zhang et al. 2020, arXiv:2001.01431, see `stability`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nassay.gaps.gap import gap
from nassay.gaps.stability import mean_of, stability_tau, tau_b, window_gap

Matrix = Sequence[Sequence[float]]


def ceiling(alone: np.ndarray) -> float | None:
    """The tau with one seed's stand-alone trainings that another seed's have: what training a second time is worth.

    Args:
        alone: (seeds, architectures) stand-alone accuracies.

    Returns:
        The mean over pairs of seeds; None for a single seed, or where no pair has a tau.
    """
    return stability_tau(alone) if len(alone) > 1 else None


def supernet_gap(
    alone: Matrix,
    runs: Sequence[dict[str, Any]],
    seed: int = 0,
    classes: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, Any]:
    """Every measure of a method's super-networks.

    Args:
        alone: (seeds, architectures) stand-alone accuracies.
        runs: for each super-network `inherited` and `plain`, (architectures,) accuracies with and without re-calibrated
            norms, `epochs` {share of the training: accuracies}, `window` (snapshots, architectures), `update_counts`
            [choice][option] or None, and `mixture` and `discretised` accuracies, or None.
        seed: of the bootstrap.
        classes: by name, such as `depth`, which class each architecture is in.

    Returns:
        JSON-ready: `recalibrated` and `plain`, each the gap of the mean over super-networks with its interval, tau of
        each super-network and the spread of levels; `ceiling`; `mean_tau_with_seed`, tau with the truth of one seed as
        the ceiling is, a mean over super-networks and seeds, and `share_of_ceiling`, its share; `stability` over
        super-networks, None for a single one; `epochs`, the mean tau at each share of the training; `window`, the
        measures of each super-network; `within`, for each kind of classes tau over the `pairs` of the same class, of
        each super-network and their mean; `unfairness`, the largest difference of update counts; `discretisation_gap`,
        a mean. A tau is None where all architectures have the same accuracy, and means are over the others.
    """
    columns = np.asarray(alone, dtype=float)
    truth = columns.mean(0)
    top = ceiling(columns)
    found: dict[str, Any] = {"ceiling": top, "n": len(truth), "seeds": len(runs), "stand_alone_seeds": len(columns)}
    for key, name in (("inherited", "recalibrated"), ("plain", "plain")):
        values = np.array([run[key] for run in runs])
        taus = [tau_b(row, truth) for row in values]
        report = gap(name, "stand-alone", values.mean(0).tolist(), truth.tolist(), same_unit=True, seed=seed).to_dict()
        spread = float(np.std(truth - values.mean(0)))
        found[name] = {**report, "taus": taus, "mean_tau": mean_of(taus), "level_spread": spread}
    inherited = np.array([run["inherited"] for run in runs])
    mean = mean_of(tau_b(row, column) for row in inherited for column in columns)
    found["mean_tau_with_seed"] = mean
    found["share_of_ceiling"] = mean / top if top and mean is not None else None
    found["stability"] = stability_tau(inherited) if len(runs) > 1 else None
    shares = runs[0]["epochs"]
    found["epochs"] = {share: mean_of(tau_b(np.array(r["epochs"][share]), truth) for r in runs) for share in shares}
    found["window"] = [asdict(window_gap(np.array(run["window"]), truth)) for run in runs if run["window"]]
    found["within"] = {what: _within(inherited, truth, np.array(own)) for what, own in (classes or {}).items()}
    counts = [run["update_counts"] for run in runs if run["update_counts"]]
    found["unfairness"] = max((max(row) - min(row) for c in counts for row in c), default=None)
    pairs = [run["mixture"] - run["discretised"] for run in runs if run["discretised"] is not None]
    found["discretisation_gap"] = float(np.mean(pairs)) if pairs else None
    return found


def tau_of_pairs(values: np.ndarray, truth: np.ndarray, pairs: np.ndarray) -> float | None:
    """Kendall's tau-b over some pairs of architectures; None where all of them are tied.

    Args:
        values: (architectures,) cheap values.
        truth: (architectures,) true values.
        pairs: (pairs, 2) indices.
    """
    left, right = pairs.T
    a, b = np.sign(values[left] - values[right]), np.sign(truth[left] - truth[right])
    untied = np.sqrt(float(np.abs(a).sum()) * float(np.abs(b).sum()))
    return float((a * b).sum() / untied) if untied else None


def _within(inherited: np.ndarray, truth: np.ndarray, classes: np.ndarray) -> dict[str, Any]:
    every = np.transpose(np.triu_indices(len(truth), 1))
    pairs = every[classes[every[:, 0]] == classes[every[:, 1]]]
    taus = [tau_of_pairs(row, truth, pairs) for row in inherited]
    return {"pairs": len(pairs), "taus": taus, "mean_tau": mean_of(taus)}
