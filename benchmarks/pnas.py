"""PNAS on tables: trainings to reach what random search and evolution reach, and how its surrogates extrapolate.

    NASSAY_DATA=... python benchmarks/pnas.py --seeds 20 --lstm-seeds 20

Extrapolation: a surrogate is fitted to at most 32 architectures of each size up to b, and ranks 300 others of size b,
and 300 of size b + 1. The size of a NAS-Bench-201 cell is its number of edges that are not `none`, that of a
NAS-Bench-Macro network its number of layers up to the last one that is no identity. Races: 200 evaluations; on
NAS-Bench-Macro other budgets, too, which make the beam narrower and wider. What is finished is kept in
`runs/pnas.json`. Writes `benchmarks/results/pnas.md` and `.json`.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from nassay.estimators.predictors.sequence import SequenceEnsemble
from nassay.estimators.tables.base import open_table
from nassay.spaces.base import Architecture, Space
from nassay.studies.arena import Arena

RESULTS = Path(__file__).parent / "results"
EACH, JUDGED, FEWEST, EVALUATIONS, RESAMPLES = 32, 300, 20, 200, 2000
BUDGETS = (60, 110, 200, 360)  # of races whose beams are of several widths
STRATEGIES = ("random", "evolution", "pnas")
BEAMED = ("pnas", "random")
ARENAS = (("nasbench_macro", "cifar10"), ("nasbench201", "cifar10"))
SIZES: dict[str, Callable[[Architecture], int]] = {
    "nasbench201": lambda a: sum(c != 0 for c in a.choices),
    "nasbench_macro": lambda a: max((i + 1 for i, c in enumerate(a.choices) if c), default=0),
}
LEVELS = {"nasbench201": (3, 4, 5), "nasbench_macro": (3, 4, 5, 6, 7)}
TEXT = """# PNAS on tables

`{command}`, {date}. Means over seeds [95 % bootstrap interval over seeds].

## Races

{evaluations} evaluations, {seeds} seeds; regret of the incumbent's test accuracy in percentage points. *To random's*
and *to evolution's*: evaluations until the regret that this strategy has after {evaluations} (median over its seeds) is
reached; median over seeds, and how many seeds reach it. NAS-Bench-Macro shows strategies one training's accuracy.

| table | strategy | {heads} | to random's | to evolution's | seconds a race |
|---|---|---|---|---|---|---|---|
{races}

## Width of the beam

Each step of growth trains an equal share of the evaluations, so that the budget is the beam's width. Regret at the end
on NAS-Bench-Macro, {seeds} seeds; random search with as many evaluations beside it.

| evaluations | pnas | random |
|---|---|---|
{widths}

## Extrapolation of the surrogate

Spearman's rho of an ensemble that was fitted to at most {each} architectures of each size up to b, on at most {judged}
others of size b and of size b + 1. The size of a NAS-Bench-201 cell is its number of edges that are not `none`, that of
a NAS-Bench-Macro network its number of layers up to the last one that is no identity.

| table | surrogate | b | seeds | fitted to | rho at b | rho at b + 1 |
|---|---|---|---|---|---|---|
{extrapolation}
"""


@cache
def networks(table: str) -> tuple[Space, dict[Architecture, float], dict[int, list[Architecture]]]:
    """A table's space, its accuracies (validation where there are any), its networks by size."""
    opened = open_table(table)
    values = opened.values(split="valid" if table == "nasbench201" else None)
    by_size: dict[int, list[Architecture]] = {}
    for architecture in sorted(values):
        by_size.setdefault(SIZES[table](architecture), []).append(architecture)
    return opened.space(), values, by_size


def extrapolation(table: str, kind: str, level: int, seed: int) -> list[float | None]:
    """[number fitted to, rho at the largest size fitted, rho at the next]; None where too few are left to judge."""
    space, values, by_size = networks(table)
    rng = np.random.default_rng([seed, level])
    drawn = {s: [of[i] for i in rng.permutation(len(of))[: EACH + JUDGED]] for s, of in by_size.items()}
    train = [a for size in range(level + 1) for a in drawn.get(size, [])[:EACH]]
    model = SequenceEnsemble(kind, space.vocabulary, seed)
    model.fit([space.words(a) for a in train], [values[a] for a in train])
    rhos: list[float | None] = []
    for judged in (drawn[level][EACH:], drawn[level + 1][:JUDGED]):
        if len(judged) < FEWEST:
            rhos.append(None)
            continue
        predictions = model.predict([space.words(a) for a in judged])
        rhos.append(float(spearmanr(predictions, [values[a] for a in judged])[0]))
    return [float(len(train)), *rhos]


def race(arena: Arena, strategy: str, seed: int, evaluations: int = EVALUATIONS) -> dict[str, Any]:
    """Regret after each evaluation, and what the race took here."""
    started = time.process_time()
    found = arena.race(strategy, seed=seed, evaluations=evaluations)
    regret = found.regret_at(np.arange(1, evaluations + 1))
    return {"regret": np.round(regret, 4).tolist(), "cpu_seconds": round(time.process_time() - started, 2)}


def interval(values: np.ndarray) -> str:
    """Mean and 95 % bootstrap interval over the first axis."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(1)
    return "{:.2f} [{:.2f}, {:.2f}]".format(values.mean(), *np.quantile(means, [0.025, 0.975]))


def needed(curves: np.ndarray, target: float) -> str:
    """Median evaluations until a regret is reached, and in how many races it is."""
    reached = curves <= target + 1e-9
    first = np.where(reached.any(1), reached.argmax(1) + 1.0, np.inf)
    median = np.median(first)
    return f"{median:.0f} ({reached.any(1).sum()})" if np.isfinite(median) else f"never ({reached.any(1).sum()})"


def race_rows(races: dict[str, Any]) -> list[str]:
    """The races in Markdown."""
    rows = []
    for on, strategies in races.items():
        curves = {name: np.array([r["regret"] for r in by_seed.values()]) for name, by_seed in strategies.items()}
        for name, by_seed in strategies.items():
            targets = [
                needed(curves[name], float(np.median(curves[of][:, -1]))) if of in curves else "-"
                for of in ("random", "evolution")
            ]
            regrets = [interval(curves[name][:, n - 1]) for n in (50, 100, EVALUATIONS)]
            seconds = np.mean([r["cpu_seconds"] for r in by_seed.values()])
            rows.append(f"| {' | '.join([on, name, *regrets, *targets, f'{seconds:.1f}'])} |")
    return rows


def width_rows(widths: dict[str, Any]) -> list[str]:
    """Regrets at the end of races of several budgets in Markdown."""
    return [
        f"| {budget} | {' | '.join(interval(np.array(list(by[n].values()))) for n in BEAMED)} |"
        for budget, by in widths.items()
    ]


def extrapolation_rows(found: dict[str, dict[str, list[float | None]]]) -> list[str]:
    """The extrapolations in Markdown."""
    rows = []
    for key, by_seed in found.items():
        table, kind, level = key.split()
        values = np.array(list(by_seed.values()), dtype=float)
        cells = [table, kind, level, str(len(values)), f"{values[:, 0].mean():.0f}"]
        cells += ["-" if np.isnan(column).any() else interval(column) for column in values[:, 1:].T]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def verdict(races: dict[str, Any]) -> str:
    """What docs/methods.md says."""
    parts = []
    for on, strategies in races.items():
        if not all(name in strategies for name in STRATEGIES):
            continue
        last = {n: np.median([r["regret"] for r in by_seed.values()], axis=0)[-1] for n, by_seed in strategies.items()}
        curves = np.array([r["regret"] for r in strategies["pnas"].values()])
        reached = needed(curves, float(last["random"]))
        parts.append(
            f"{on}: median regret after 200 {last['pnas']:.2f} (random {last['random']:.2f}, evolution "
            f"{last['evolution']:.2f}), random's reached after {reached.split()[0]}, {len(curves)} seeds"
        )
    return "; ".join(parts)


def write(done: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Both files, of what there is."""
    command = f"python benchmarks/pnas.py --seeds {arguments.seeds} --lstm-seeds {arguments.lstm_seeds}"
    text = TEXT.format(
        command=command,
        date=time.strftime("%Y-%m-%d"),
        evaluations=EVALUATIONS,
        seeds=arguments.seeds,
        heads=" | ".join(f"regret at {n}" for n in (50, 100, EVALUATIONS)),
        races="\n".join(race_rows(done["races"])),
        widths="\n".join(width_rows(done["widths"])),
        each=EACH,
        judged=JUDGED,
        extrapolation="\n".join(extrapolation_rows(done["extrapolation"])),
    )
    methods = {"strategy/pnas": {"result": verdict(done["races"]), "command": command}}
    path = RESULTS / "pnas.json"
    path.write_text(json.dumps({"methods": methods, **done}, allow_nan=False) + "\n", "utf-8")
    path.with_suffix(".md").write_text(text, "utf-8")


def main() -> None:
    """Do what is missing; write after every part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--lstm-seeds", type=int, default=20)
    parser.add_argument("--kept", type=Path, default=Path("runs/pnas.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    done: dict[str, Any] = {"races": {}, "widths": {}, "extrapolation": {}}
    if arguments.kept.exists():
        done |= json.loads(arguments.kept.read_text("utf-8"))

    def keep() -> None:
        arguments.kept.parent.mkdir(parents=True, exist_ok=True)
        arguments.kept.write_text(json.dumps(done), "utf-8")
        write(done, arguments)

    for table, dataset in ARENAS:
        arena = Arena(table, dataset)
        for name in STRATEGIES:
            by_seed = done["races"].setdefault(f"{table} {dataset}", {}).setdefault(name, {})
            for seed in range(arguments.seeds):
                if str(seed) not in by_seed:
                    by_seed[str(seed)] = race(arena, name, seed)
            keep()
            print(table, name, flush=True)
    arena = Arena(*ARENAS[0])
    for budget in BUDGETS:
        if str(budget) not in done["widths"]:
            seeds = range(arguments.seeds)
            ends = {n: {str(s): race(arena, n, s, budget)["regret"][-1] for s in seeds} for n in BEAMED}
            done["widths"][str(budget)] = ends
            keep()
    for kind, count in (("mlp", arguments.seeds), ("lstm", arguments.lstm_seeds)):
        for table, levels in LEVELS.items():
            for level in levels:
                by_seed = done["extrapolation"].setdefault(f"{table} {kind} {level}", {})
                for seed in range(count):
                    if str(seed) not in by_seed:
                        by_seed[str(seed)] = extrapolation(table, kind, level, seed)
                keep()
                print(table, kind, level, flush=True)


if __name__ == "__main__":
    main()
