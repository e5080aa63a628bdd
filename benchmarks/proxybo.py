"""ProxyBO against regularized evolution on NAS-Bench-201, from published proxy scores; and its ablations.

    NASSAY_DATA=... python benchmarks/proxybo.py --seeds 30 --ablations cifar10

Evolution and random search have 200 evaluations, ProxyBO and its ablations 100. What counts is how many of them a
strategy needs for the test accuracy that evolution has after all of its own (the median over seeds). Races are kept in
`runs/proxybo.json`, so that the command goes on where it was stopped. Writes `benchmarks/results/proxybo.md` and
`.json`.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.studies.arena import Arena

RESULTS = Path(__file__).parent / "results"
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
ABLATIONS = ("proxybo:sample", "proxybo:uniform", "proxybo:proxies", "proxybo:surrogate", "proxybo:in_sample")
MAIN = ("evolution", "random", "proxybo")
SHOWN = (20, 50, 100, 200)
RESAMPLES = 2000
TEXT = """# ProxyBO on NAS-Bench-201

`{command}`, {date}. {evaluations} evaluations for evolution and random search, {proposals} for ProxyBO; strategies
see validation accuracies, the test accuracy of their incumbent is shown. Proxies (snip, synflow, jacob_cov) are
NAS-Bench-Suite-Zero's published scores, which cells with unreachable operations lack; the pool is the whole space, a
missing score ranks last. Regret in percentage points of test accuracy, mean over seeds [95 % bootstrap interval].

*Needed*: evaluations to reach the regret that evolution has after {evaluations}, the median over its seeds; median over
seeds [95 % interval, seeds of both resampled], and how many seeds reach it. *Times fewer*: {evaluations} by the median.
Evolution itself often stands there before its last evaluation: its own row says when.
{sections}"""
SECTION = """
## {dataset}

Evolution after {evaluations} evaluations: median regret {target:.3f}.

| strategy | seeds | needed | reached | times fewer | {heads} | seconds a race |
|---|---|---|---|---|{rule}|---|
{rows}
"""


def curve(arena: Arena, strategy: str, seed: int, evaluations: int) -> dict[str, Any]:
    """Regret after each evaluation, and what the race took here."""
    started = time.process_time()
    race = arena.race(strategy, seed=seed, evaluations=evaluations)
    regret = race.regret_at(np.arange(1, evaluations + 1))
    return {"regret": np.round(regret, 4).tolist(), "cpu_seconds": round(time.process_time() - started, 2)}


def needed(curves: np.ndarray, target: float) -> np.ndarray:
    """Evaluations of each race, (races, evaluations), until its regret is at most the target; infinite if never."""
    reached = curves <= target + 1e-9
    return np.where(reached.any(1), reached.argmax(1) + 1.0, np.inf)


def summary(curves: np.ndarray, evolution: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Median evaluations needed, their interval, and regrets with theirs."""
    (count, length), evaluations = curves.shape, evolution.shape[1]
    found = needed(curves, float(np.median(evolution[:, -1])))
    medians = []
    for _ in range(RESAMPLES):
        target = np.median(evolution[rng.integers(len(evolution), size=len(evolution)), -1])
        medians.append(np.median(needed(curves[rng.integers(count, size=count)], float(target))))
    low, high = np.quantile(medians, [0.025, 0.975], method="nearest")
    means = curves[rng.integers(count, size=(RESAMPLES, count))].mean(1)
    regrets = {
        str(n): [float(curves[:, n - 1].mean()), *np.quantile(means[:, n - 1], [0.025, 0.975]).tolist()]
        for n in SHOWN
        if n <= length
    }
    median = float(np.median(found))
    return {
        "seeds": count,
        "needed": [finite(median), finite(low), finite(high)],
        "reached": int(np.isfinite(found).sum()),
        "times_fewer": [finite(evaluations / n) or None for n in (median, high, low)],
        "regret": regrets,
    }


def finite(number: float) -> float | None:
    """None for infinity, which JSON does not have."""
    return float(number) if np.isfinite(number) else None


def row(name: str, one: dict[str, Any]) -> str:
    """A strategy in Markdown."""

    def number(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    count, (fewer, least, most) = one["needed"], one["times_fewer"]
    cells = [
        name,
        str(one["seeds"]),
        f"{number(count[0], 0)} [{number(count[1], 0)}, {number(count[2], 0)}]",
        str(one["reached"]),
        f"{number(fewer, 1)} [{number(least, 1)}, {number(most, 1)}]",
        *("{:.2f} [{:.2f}, {:.2f}]".format(*one["regret"][n]) if n in one["regret"] else "-" for n in map(str, SHOWN)),
        f"{one['cpu_seconds']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def section(dataset: str, found: dict[str, Any], evaluations: int) -> str:
    """A data set in Markdown."""
    heads = [f"regret at {n}" for n in SHOWN]
    return SECTION.format(
        dataset=dataset,
        evaluations=evaluations,
        target=found["target"],
        heads=" | ".join(heads),
        rule="|".join(["---"] * len(heads)),
        rows="\n".join(row(name, one) for name, one in found["strategies"].items()),
    )


def verdict(results: dict[str, Any]) -> str:
    """What docs/methods.md says."""
    parts = []
    for dataset, found in results.items():
        one = found["strategies"]["proxybo"]
        fewer, least, most = one["times_fewer"]
        parts.append(f"{dataset} {fewer or 0:.1f} times [{least or 0:.1f}, {most or 0:.1f}]")
    seeds = min(found["strategies"]["proxybo"]["seeds"] for found in results.values())
    return f"fewer evaluations than evolution's 200 for its median result, {seeds} seeds: {', '.join(parts)}"


def write(races: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Both files, of all races that there are; data sets without evolution are left out."""
    results: dict[str, Any] = {}
    for dataset, strategies in races.items():
        if not all(strategies.get(name) for name in MAIN):
            continue
        curves = {name: np.array([r["regret"] for r in by_seed.values()]) for name, by_seed in strategies.items()}
        rng = np.random.default_rng(0)
        results[dataset] = {"target": float(np.median(curves["evolution"][:, -1])), "strategies": {}}
        for name, by_seed in strategies.items():
            seconds = float(np.mean([r["cpu_seconds"] for r in by_seed.values()]))
            one = summary(curves[name], curves["evolution"], rng) | {"cpu_seconds": seconds}
            results[dataset]["strategies"][name] = one
    if not results:
        return
    ablations = f" --ablations {' '.join(arguments.ablations)}" if arguments.ablations else ""
    ablations += f" --ablation-seeds {arguments.ablation_seeds}" if arguments.ablations else ""
    command = f"python benchmarks/proxybo.py --seeds {arguments.seeds}{ablations}"
    text = TEXT.format(
        command=command,
        date=time.strftime("%Y-%m-%d"),
        evaluations=arguments.evaluations,
        proposals=arguments.proposals,
        sections="".join(section(d, found, arguments.evaluations) for d, found in results.items()),
    )
    methods = {"strategy/proxybo": {"result": verdict(results), "command": command}}
    path = RESULTS / "proxybo.json"
    path.write_text(json.dumps({"methods": methods, "datasets": results}, indent=1) + "\n", "utf-8")
    path.with_suffix(".md").write_text(text, "utf-8")


def main() -> None:
    """Race what is missing; write after every strategy."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--ablation-seeds", type=int, default=30)
    parser.add_argument("--evaluations", type=int, default=200, help="of evolution and random search")
    parser.add_argument("--proposals", type=int, default=100, help="evaluations of ProxyBO and its ablations")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS))
    parser.add_argument("--ablations", nargs="*", default=[], help="data sets on which the ablations race, too")
    parser.add_argument("--races", type=Path, default=Path("runs/proxybo.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    races = json.loads(arguments.races.read_text("utf-8")) if arguments.races.exists() else {}
    plan = ((MAIN, arguments.datasets, arguments.seeds), (ABLATIONS, arguments.ablations, arguments.ablation_seeds))
    for names, datasets, seeds in plan:
        for dataset in datasets:
            arena = Arena("nasbench201", dataset)
            for name in names:
                by_seed = races.setdefault(dataset, {}).setdefault(name, {})
                evaluations = arguments.proposals if name.startswith("proxybo") else arguments.evaluations
                for seed in range(seeds):
                    if str(seed) not in by_seed:
                        by_seed[str(seed)] = curve(arena, name, seed, evaluations)
                arguments.races.parent.mkdir(parents=True, exist_ok=True)
                arguments.races.write_text(json.dumps(races), "utf-8")
                write(races, arguments)
                print(dataset, name, len(by_seed), flush=True)


if __name__ == "__main__":
    main()
