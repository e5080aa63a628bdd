"""How the score `nassay` was made: which signals it adds up and by which rule, and what that choice is worth elsewhere.

    NASSAY_DATA=... python benchmarks/score_study.py --work runs/score-study --sample 60

Signals: NAS-Bench-Suite-Zero's published scores and this library's topology-only ones (`aggregate_tables.py`); where
nobody published any (NAS-Bench-Macro, NDS), own scores of a sample at fast settings (`score_samples.py`, resumable).
Benchmarks of one search space form a family. What is chosen or fitted (members, weights, the best single score) is so
on the other families and reported on the one left out. Writes `benchmarks/results/score_study.md` and `.json`.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls
from scipy.stats import kendalltau, rankdata

from aggregate_study import log_ranks, mean_over_families, normal_scores, rho, table
from aggregate_tables import PUBLISHED, Benchmark, benchmarks
from nassay.estimators.proxies.nassay_score import MEMBERS, backing
from nassay.estimators.tables import open_table
from nassay.gaps.ranking import last_where_missing
from score_samples import SOURCES, collect, drawn, rows_of

RESULTS = Path(__file__).parent / "results"
LARGEST = 1500  # architectures of a benchmark that are looked at, drawn once
RESAMPLES = 200
RIDGE = 0.1  # of a unit variance: fixed beforehand
GAIN = 0.005  # of the mean rank correlation, for which a greedy sum takes one more member
FEWEST = 12  # architectures that an own sample needs to be counted
OWN_NAMES = {"nwot": "naswot", "jacov": "jacob_cov"}  # this library's names of published scores
SINGLES = tuple(OWN_NAMES.get(n, n) for n in PUBLISHED)
NAMES = (*SINGLES, "sed", "paths")
AZ_NAS = ("az_expressivity", "az_progressivity", "az_trainability", "macs")
Scorer = Callable[[Benchmark], np.ndarray]


# Benchmarks ------------------------------------------------------------------------------------------------


def all_benchmarks(data: Path, work: Path) -> list[Benchmark]:
    """Published ones first; of a family that was sampled here as well, the sample where nothing was published."""
    own = sampled(work)
    here = {b.family for b in own}
    published = [_renamed(b) for b in benchmarks(data)]
    unpublished = {b.family for b in published if "naswot" not in b.signals and "jacob_cov" not in b.signals} & here
    kept = [b for b in published if b.family not in unpublished]
    known = {b.family for b in kept}
    return [_drawn(b) for b in (*kept, *(b for b in own if b.family not in known))]


def sampled(work: Path) -> list[Benchmark]:
    """What `score_samples.py` has scored so far."""
    found = []
    for source in SOURCES:
        rows = {tuple(row["choices"]): row["scores"] for row in rows_of(work / f"{source.name}.jsonl")}
        networks = [a for a in drawn(source, len(rows)) if a.choices in rows]
        for dataset in source.datasets if len(networks) >= FEWEST else ():
            truth = open_table(source.table).values(dataset, merge=False)
            known = [a for a in networks if a in truth]
            signals = {n: _signal([rows[a.choices][n] for a in known]) for n in source.names}
            found.append(Benchmark(source.family, dataset, np.array([truth[a] for a in known]), signals))
    return found


def _signal(values: Sequence[float | None]) -> np.ndarray:
    return last_where_missing(np.array([np.nan if v is None else v for v in values], dtype=float))


def _renamed(b: Benchmark) -> Benchmark:
    return Benchmark(b.family, b.name, b.truth, {OWN_NAMES.get(n, n): v for n, v in b.signals.items()})


def _drawn(b: Benchmark) -> Benchmark:
    i = np.random.default_rng(0).permutation(len(b.truth))[:LARGEST]
    return Benchmark(b.family, b.name, b.truth[i], {n: v[i] for n, v in b.signals.items()})


# Aggregations ----------------------------------------------------------------------------------------------

_PREPARED: dict[int, tuple[dict[str, np.ndarray], np.ndarray]] = {}


def prepared(b: Benchmark) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Log-ranks of those signals of a benchmark that vary, and their correlations; computed once."""
    if id(b) not in _PREPARED:
        logs = {n: log_ranks(v) for n, v in b.signals.items() if np.ptp(v) > 0}
        _PREPARED[id(b)] = logs, np.atleast_2d(np.corrcoef([*logs.values()]))
    return _PREPARED[id(b)]


def backed(b: Benchmark, members: Sequence[str]) -> dict[str, float]:
    """The weights that the rule of `nassay` gives to those members that a benchmark has."""
    logs, matrix = prepared(b)
    known = [n for n in members if n in logs]
    at = [list(logs).index(n) for n in known]
    return dict(zip(known, backing(matrix[np.ix_(at, at)]).tolist(), strict=True)) if known else {}


def alike(members: Sequence[str]) -> Scorer:
    """The sum of log-ranks over those members that a benchmark has."""
    return weighted(dict.fromkeys(members, 1.0))


def weighted(weights: Mapping[str, float]) -> Scorer:
    """The weighted sum of log-ranks over those members that a benchmark has."""

    def scores(b: Benchmark) -> np.ndarray:
        logs = prepared(b)[0]
        terms = [w * logs[n] for n, w in weights.items() if n in logs]
        return np.sum([np.zeros(len(b.truth)), *terms], axis=0)

    return scores


def agreeing(members: Sequence[str]) -> Scorer:
    """The rule of `nassay`, over any members."""

    def scores(b: Benchmark) -> np.ndarray:
        return weighted(backed(b, members))(b)

    return scores


def quality(scorer: Scorer, seen: Sequence[Benchmark]) -> float:
    """Mean Spearman's rho, every family alike."""
    return mean_over_families([rho(scorer(b), b.truth) for b in seen], seen)


def greedy(rule: Callable[[Sequence[str]], Scorer], seen: Sequence[Benchmark]) -> tuple[str, ...]:
    """Members, added while the mean over the families grows by at least `GAIN`."""
    members: tuple[str, ...] = ()
    reached = -1.0
    while len(members) < len(NAMES):
        tried = {n: quality(rule((*members, n)), seen) for n in NAMES if n not in members}
        best = max(tried, key=lambda n: tried[n])
        if tried[best] < reached + GAIN:
            break
        members, reached = (*members, best), tried[best]
    return members


def ridge(seen: Sequence[Benchmark]) -> dict[str, float]:
    """Non-negative ridge regression of the truth's normal scores on log-ranks, every family alike."""
    gram, moments = np.zeros((len(NAMES), len(NAMES))), np.zeros(len(NAMES))
    for b in seen:
        share = 1 / sum(other.family == b.family for other in seen)
        logs = prepared(b)[0]
        x = np.array([_standard(logs.get(n, np.zeros(len(b.truth)))) for n in NAMES])
        gram += share * x @ x.T / len(b.truth)
        moments += share * x @ normal_scores(b.truth) / len(b.truth)
    root = np.linalg.cholesky(gram + RIDGE * len({b.family for b in seen}) * np.eye(len(NAMES)))
    weights, _ = nnls(root.T, np.linalg.solve(root, moments))
    return {name: float(w) for name, w in zip(NAMES, weights, strict=True) if w > 0.01}


def _standard(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std() if np.ptp(x) > 0 else np.zeros(len(x))


# Leave one family out --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What a method reached on a benchmark of a family that nothing of it was chosen or fitted on.

    Attributes:
        told: what was chosen elsewhere, as text.
        rho: Spearman's.
        tau: Kendall's tau-b.
        resampled: (RESAMPLES,) rho on resampled architectures, the same ones for every method.
    """

    told: str
    rho: float
    tau: float
    resampled: np.ndarray


Results = list[tuple[Benchmark, dict[str, Result]]]
OURS = "nassay: five by agreement"


def fixed_methods() -> dict[str, Scorer]:
    """Nothing is chosen: single scores, the rule with its members, and what is left without one of its parts."""
    return {
        **{name: alike([name]) for name in NAMES},
        OURS: agreeing(MEMBERS),
        "the five alike": alike(MEMBERS),
        **{f"five by agreement, without {n}": agreeing([m for m in MEMBERS if m != n]) for n in MEMBERS},
        "all by agreement": agreeing(NAMES),
        "all alike": alike(NAMES),
    }


def chosen_methods(seen: Sequence[Benchmark]) -> dict[str, tuple[str, Scorer]]:
    """What is chosen or fitted on the seen families."""
    single = max(SINGLES, key=lambda n: quality(alike([n]), seen))
    plain, agreed, weights = greedy(alike, seen), greedy(agreeing, seen), ridge(seen)
    return {
        "elsewhere: best single score": (single, alike([single])),
        "elsewhere: greedy members, alike": (", ".join(plain), alike(plain)),
        "elsewhere: greedy members, by agreement": (", ".join(agreed), agreeing(agreed)),
        "elsewhere: non-negative ridge": (", ".join(f"{n} {w:.2f}" for n, w in weights.items()), weighted(weights)),
    }


def study(found: Sequence[Benchmark]) -> Results:
    """All methods on each benchmark."""
    results: Results = []
    for family in dict.fromkeys(b.family for b in found):
        chosen = chosen_methods([b for b in found if b.family != family])
        methods = {**{n: ("", s) for n, s in fixed_methods().items()}, **chosen}
        for b in (b for b in found if b.family == family):
            results.append((b, {n: result(told, scorer(b), b) for n, (told, scorer) in methods.items()}))
    return results


def result(told: str, scores: np.ndarray, b: Benchmark) -> Result:
    """A method's scores held against the truth."""
    draws = np.random.default_rng(len(scores)).integers(len(scores), size=(RESAMPLES, len(scores)))
    x, y = rankdata(scores), rankdata(b.truth)
    resampled = np.array([_pearson(x[i], y[i]) for i in draws])  # ranks of the whole sample: much cheaper
    tau = float(kendalltau(scores, b.truth)[0]) if np.ptp(scores) > 0 else 0.0
    return Result(told, rho(scores, b.truth), tau, resampled)


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0


def by_family(results: Results, value: Callable[[dict[str, Result]], Any]) -> dict[str, Any]:
    """Means over the benchmarks of each family."""
    families = dict.fromkeys(b.family for b, _ in results)
    return {f: np.mean([value(rs) for b, rs in results if b.family == f], axis=0) for f in families}


def summary(results: Results, method: str) -> dict[str, Any]:
    """Mean rho with its interval and mean tau of a method: by family, over families, over benchmarks."""
    rhos, taus = by_family(results, lambda rs: rs[method].rho), by_family(results, lambda rs: rs[method].tau)
    draws = by_family(results, lambda rs: rs[method].resampled)
    each = {f: {"rho": float(rhos[f]), **interval(draws[f]), "tau": float(taus[f])} for f in rhos}
    mean = {"rho": float(np.mean([*rhos.values()])), **interval(np.mean([*draws.values()], axis=0))}
    per = [rs[method] for _, rs in results]
    benchmarks = {"rho": float(np.mean([r.rho for r in per])), **interval(np.mean([r.resampled for r in per], axis=0))}
    lowest = min(r.rho for r in per)
    return {
        "families": each,
        "mean": mean,
        "benchmarks": benchmarks,
        "tau": float(np.mean([*taus.values()])),
        "lowest": lowest,
    }


def interval(draws: np.ndarray) -> dict[str, float]:
    """95 % of the resamples."""
    low, high = np.quantile(draws, (0.025, 0.975))
    return {"low": float(low), "high": float(high)}


def difference(results: Results, theirs: str) -> dict[str, float]:
    """Ours minus another method, mean over the families, on the same resamples."""
    rhos = by_family(results, lambda rs: rs[OURS].rho - rs[theirs].rho)
    draws = by_family(results, lambda rs: rs[OURS].resampled - rs[theirs].resampled)
    return {"rho": float(np.mean([*rhos.values()])), **interval(np.mean([*draws.values()], axis=0))}


# The report ------------------------------------------------------------------------------------------------

TEXT = """# How the score `nassay` was made

`python benchmarks/score_study.py --work {work} --sample {sample}`, {date}. Signals: NAS-Bench-Suite-Zero's published
scores and this library's topology-only ones, at most {largest} architectures of a benchmark; for {sampled}
own scores of a sample at fast settings, as nobody published any. Truth: the tables' accuracies (nb201: test, 200
epochs, of the 9,445 cells without unreachable operations or a part of them; nb101: one of
three runs, 292 distinct cells; nb301: the surrogate's; transnas: validation; nb_macro: test; nds: ImageNet). Spearman's
rho, mean over the benchmarks of a family, 95 % bootstrap intervals over architectures (whose ranks are those within the
whole sample). A disconnected cell and a failed score rank last; a score that a benchmark lacks ranks nothing there: rho
0. naswot is missing on nb101, jacob_cov, naswot and others where nobody published them, graphs on transnas_macro.

**The rule**: {members}; log-ranks, each signal weighed by its mean correlation with the
others on the very candidates, at least 0. No weight is fitted. But members and rule were chosen by people who had seen
these figures, by published scores on {published}.
What such a choice is worth where it has seen nothing, the rows *elsewhere* say: the same greedy choice of members, made
on the other families. The best single score elsewhere is naswot where nb101 is left out, which has none; the fair
single score to hold against is macs, the best over all families that has a value everywhere.

## All methods: mean rho by family

{families}
## `nassay` against the others: difference of the mean over families, same resamples

{differences}
## Benchmark by benchmark: rho / tau

{details}
## Weights that the agreement gives

{weights}
## What was chosen elsewhere

{chosen}
## AZ-NAS's parts, own scores of {n_own} random cells of NAS-Bench-201: rho / tau

Nobody published these, and a sample is all that time allowed: the interval of a tau is about ±{error:.2f}.

{az}"""


def report(results: Results, own: Sequence[Benchmark], **facts: Any) -> str:
    """The whole page in Markdown."""
    methods = list(results[0][1])
    means = {name: summary(results, name) for name in methods}
    order = sorted(methods, key=lambda name: -means[name]["mean"]["rho"])
    families = list(means[OURS]["families"])
    lines = [
        [n, *(shown(means[n]["families"][f]) for f in families), shown(means[n]["mean"]), f"{means[n]['tau']:.3f}",
         shown(means[n]["benchmarks"]), f"{means[n]['lowest']:.2f}"]
        for n in order
    ]  # fmt: skip
    picked = (
        OURS,
        "elsewhere: greedy members, by agreement",
        "elsewhere: best single score",
        "macs",
        "params",
        "naswot",
    )
    details = [
        [b.family, b.name, str(len(b.truth)), *(f"{rs[n].rho:.3f} / {rs[n].tau:.3f}" for n in picked)]
        for b, rs in results
    ]
    told = {(b.family, n): r.told for b, rs in results for n, r in rs.items() if r.told}
    weights = [[b.family, b.name, *_weights_of(b)] for b, _ in results]
    return TEXT.format(
        members=", ".join(MEMBERS),
        largest=LARGEST,
        published=", ".join(f for f in families if f != "nds"),
        families=table(["", *families, "mean", "its tau", "over benchmarks", "lowest"], lines),
        differences=table(
            ["against", "difference"], [[n, shown(difference(results, n), "+")] for n in order if n != OURS]
        ),
        details=table(["family", "benchmark", "networks", *picked], details),
        weights=table(["family", "benchmark", *MEMBERS], weights),
        chosen=table(["family left out", "method", "chosen"], [[*key, text] for key, text in told.items()]),
        az=az_table(own),
        n_own=len(own[0].truth) if own else 0,
        error=1.96 * 0.45 / max(len(own[0].truth), 1) ** 0.5 if own else 1.0,
        **facts,
    )


def _weights_of(b: Benchmark) -> list[str]:
    weights = backed(b, MEMBERS)
    return [f"{weights[n]:.2f}" if n in weights else "-" for n in MEMBERS]


def az_table(own: Sequence[Benchmark]) -> str:
    """AZ-NAS and sums with its parts on own scores of NAS-Bench-201."""
    methods = {
        **{n: alike([n]) for n in (*MEMBERS, "synflow", *AZ_NAS[:3])},
        "az_nas": alike(AZ_NAS),
        "az_nas + paths + synflow": alike((*AZ_NAS, "paths", "synflow")),
        OURS: agreeing(MEMBERS),
        "five and AZ-NAS's three, by agreement": agreeing((*MEMBERS, *AZ_NAS[:3])),
        "five and AZ-NAS's three, alike": alike((*MEMBERS, *AZ_NAS[:3])),
    }
    rows = []
    for name, scorer in methods.items():
        results = [result("", scorer(b), b) for b in own]
        rows.append([name, *(f"{r.rho:.3f} / {r.tau:.3f}" for r in results)])
    return table(["", *(b.name for b in own)], rows)


def shown(mean: Mapping[str, float], sign: str = "") -> str:
    """A mean and its interval."""
    return f"{mean['rho']:{sign}.3f} [{mean['low']:{sign}.3f}, {mean['high']:{sign}.3f}]"


def main() -> None:
    """Collect, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/score-study"))
    parser.add_argument("--sample", type=int, default=60, help="own scores for each benchmark; 0 to take what is there")
    arguments = parser.parse_args()
    if arguments.sample:
        collect(arguments.work, arguments.sample)
    found = all_benchmarks(Path(os.environ["NASSAY_DATA"]), arguments.work)
    own = sampled(arguments.work)
    results = study(found)
    text = report(
        results,
        [b for b in own if b.family == "nb201"],
        sampled=", ".join(f"{b.family} {b.name} ({len(b.truth)})" for b in own if b.family in ("nb_macro", "nds"))
        or "none",
        work=arguments.work.name,
        sample=arguments.sample,
        date=time.strftime("%Y-%m-%d"),
    )
    plain = {name: summary(results, name) for name in results[0][1]}
    (RESULTS / "score_study.json").write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
    (RESULTS / "score_study.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
