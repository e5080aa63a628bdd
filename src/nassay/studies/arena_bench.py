"""Strategies against each other on a tabular benchmark: race, judge, write down.

A run folder keeps every finished race (a strategy with a seed) in its ledger: the same command goes on where it was
stopped, and another strategy, or more seeds, pay only for what is new. Races of another length, or with other zero-cost
scores to see, are other races.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.strategies.base import strategies as registered
from nassay.studies.arena import FEWEST, Arena, Race
from nassay.studies.arena_files import write_arena
from nassay.studies.arena_rows import curves, ranks, rows
from nassay.studies.bench_folder import BenchFolder, BenchResult, versions
from nassay.studies.executors import ATTEMPTS
from nassay.studies.listener import Listener

REFERENCES = ("random", "evolution")  # strategies that all are held against; the first is always there
SEEDS, EVALUATIONS = 30, 200
PHASE = "race"

Races = dict[str, list[Race]]


def bench_search(
    table: str,
    dataset: str | None = None,
    *,
    strategies: str | Sequence[str] = ("random", "local_search", "evolution"),
    seeds: int = SEEDS,
    evaluations: int = EVALUATIONS,
    simulate_time: bool = False,
    scores: str | Path | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    listener: Listener | None = None,
) -> BenchResult:
    """Race search strategies on a tabular benchmark.

    Args:
        table: name of a table.
        dataset: one of its data sets; None for the first.
        strategies: names, as a sequence or with commas between them; `random` is always there.
        seeds: races of each strategy, with seeds 0, 1, ...
        evaluations: whole trainings that a race may pay for.
        simulate_time: judge by simulated seconds, too.
        scores: run folder of `bench_proxies` on the same data set, for zero-cost scores that are not published.
        out: run folder; by default one under `runs/` that belongs to the benchmark.
        workers: parallel processes of one thread each; by default one for each core.
        listener: hears of progress.

    Raises:
        UserError: an unknown table, data set or strategy, a missing file, a folder with something else in it, no
            training times to simulate, or strategies that all ask for what no table can answer.
        StudyBusyError: another command works on the folder.
        StudyStoppedError: the system stopped it; the same command goes on.
    """
    names = _names(strategies)
    if seeds < 1 or evaluations < FEWEST:
        raise UserError(
            f"A benchmark of strategies takes a seed and {FEWEST} evaluations, found {seeds}, {evaluations}."
        )
    arena = Arena(table, dataset, scores=None if scores is None else Path(scores))
    if simulate_time and not arena.schedules[-1].seconds:
        raise UserError(f"{arena.table} {arena.dataset} has no training times to simulate; leave out --simulate-time.")
    default = Path("runs") / f"search-{arena.table}-{arena.dataset}".lower()
    settings = {"evaluations": evaluations, "scores": None if scores is None else str(Path(scores).resolve())}
    with ArenaBench(Path(out) if out is not None else default, workers, listener) as bench:
        return bench.run(arena, names, seeds, settings, simulate_time=simulate_time)


class ArenaBench(BenchFolder):
    """A run folder of races at work; use as a context manager."""

    kind: ClassVar[str] = "strategies"
    program: ClassVar[str] = "nassay.studies.arena_worker"

    def run(
        self, arena: Arena, names: Sequence[str], seeds: int, settings: dict[str, Any], *, simulate_time: bool
    ) -> BenchResult:
        """Race where that is missing, judge, and write report, curves and summary."""
        self._listener.phase(f"{arena.table} {arena.dataset}", None)
        with self._session(PHASE):
            failed = self._pay(arena, names, seeds, settings)
        races, wall = self._read(arena, [n for n in names if n not in failed], seeds, settings)
        if not races:
            raise UserError(" ".join(failed.values()))
        found = {
            "table": arena.table,
            "dataset": arena.dataset,
            "space": arena.space.name,
            "metric": arena.metric,
            "unit": arena.unit,
            "networks": len(arena.test),
            "best_test": arena.best_test,
            "rules": [*arena.rules, *_of_own_labels(races, arena.table)],
            "seeds": seeds,
            **settings,
            "references": [name for name in REFERENCES if name in races],
            "rows": rows(races, REFERENCES, wall),
            "ranks": ranks(races),
            "curves": curves(races, "evaluations"),
            "time_curves": curves(races, "seconds") if simulate_time else None,
            "failed": failed,
            "finished": time.strftime("%Y-%m-%d"),
            "versions": versions("scipy"),
        }
        write_arena(self._folder, found)
        return BenchResult(self._folder, found)

    def _pay(self, arena: Arena, names: Sequence[str], seeds: int, settings: dict[str, Any]) -> dict[str, str]:
        """Run the races that are missing; the strategies that cannot race, and why."""
        key = _key(arena, settings)
        known = {(name, text) for text, name, *_ in self._ledger.stream(key)}
        jobs = [
            {"table": arena.table, "dataset": arena.dataset, "strategy": name, "seed": seed, **settings}
            for name in names
            for seed in range(seeds)
            if (name, _seed(seed)) not in known
        ]
        failed: dict[str, str] = {}
        tell, total = self._progress(), len(names) * seeds
        tell(total - len(jobs), total)
        done = total - len(jobs)
        for index, answer in self._workers_at_hand().run(jobs) if jobs else ():
            name, seed = jobs[index]["strategy"], jobs[index]["seed"]
            reason = f"its worker was killed {ATTEMPTS} times" if answer is None else answer.get("reason")
            if reason is not None:
                failed[name] = f"{name}: {reason}"
            else:
                estimate = Estimate(answer["test"][-1], None, answer.pop("wall_seconds"), answer)
                self._ledger.add([((_seed(seed), name, key), estimate)], PHASE)
            done += 1
            tell(done, total)
        return dict(sorted(failed.items()))

    def _read(
        self, arena: Arena, names: Sequence[str], seeds: int, settings: dict[str, Any]
    ) -> tuple[Races, dict[str, float]]:
        """The finished races, by strategy in the order of the seeds, and the mean seconds that one took."""
        key = _key(arena, settings)
        found = {(r["estimator"], r["architecture"]): r for r in self._ledger.records() if r["fidelity"] == key}
        races: Races = {}
        wall = {}
        for name in names:
            records = [found[name, _seed(seed)] for seed in range(seeds)]
            races[name] = [_race(arena, name, seed, settings, r["details"]) for seed, r in enumerate(records)]
            wall[name] = float(np.mean([r["seconds"] for r in records]))
        return races, wall


def _race(arena: Arena, name: str, seed: int, settings: dict[str, Any], kept: dict[str, Any]) -> Race:
    """A race from what the ledger keeps of it."""
    trained, finalists = (tuple(map(arena.space.from_string, kept[key])) for key in ("trained", "finalists"))
    return Race(
        strategy=name,
        seed=seed,
        evaluations=settings["evaluations"],
        best_test=arena.best_test,
        architectures=trained,
        valid=np.array(kept["valid"]),
        spent=np.array(kept["spent"]),
        test=np.array(kept["test"]),
        seconds=None if kept["seconds"] is None else np.array(kept["seconds"]),
        asked=kept["asked"],
        unanswered=kept["unanswered"],
        finalists=finalists,
    )


def _names(wish: str | Sequence[str]) -> list[str]:
    """The strategies of a wish, random search first.

    Raises:
        UserError: a name is unknown.
    """
    names = [name.strip() for name in wish.split(",")] if isinstance(wish, str) else list(wish)
    for name in names:
        registered[name]  # raises where there is none
    return list(dict.fromkeys([REFERENCES[0], *names]))


def _key(arena: Arena, settings: dict[str, Any]) -> str:
    """What the races of these settings are filed under."""
    return f"{arena.table},{arena.dataset},evaluations={settings['evaluations']},scores={arena.scores.digest}"


def _of_own_labels(names: Iterable[str], table: str) -> list[str]:
    """A sentence for each strategy that knows this table's accuracies before it races."""
    knowing = [name for name in names if table in registered[name].info.get("trained_on", ())]
    return [f"{name} was trained on accuracies of {table}: its races here say nothing of others." for name in knowing]


def _seed(seed: int) -> str:
    return f"seed={seed}"
