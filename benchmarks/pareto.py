"""Fronts of accuracy, latency, energy and parameters on NAS-Bench-201 x HW-NAS-Bench, found by several strategies.

    NASSAY_DATA=... python benchmarks/pareto.py --seeds 30 --evaluations 200 --work runs/pareto

Each strategy pays for the same number of whole trainings, which are looked up. It sees validation accuracies and every
cost; its front is judged by test accuracy. Races that are done lie in `--work` and are not run again. Writes
`benchmarks/results/pareto.md` and `.json`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.stats import wilcoxon

from nassay.estimators.tables.base import open_table
from nassay.estimators.tables.hardware import HardwareTable
from nassay.gaps.hypervolume import hypervolume, hypervolume_curve, pareto_front
from nassay.spaces.base import Architecture
from nassay.strategies.base import FINALISTS, Plan, Record, Request, ranked
from nassay.strategies.cascade import Cascade
from nassay.strategies.nsga2 import NSGA2, POPULATION, _algorithm, _architecture
from nassay.strategies.problem import Budget, Problem
from nassay.strategies.random import Random
from nassay.studies.arena import Arena, Race

RESULTS = Path(__file__).with_name("results")
OBJECTIVES = ("test error (percent)", "latency_ms", "energy_mj", "params")
WORST = 0.9  # quantile of each objective over the table: what is worse does not count
LIMITS = tuple(i / 24 for i in range(1, 25))  # quantiles of latency: one cascade under each,
CANDIDATES = 40  # with so many short trainings
MARKS = (25, 50, 100, 150, 200)
RESAMPLES = 2000


@dataclass(frozen=True)
class Costs:
    """What a network costs on the device: (latency_ms, energy_mj, params) by canonical architecture."""

    device: str
    of: dict[Architecture, tuple[float, float, float]]

    def latency_at(self, quantile: float) -> float:
        """A quantile of the networks' latencies, in ms."""
        return float(np.quantile([latency for latency, _, _ in self.of.values()], quantile))


class ManyObjectives(NSGA2):
    """NSGA-II on validation error, latency, energy and parameters."""

    costs: Costs

    def plan(self) -> Plan:
        """As in `NSGA2`, with other objectives."""
        count, fidelity = self.problem.single_fidelity()
        first = list(islice(self.problem.stream("random"), POPULATION))
        algorithm = _algorithm(self.problem, first, generations=count)
        history: list[Record] = []
        while len(history) < count and (individuals := algorithm.ask()) is not None:
            individuals = individuals[: count - len(history)]
            asked = [_architecture(self.problem, x) for x in individuals.get("X")]
            records = yield [Request(a, "training", fidelity) for a in asked]
            history += records
            individuals.set(
                "F", np.array([(-(r.value or 0.0), *self.costs.of[r.request.architecture]) for r in records])
            )
            algorithm.tell(infills=individuals)
        return [r.request.architecture for r in ranked(history)][:FINALISTS]


class Limited(Problem):
    """A problem whose networks keep a limit on the device's latency."""

    def __init__(self, problem: Problem, costs: Costs, limit_ms: float, evaluations: int) -> None:
        budget = Budget(evaluations=evaluations)
        super().__init__(problem.space, None, budget, seed=problem.seed, replay=problem.replay)
        self._costs, self._limit_ms = costs, limit_ms

    def admits(self, architecture: Architecture) -> bool:
        """See `Problem.admits`."""
        return self._costs.of[self.space.canonical(architecture)][0] <= self._limit_ms

    def sample(self, rng: np.random.Generator, *, largest: float = 1.0) -> Architecture:
        """The space's own draw, again until it keeps the limit."""
        while True:
            drawn = self.space.sample(rng)
            drawn = self.space.scaled(drawn, largest) if largest < 1 else drawn
            if self.admits(drawn):
                return drawn


class CascadeByLimits(Cascade):
    """A cascade under each of several limits on latency."""

    costs: Costs

    def plan(self) -> Plan:
        """One cascade after the other, its finalists trained to the end; the best of all of them at the end."""
        found: list[Architecture] = []
        for quantile in LIMITS:
            part = Cascade(Limited(self.problem, self.costs, self.costs.latency_at(quantile), CANDIDATES))
            while requests := part.ask():
                part.tell((yield requests))
            finalists = [a for a in part.finalists or [] if a not in found]
            found += finalists
            yield [Request(a, "training", self.problem.final_fidelity()) for a in finalists]
        return found[:FINALISTS]


def strategies_for(costs: Costs) -> dict[str, Callable[[Problem], object]]:
    many = type("ManyObjectives", (ManyObjectives,), {"costs": costs})
    limits = type("CascadeByLimits", (CascadeByLimits,), {"costs": costs})
    return {
        "random": Random,
        "nsga2, four objectives": many,
        "nsga2, accuracy and MACs": NSGA2,
        f"cascade, {len(LIMITS)} limits on latency": limits,
    }


def costs_of(arena: Arena, device: str) -> Costs:
    table, dataset = HardwareTable("hwnasbench"), arena.dataset
    latency = table.values(device, "latency_ms", dataset)
    energy = table.values(device, "energy_mj", dataset)
    params = open_table("nasbench201").costs("params", dataset)
    return Costs(device, {a: (latency[a], energy[a], params[a]) for a in arena.valid})


def curve(
    race: Race, arena: Arena, costs: Costs, ideal: np.ndarray, worst: np.ndarray, marks: Sequence[int]
) -> list[float]:
    """Hypervolume of the networks that were trained to the end, after so many whole trainings were paid for."""
    whole = np.diff(race.spent, prepend=0.0) > 0.99
    trained = {a: s for a, s, done in list(zip(race.architectures, race.spent, whole, strict=True))[::-1] if done}
    ends = sorted(trained.items(), key=lambda end: end[1])  # a network counts once, when it was first trained
    points = np.array([(100 - arena.test[a], *costs.of[a]) for a, _ in ends])
    counts = np.searchsorted([spent for _, spent in ends], np.array(marks) + 1e-9, side="right")
    return hypervolume_curve((points - ideal) / (worst - ideal), [1.0] * len(ideal), counts.tolist()).tolist()


def interval(values: np.ndarray) -> str:
    rng = np.random.default_rng(0)
    means = rng.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


TEXT = """# Fronts of accuracy, latency, energy and parameters

`python benchmarks/pareto.py --dataset {dataset} --device {device} --seeds {seeds} --evaluations {evaluations}`,
{date}. NAS-Bench-201 ({dataset}, {networks:,} different networks) with latency and energy
of HW-NAS-Bench on {device}, means over the encodings of a network. Objectives: {objectives}. Strategies see validation
accuracies, their fronts are judged by test accuracy. Hypervolume over the table's ideal point, up to the {worst:.0%}
quantile of each objective, as a share of what the table's own front of {front} networks has; mean over seeds, bootstrap
95 % interval. Only networks that were trained to the end count.

{table}

p is Wilcoxon's signed-rank test against random search over the same seeds, two-sided, at the last mark.
"nsga2, accuracy and MACs" is the strategy as `nassay search` runs it, the other one takes all four objectives.
"""

CASCADE = """
The cascade looks for one network, not for a front: here it runs under each of {limits} limits on latency, quantiles of
the table's, with {candidates} candidates each, of which it trains the finalists to the end. What it trains for 12
epochs is paid for by its share (.06) and does not count as a point of the front. After all limits it has paid for about
{paid:.0f} whole trainings; from there on its row does not change.
"""


def write(dataset: str, device: str, seeds: int, evaluations: int, curves: dict[str, list[list[float]]], facts: dict):
    marks = [m for m in MARKS if m <= evaluations]
    base, rows, found = np.array(curves["random"]), [], {}
    for name, values in curves.items():
        shares = np.array(values)
        same = np.array_equal(shares[:, -1], base[: len(shares), -1])
        p = None if same else float(wilcoxon(shares[:, -1], base[: len(shares), -1]).pvalue)
        cells = [interval(column) for column in shares.T]
        rows.append([name, str(len(shares)), *cells, "" if p is None else f"{p:.2g}"])
        found[name] = {"share": shares.tolist(), "p_against_random": p}
    document = {**facts, "dataset": dataset, "device": device, "seeds": seeds, "marks": marks, "strategies": found}
    (RESULTS / "pareto.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    text = (TEXT + CASCADE * any(name.startswith("cascade") for name in curves)).format(
        dataset=dataset, device=device, seeds=seeds, evaluations=evaluations, date=time.strftime("%Y-%m-%d"),
        objectives=", ".join(OBJECTIVES), worst=WORST, limits=len(LIMITS), candidates=CANDIDATES,
        table=table(["strategy", "seeds", *(f"after {m}" for m in marks), "p"], rows), **facts,
    )  # fmt: skip
    (RESULTS / "pareto.md").write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--device", default="edgegpu")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--cascade-seeds", type=int, default=30, help="of the cascades, whose races take long")
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--work", type=Path, default=Path("runs/pareto"))
    given = parser.parse_args()
    arena = Arena("nasbench201", given.dataset)
    costs = costs_of(arena, given.device)
    whole = np.array([(100 - arena.test[a], *costs.of[a]) for a in arena.valid])
    ideal, worst = whole.min(axis=0), np.quantile(whole, WORST, axis=0)
    scaled = (whole - ideal) / (worst - ideal)
    best = hypervolume(scaled, [1.0] * len(OBJECTIVES))
    facts = {"networks": len(whole), "front": int(pareto_front(whole).sum()), "hypervolume_of_the_table": best}
    marks = [m for m in MARKS if m <= given.evaluations]
    given.work.mkdir(parents=True, exist_ok=True)
    curves: dict[str, list[list[float]]] = {}
    for name, make in strategies_for(costs).items():
        for seed in range(given.cascade_seeds if name.startswith("cascade") else given.seeds):
            key = f"{given.dataset}-{given.device}-{given.evaluations}-{name}-{seed}".replace(" ", "_")
            path = given.work / f"{key}.json"
            if not path.exists():
                race = arena.race(make, seed=seed, evaluations=given.evaluations)
                done = {"curve": curve(race, arena, costs, ideal, worst, marks), "paid": float(race.spent[-1])}
                path.write_text(json.dumps(done))
            done = json.loads(path.read_text())
            curves.setdefault(name, []).append([v / best for v in done["curve"]])
        facts["paid"] = done["paid"]
        print(name, np.mean(curves[name], axis=0).round(3), file=sys.stderr)
        write(given.dataset, given.device, given.seeds, given.evaluations, curves, facts)


if __name__ == "__main__":
    main()
