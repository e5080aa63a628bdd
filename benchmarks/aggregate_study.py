"""Which cheap signals carry over from one search space to another, and what their aggregation is worth there.

    NASSAY_DATA=... python benchmarks/aggregate_study.py

From published scores (NAS-Bench-Suite-Zero's, as tables) and the topology-only scores of this library, with the
tables' accuracies for truth. Nothing is trained and no network is run. Benchmarks of one space form a family; what an
aggregation chooses (members, weights, the best single score) is chosen on the other families and reported on the one
left out. Writes `benchmarks/results/aggregate_study.md` and `.json`.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls
from scipy.stats import kendalltau, norm, rankdata

from aggregate_tables import PUBLISHED, Benchmark, benchmarks
from nassay.estimators.topology import topologies

RESULTS = Path(__file__).parent / "results"
NAMES = (*PUBLISHED, *topologies.names())
RIDGE = 0.1  # of a unit variance, as the signals are normal scores: fixed beforehand
GAIN = 0.005  # of the mean rank correlation, for which a greedy sum takes one more member
COMMON = ("macs", "nwot", "sed")  # what the greedy sums of every fold share, found by this study
RESAMPLES = 200

Transform = Callable[[np.ndarray], np.ndarray]
Scorer = Callable[[Benchmark], np.ndarray]


def log_ranks(x: np.ndarray) -> np.ndarray:
    return np.log(rankdata(x) / len(x))


def normal_scores(x: np.ndarray) -> np.ndarray:
    z = norm.ppf((rankdata(x) - 0.5) / len(x))
    return z / z.std()


def rank_sum(members: Sequence[str], transform: Transform) -> Scorer:
    """The sum over those members that the benchmark has."""
    return lambda b: sum((transform(b.signals[m]) for m in members if m in b.signals), np.zeros(len(b.truth)))


def weighted(weights: dict[str, float]) -> Scorer:
    return lambda b: sum(
        (w * normal_scores(b.signals[m]) for m, w in weights.items() if w and m in b.signals), np.zeros(len(b.truth))
    )


def rho(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation; 0 where nothing is ranked."""
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1]) if np.ptp(x) > 0 else 0.0


def mean_over_families(values: Sequence[float], benchmarks: Sequence[Benchmark]) -> float:
    """Every family counts the same, however many tasks it has."""
    families = {b.family for b in benchmarks}
    per = [np.mean([v for v, b in zip(values, benchmarks, strict=True) if b.family == f]) for f in sorted(families)]
    return float(np.mean(per))


def quality(scorer: Scorer, benchmarks: Sequence[Benchmark]) -> float:
    return mean_over_families([rho(scorer(b), b.truth) for b in benchmarks], benchmarks)


def best_single(benchmarks: Sequence[Benchmark], names: Sequence[str]) -> str:
    """The score that does best by itself; one that a benchmark lacks ranks nothing there."""
    return max(names, key=lambda name: quality(rank_sum([name], rankdata), benchmarks))


def greedy(benchmarks: Sequence[Benchmark], transform: Transform) -> tuple[str, ...]:
    """Members of a rank sum, added while the mean over the families grows by at least `GAIN`."""
    members: tuple[str, ...] = ()
    reached = -1.0
    while len(members) < len(NAMES):
        tried = {n: quality(rank_sum((*members, n), transform), benchmarks) for n in NAMES if n not in members}
        best = max(tried, key=lambda n: tried[n])
        if tried[best] < reached + GAIN:
            break
        members, reached = (*members, best), tried[best]
    return members


def ridge(benchmarks: Sequence[Benchmark]) -> dict[str, float]:
    """Non-negative ridge regression of normal scores, from correlations averaged over the families.

    A pair's correlation is averaged over the families that have both; negative eigenvalues that this can leave are
    cut off.
    """
    size = len(NAMES)
    sums, counts = np.zeros((2, size, size + 1))
    for family in sorted({b.family for b in benchmarks}):
        own = [correlations(b) for b in benchmarks if b.family == family]
        known = ~np.isnan(own)
        share = known.sum(0)
        sums += np.where(share > 0, np.nansum(own, 0) / np.maximum(share, 1), 0)
        counts += share > 0
    means = sums / np.maximum(counts, 1)
    values, vectors = np.linalg.eigh(means[:, :size])
    root = vectors * np.sqrt(np.maximum(values, 0) + RIDGE)
    weights, _ = nnls(root.T, np.linalg.solve(root, means[:, size]))
    return dict(zip(NAMES, map(float, weights), strict=True))


def correlations(b: Benchmark) -> np.ndarray:
    """(k, k + 1) of the normal scores with each other and with the truth's, NaN where a signal is missing."""
    rows = [normal_scores(b.signals[n]) if n in b.signals else np.full(len(b.truth), np.nan) for n in NAMES]
    z = np.array([*rows, normal_scores(b.truth)])
    return (z[:-1] @ z.T) / len(b.truth)


# Leave one family out --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What an aggregation reached on a family that it has not seen.

    Attributes:
        method: its name.
        chosen: members or weights, as text.
        rhos: Spearman's correlation per benchmark of the family.
        taus: Kendall's tau-b likewise.
        interval: 95 % bootstrap interval of the mean of `rhos`; the architectures are resampled.
    """

    method: str
    chosen: str
    rhos: tuple[float, ...]
    taus: tuple[float, ...]
    interval: tuple[float, float]


def methods(seen: Sequence[Benchmark], unseen: Sequence[Benchmark]) -> dict[str, tuple[str, Scorer]]:
    """Every aggregation as chosen on the seen benchmarks; the last three have seen the truth."""
    available = [n for n in NAMES if all(n in b.signals for b in unseen)]
    published = [n for n in available if n in PUBLISHED]
    single, hindsight = best_single(seen, published), best_single(unseen, available)
    log, linear, best = greedy(seen, log_ranks), greedy(seen, rankdata), greedy(unseen, log_ranks)
    weights = ridge(seen)
    shown = ", ".join(f"{n} {w:.2f}" for n, w in weights.items() if w >= 0.005)
    return {
        "best published single": (single, rank_sum([single], rankdata)),
        "log-rank sum of all": ("all", rank_sum(NAMES, log_ranks)),
        "greedy log-rank sum": (", ".join(log), rank_sum(log, log_ranks)),
        "greedy rank sum": (", ".join(linear), rank_sum(linear, rankdata)),
        "non-negative ridge": (shown, weighted(weights)),
        "what all greedy sums share": (", ".join(COMMON), rank_sum(COMMON, log_ranks)),
        "hindsight: best single": (hindsight, rank_sum([hindsight], rankdata)),
        "hindsight: greedy log-rank sum": (", ".join(best), rank_sum(best, log_ranks)),
    }


def result(method: str, chosen: str, scorer: Scorer, unseen: Sequence[Benchmark]) -> Result:
    scores = [scorer(b) for b in unseen]
    rhos = tuple(rho(x, b.truth) for x, b in zip(scores, unseen, strict=True))
    taus = tuple(float(kendalltau(x, b.truth)[0]) for x, b in zip(scores, unseen, strict=True))
    means = [resampled(scores, unseen, seed) for seed in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return Result(method, chosen, rhos, taus, (float(low), float(high)))


def resampled(scores: Sequence[np.ndarray], unseen: Sequence[Benchmark], seed: int) -> float:
    """Mean correlation on a resample; tasks of equally many architectures get the same ones."""
    values = []
    for x, b in zip(scores, unseen, strict=True):
        i = np.random.default_rng(seed).integers(len(x), size=len(x))
        values.append(rho(x[i], b.truth[i]))
    return float(np.mean(values))


def study(found: Sequence[Benchmark]) -> dict[str, list[Result]]:
    """Results for each family left out."""
    results = {}
    for family in dict.fromkeys(b.family for b in found):
        seen, unseen = [b for b in found if b.family != family], [b for b in found if b.family == family]
        results[family] = [result(m, c, s, unseen) for m, (c, s) in methods(seen, unseen).items()]
    return results


# The report ------------------------------------------------------------------------------------------------


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([row(head), row(["---"] * len(head)), *map(row, rows)]) + "\n"


def signals_table(found: Sequence[Benchmark]) -> str:
    families = list(dict.fromkeys(b.family for b in found))
    rows = []
    for name in NAMES:
        own = [[rho(b.signals[name], b.truth) for b in found if b.family == f and name in b.signals] for f in families]
        rows.append([name, *(f"{np.mean(v):.2f} ({min(v):.2f})" if v else "-" for v in own)])
    return table(["signal", *families], rows)


def redundancy_table(found: Sequence[Benchmark], names: Sequence[str]) -> str:
    rows = []
    for a in names:
        cells = []
        for b in names:
            both = [t for t in found if a in t.signals and b in t.signals]
            values = [rho(t.signals[a], t.signals[b]) for t in both]
            cells.append(f"{mean_over_families(values, both):.2f}" if both else "-")
        rows.append([a, *cells])
    return table(["", *names], rows)


def results_table(results: dict[str, list[Result]]) -> str:
    rows = []
    for i, first in enumerate(next(iter(results.values()))):
        own = [found[i] for found in results.values()]
        cells = [f"{np.mean(r.rhos):.3f} [{r.interval[0]:.3f}, {r.interval[1]:.3f}]" for r in own]
        rows.append([first.method, *cells, f"{np.mean([np.mean(r.rhos) for r in own]):.3f}"])
    return table(["chosen on the other families", *results, "mean"], rows)


def details_table(found: Sequence[Benchmark], results: dict[str, list[Result]], method: str) -> str:
    rows = []
    for family, own in results.items():
        r = next(r for r in own if r.method == method)
        tasks = [b for b in found if b.family == family]
        for b, spearman, tau in zip(tasks, r.rhos, r.taus, strict=True):
            rows.append([family, b.name, str(len(b.truth)), f"{spearman:.3f}", f"{tau:.3f}", r.chosen])
    return table(["family", "task", "architectures", "Spearman", "Kendall", "members, chosen elsewhere"], rows)


def chosen_table(results: dict[str, list[Result]]) -> str:
    rows = [[family, r.method, r.chosen] for family, own in results.items() for r in own if r.chosen != "all"]
    return table(["family left out", "method", "chosen"], rows)


TEXT = """# Aggregations of cheap signals, each chosen where it is not reported

`python benchmarks/aggregate_study.py`, {date}, {seconds:.0f} s on one core. Scores: NAS-Bench-Suite-Zero's published
ones and this library's topology-only scores; truth: the tables' accuracies (nb201: test, 200 epochs; nb101: one of
three runs, 292 distinct cells; nb301: the surrogate's; transnas: validation; nb_macro: test). Spearman's rho, mean over
the tasks of a family; 95 % bootstrap intervals over architectures. A disconnected cell and a failed score rank last.

Read with care: which variant of `sed` is registered was decided by its mean on transnas_micro, nb101 and nb301, so
these three columns have been seen once; nb201 and nb_macro have not. That topology-only scores are not defined where
widths and strides are chosen was decided when transnas_macro had been seen. Published scores cover a part of nb201
(cells without unreachable operations, mostly), where correlations differ from those over all 15,625. A sum has the
members that a benchmark has: no naswot on nb101 and nb_macro, no sed on transnas_macro.

## One signal: mean rho (lowest task)

{signals}
## Leave one family out

{results}
## The greedy log-rank sum, task by task

{details}
## What was chosen

{chosen}
## How alike the signals are: mean rho between them

{redundancy}"""


def main() -> None:
    if "NASSAY_DATA" not in os.environ:
        sys.exit("Set NASSAY_DATA to the folder that holds tables/nasbench201.parquet and its neighbours.")
    began = time.perf_counter()
    found = benchmarks(Path(os.environ["NASSAY_DATA"]))
    results = study(found)
    text = TEXT.format(
        date=time.strftime("%Y-%m-%d"),
        signals=signals_table(found),
        results=results_table(results),
        details=details_table(found, results, "greedy log-rank sum"),
        chosen=chosen_table(results),
        redundancy=redundancy_table(found, ("macs", "params", "synflow", "nwot", "jacov", "l2_norm", "paths", "sed")),
        seconds=time.perf_counter() - began,
    )
    plain: dict[str, Any] = {family: [vars(r) for r in own] for family, own in results.items()}
    (RESULTS / "aggregate_study.json").write_text(json.dumps(plain, indent=1) + "\n")
    (RESULTS / "aggregate_study.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
