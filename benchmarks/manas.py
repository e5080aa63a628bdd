"""MANAS' agents on tabular benchmarks: does the mean loss fall, and is what they recommend better than random search?

    NASSAY_DATA=data python benchmarks/manas.py --seeds 20

A round's loss is (best mean accuracy - one seed's accuracy) / (best - worst), validation where the table has it; what
is recommended at the end is judged by its mean test accuracy. Besides, made-up losses of 6 agents with 5 options: sums
of the options' terms, without and with interactions of pairs; there what is recommended is judged by its loss without
noise, 0 the best path's and 1 the worst's. Writes `benchmarks/results/manas.md` and `.json`.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from nassay.estimators.supernets.bandits import Agents, Exp3Agents, LeastSquaresAgents
from nassay.estimators.tables import open_table
from nassay.spaces.base import Architecture

RESULTS = Path(__file__).parent / "results"
RULES = ("manas", "manas_ls")
ROUNDS = (100, 300, 1000, 3000)
TABLES = (("nasbench_macro", "cifar10"), ("nasbench201", "cifar10"))
INTERACTION = 0.3
Loss = Callable[[tuple[int, ...], np.random.Generator], float]
Sums = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    began = time.perf_counter()
    rows = [row for name, dataset in TABLES for row in on_table(name, dataset, seeds)]
    rows += [row for strength in (0.0, INTERACTION) for row in on_sums(strength, seeds)]
    found = {"command": f"python benchmarks/manas.py --seeds {seeds}", "seeds": seeds, "rows": rows}
    found["seconds"] = round(time.perf_counter() - began, 1)
    found["methods"] = {
        f"strategy/{rule}": {"result": sentence(rows, rule, seeds), "command": found["command"]} for rule in RULES
    }
    (RESULTS / "manas.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (RESULTS / "manas.md").write_text(page(found), "utf-8")


def on_table(name: str, dataset: str, seeds: int) -> list[dict[str, Any]]:
    """A row for each number of rounds: both rules, uniform draws, and the best of as many random draws."""
    table = open_table(name)
    space = table.space(dataset)
    splits = {s.split for s in table.series(dataset) if s.metric == "accuracy"}
    split = "valid" if "valid" in splits else "test"
    each = {s.seed for s in table.select(dataset, split) if s.seed is not None}
    runs = [table.values(dataset, split, seed=s) for s in sorted(each)] or [table.values(dataset, split)]
    mean, test = table.values(dataset, split), table.values(dataset)
    best, worst = max(mean.values()), min(mean.values())
    known: dict[tuple[int, ...], Architecture] = {}

    def canonical(path: tuple[int, ...]) -> Architecture:
        if path not in known:
            known[path] = space.canonical(Architecture(space.name, path))
        return known[path]

    def loss(path: tuple[int, ...], rng: np.random.Generator) -> float:
        run = runs[rng.integers(len(runs))]
        architecture = canonical(path)
        return (best - run.get(architecture, mean[architecture])) / (best - worst)

    everything = np.array(list(test.values()))
    rows = []
    for rounds in ROUNDS:
        for rule, agents in rules(space.options, rounds):
            played = [play(agents(), loss, rounds, seed) for seed in range(seeds)]
            final = [test[canonical(path)] for _, path in played]
            rows.append(row_of(f"{name} {dataset}", rule, rounds, [m for m, _ in played], final))
        draws = [np.random.default_rng([seed, rounds]).choice(everything, rounds) for seed in range(seeds)]
        uniform = [play(EvenAgents(space.options), loss, rounds, seed)[0] for seed in range(seeds)]
        rows.append(row_of(f"{name} {dataset}", "random", rounds, uniform, [float(d.max()) for d in draws]))
    return rows


def on_sums(strength: float, seeds: int) -> list[dict[str, Any]]:
    """Made-up losses in 0..1: the mean of the options' terms, and of terms of neighbouring pairs."""
    agents, options = 6, 5
    what = f"sums, interactions {strength:g}"
    rows = []
    for rounds in (500, 2000, 8000):
        for rule in RULES:
            losses, final = [], []
            for seed in range(seeds):
                rng = np.random.default_rng([seed, 77])
                single, pairs = rng.uniform(size=(agents, options)), rng.normal(size=(agents, options, options))
                sums = sums_of(single, pairs, strength)
                make = dict(rules((options,) * agents, rounds))[rule]
                mean, path = play(make(), noisy(sums), rounds, seed)
                every = sums(np.array(list(product(range(options), repeat=agents))))
                losses.append(mean)
                final.append(float((sums(np.array([path]))[0] - every.min()) / (every.max() - every.min())))
            rows.append(row_of(what, rule, rounds, losses, final))
    return rows


def sums_of(single: np.ndarray, pairs: np.ndarray, strength: float) -> Sums:
    """The mean of the options' terms and, so strongly, of the terms of neighbouring pairs: (n, agents) -> (n,)."""
    every = np.arange(len(single))

    def sums(paths: np.ndarray) -> np.ndarray:
        terms = single[every, paths] + strength * pairs[every, paths, np.roll(paths, 1, axis=1)]
        means: np.ndarray = terms.mean(1)
        return means

    return sums


def noisy(sums: Sums) -> Loss:
    """A path's sum with noise, cut to 0..1."""

    def loss(path: tuple[int, ...], rng: np.random.Generator) -> float:
        return float(np.clip(sums(np.array([path]))[0] + rng.normal(0, 0.05), 0, 1))

    return loss


def rules(options: tuple[int, ...], rounds: int) -> list[tuple[str, Callable[[], Agents]]]:
    """Both rules, made for so many rounds."""
    return [("manas", lambda: Exp3Agents(options, rounds)), ("manas_ls", lambda: LeastSquaresAgents(options))]


class EvenAgents(Agents):
    """Agents that learn nothing."""

    def probabilities(self) -> list[np.ndarray]:
        """Even chances."""
        return [np.full(k, 1 / k) for k in self.options]

    def _learn(self, path: tuple[int, ...], loss: float) -> None:
        """Nothing."""


def play(agents: Agents, loss: Loss, rounds: int, seed: int) -> tuple[float, tuple[int, ...]]:
    """Mean loss of the rounds, and what is recommended at the end."""
    rng = np.random.default_rng(seed)
    total = 0.0
    for _ in range(rounds):
        path = agents.draw(rng)
        found = loss(path, rng)
        agents.tell(path, found)
        total += found
    return total / rounds, agents.recommended()


def row_of(where: str, rule: str, rounds: int, losses: list[float], final: list[float]) -> dict[str, Any]:
    def told(values: list[float]) -> list[float] | None:
        return [float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5)] if values else None

    return {"where": where, "rule": rule, "rounds": rounds, "loss": told(losses), "final": told(final)}


def sentence(rows: list[dict[str, Any]], rule: str, seeds: int) -> str:
    """For `docs/methods.md`."""

    def at(where: str, rounds: int, rule: str) -> dict[str, Any]:
        return next(r for r in rows if (r["where"], r["rounds"], r["rule"]) == (where, rounds, rule))

    parts = []
    for where in ("nasbench_macro cifar10", "nasbench201 cifar10"):
        losses = ", ".join(f"{at(where, rounds, rule)['loss'][0]:.4f}" for rounds in ROUNDS)
        (own, error), best = at(where, 1000, rule)["final"], at(where, 1000, "random")["final"][0]
        parts.append(
            f"{where}: mean loss {losses} at {', '.join(map(str, ROUNDS))} rounds; after 1,000 recommends "
            f"{own:.2f} ± {error:.2f} %, random search's best {best:.2f} %"
        )
    return f"{'; '.join(parts)}; {seeds} seeds"


def page(found: dict[str, Any]) -> str:
    lines = [
        "# MANAS on tables",
        "",
        f"`{found['command']}`, {found['seeds']} seeds, mean ± standard error; {found['seconds']:.0f} s. On tables",
        "loss 0 is the best network's mean, 1 the worst's, and the last column is the test accuracy of the network",
        "recommended at the end; for random search of the best of as many draws, picked without noise, which flatters",
        "it. Losses of sums are the sums themselves, cut to 0..1; the last column is there the loss of the recommended",
        "path without noise, 0 the best path's, 1 the worst's; a dash where it was not recorded.",
        "",
        "| where | rule | rounds | mean loss | recommended |",
        "|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        loss, final = row["loss"], row["final"]
        places = 4 if row["where"].startswith("sums") else 2
        shown = f"{final[0]:.{places}f} ± {final[1]:.{places}f}" if final else "–"
        lines.append(f"| {row['where']} | {row['rule']} | {row['rounds']} | {loss[0]:.4f} ± {loss[1]:.4f} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
