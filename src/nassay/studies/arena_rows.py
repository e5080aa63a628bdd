"""What a benchmark of strategies finds: a row for each, ranks, and curves over the budget, all as plain data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np

from nassay.gaps.regret import band, duel, mean_interval, ranking, reach
from nassay.studies.arena import Race

TIMES = 200  # points of curves over seconds, at equal ratios
DIGITS = 6

Races = Mapping[str, Sequence[Race]]


def rows(races: Races, references: Sequence[str], wall: Mapping[str, float]) -> list[dict[str, Any]]:
    """One row for each strategy, the smallest mean regret first.

    Args:
        races: by strategy, in the order of the seeds.
        references: strategies that the others are held against; some may be missing.
        wall: by strategy, the mean seconds that a race took.
    """
    finals = {name: _finals(runs) for name, runs in races.items()}
    spans = {name: _at_evaluations(runs) for name, runs in races.items()}
    ranks_by, points = ranking(finals).ranks, _points(next(iter(races.values())))
    found = []
    for name, runs in races.items():
        regret = finals[name]
        low, high = mean_interval(regret)
        row = {
            "name": name,
            "regret": float(regret.mean()),
            "regret_low": low,
            "regret_high": high,
            "median": float(np.median(regret)),
            "quartiles": np.quantile(regret, [0.25, 0.75]).tolist(),
            "test": float(np.mean([run.test[-1] for run in runs])),
            "optimal": float(np.mean(np.round(regret, 9) == 0)),
            "rank": ranks_by[name],
            "spent": float(np.mean([run.spent[-1] for run in runs])),
            "trained": float(np.mean([len(run.architectures) for run in runs])),
            "seconds": _mean_seconds(runs),
            "wall_seconds": wall[name],
            "asked": _mean([run.asked for run in runs]),
            "unanswered": _mean([run.unanswered for run in runs]),
            "reach": {r: asdict(reach(spans[name], spans[r], points)) for r in references if r in races},
            "against": {r: asdict(duel(regret, finals[r])) for r in references if r in races and r != name},
        }
        found.append(row)
    return sorted(found, key=lambda row: row["regret"])


def ranks(races: Races) -> dict[str, Any]:
    """Mean ranks over seeds, Friedman's test and the critical difference."""
    found = ranking({name: _finals(runs) for name, runs in races.items()})
    return {
        "ranks": dict(found.ranks),
        "p_value": found.p_value,
        "critical_difference": found.critical_difference,
        "alike": [list(group) for group in found.alike],
    }


def curves(races: Races, over: Literal["evaluations", "seconds"]) -> dict[str, Any]:
    """Regret of the incumbent over the budget: {points, by: {strategy: {mean, median, low, high}}}.

    A value is None where not every seed has one yet.
    """
    if over == "evaluations":
        points = _points(next(iter(races.values())))
        whole = {name: _at_evaluations(runs) for name, runs in races.items()}
    else:
        times = [run.seconds for runs in races.values() for run in runs if run.seconds is not None]
        points = np.geomspace(min(t[0] for t in times), max(t[-1] for t in times), TIMES)
        whole = {name: np.array([run.regret_after(points) for run in runs]) for name, runs in races.items()}
    return {
        "points": [float(f"{p:.6g}") for p in points],
        "by": {name: {k: _plain(v) for k, v in asdict(band(c)).items()} for name, c in whole.items()},
    }


def _points(runs: Sequence[Race]) -> np.ndarray:
    """(n,) numbers of evaluations: 1, 2, ... to the budget."""
    return np.arange(1, runs[0].evaluations + 1).astype(float)


def _at_evaluations(runs: Sequence[Race]) -> np.ndarray:
    """(seeds, n) regret at each number of evaluations."""
    return np.array([run.regret_at(_points(runs)) for run in runs])


def _finals(runs: Sequence[Race]) -> np.ndarray:
    """(seeds,) regret at the end."""
    return np.array([run.regret[-1] for run in runs])


def _mean_seconds(runs: Sequence[Race]) -> float | None:
    ends = [run.seconds[-1] for run in runs if run.seconds is not None]
    return float(np.mean(ends)) if ends else None


def _mean(counts: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Mean number of requests by estimator, trainings left out."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return {name: count / len(counts) for name, count in sorted(total.items())}


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), DIGITS) for v in values]
