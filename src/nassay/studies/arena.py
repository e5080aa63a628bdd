"""The arena: any strategy on a tabular benchmark, with the trainings replayed from the table.

What a strategy sees, and what it pays:

- Trainings are answered with the validation metric, the mean over the table's seeds; accuracies as fractions, like
  those of real trainings. A table without a validation split shows the training of its first seed, and a table without
  test measurements is judged by the one metric that it has: `Arena.rules` says which holds.
- The strategy's candidates are trained to the end (`Problem.replay`), which counts as one evaluation. A training to a
  share of the final epochs is answered by the table's longest schedule that is not longer, else by its shortest, and
  counts as the share of epochs that this schedule has. Reduced channels, resolutions or samples are in no table: they
  have no value. Training to the same schedule again costs nothing. Where the table's schedules are points of one
  training's curve, going on costs what is added, and a shorter one nothing.
- The test metric decides about the incumbent's curve only. The incumbent is the best by validation among those that
  were trained longest so far.
- Zero-cost scores are those of `arena_scores`; parameters and multiply-accumulates are the table's, or counted.
- When the strategy is done, its finalists are trained to the end if the budget allows. A request over the budget ends
  the race.

Regret is held against the best test metric in the table. Encodings of one network are one architecture.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.tables.base import Table, open_table
from nassay.spaces.base import Architecture
from nassay.strategies.base import Record, Request, Strategy, strategies
from nassay.strategies.problem import FINAL_EPOCHS, Budget, Problem
from nassay.studies.arena_schedules import Schedule, schedules_of
from nassay.studies.arena_scores import COUNTS, ArenaScores

FEWEST, STUCK = 4, 10_000  # evaluations of a race; answers without a price, in a row, that end it

Make = Callable[[Problem], Strategy]


@dataclass(frozen=True)
class Race:
    """What one strategy did with one seed; n trainings were paid for.

    Attributes:
        strategy: its name.
        seed: of its random draws.
        evaluations: how many whole trainings it might pay for.
        best_test: the best test metric in the table.
        architectures: (n,) what was trained, in this order.
        valid: (n,) validation metric that the strategy was told, in the table's unit.
        spent: (n,) whole trainings paid for so far.
        test: (n,) test metric of the incumbent after each training.
        seconds: (n,) simulated seconds so far, proxies included; None where the table has no training times.
        asked: number of other requests by estimator.
        unanswered: how many of these had no value; estimators that had all their values are left out.
        finalists: what the strategy ended with; none where its budget was over before.
    """

    strategy: str
    seed: int
    evaluations: int
    best_test: float
    architectures: tuple[Architecture, ...]
    valid: np.ndarray
    spent: np.ndarray
    test: np.ndarray
    seconds: np.ndarray | None
    asked: dict[str, int]
    unanswered: dict[str, int]
    finalists: tuple[Architecture, ...]

    @property
    def regret(self) -> np.ndarray:
        """(n,) what the incumbent's test metric lacks to the best of the table."""
        return self.best_test - self.test

    def regret_at(self, spent: np.ndarray) -> np.ndarray:
        """Regret when so many whole trainings are paid for; NaN before the first, flat after the last."""
        return _at(self.spent, self.regret, spent)

    def regret_after(self, seconds: np.ndarray) -> np.ndarray:
        """Regret after so many simulated seconds, likewise; only where there are any."""
        assert self.seconds is not None
        return _at(self.seconds, self.regret, seconds)


class Arena:
    """A data set of a table, prepared for races.

    Args:
        table: its name, or the table.
        dataset: one of its data sets; None for the first.
        scores: run folder of `nassay bench proxies` on the same data set, for zero-cost scores that are not published.

    Raises:
        UserError: no such table or data set, or a file is not there.

    Attributes:
        schedules: how long the table's networks were trained, the shortest first, each with what it measured.
        valid: validation metric of every network after the longest schedule, by canonical architecture.
        test: test metric, likewise; strategies never see it.
        best_test: the largest of them.
        rules: sentences on what this table shows, and by what its strategies are judged.
    """

    def __init__(self, table: Table | str, dataset: str | None = None, *, scores: Path | None = None) -> None:
        opened = open_table(table) if isinstance(table, str) else table
        self.table, self.dataset = opened.name, opened.dataset(dataset)
        self.space = opened.space(self.dataset)
        self.metric, self.unit = opened.metric(self.dataset)
        self.schedules, self.test, self.rules = schedules_of(opened, self.dataset)
        self.valid = self.schedules[-1].values
        self.best_test = max(self.test.values())
        self.scores = ArenaScores(opened, self.dataset, scores)
        self._scale = 0.01 if self.unit == "percent" else 1.0
        self._counts = {name: _published_counts(opened, self.dataset, name) for name in ("params", "macs")}
        self._estimates: dict[tuple[Architecture, int], Estimate] = {}
        self.position = lru_cache(maxsize=None)(self._position)

    def problem(self, seed: int, evaluations: int) -> Problem:
        """What a strategy is asked to solve here."""
        return Problem(self.space, None, Budget(evaluations=evaluations), seed=seed, replay=True)

    def race(self, strategy: str | Make, *, seed: int, evaluations: int) -> Race:
        """One strategy with one seed.

        Args:
            strategy: a registered name, or what makes a strategy from a problem.
            seed: of its random draws.
            evaluations: whole trainings that it may pay for.

        Raises:
            UserError: an unknown strategy, or one that asks for what no table can answer.
        """
        if evaluations < FEWEST:
            raise UserError(f"A race takes at least {FEWEST} evaluations, found {evaluations}.")
        make: Make = strategies[strategy].target if isinstance(strategy, str) else strategy
        name = strategy if isinstance(strategy, str) else getattr(strategy, "__name__", "strategy")
        run = _Run(self, name, evaluations)
        made = make(self.problem(seed, evaluations))
        while requests := made.ask():
            records = run.answer(requests)
            if len(records) < len(requests):
                break
            made.tell(records)
        finalists = tuple(made.finalists or ())
        run.answer([Request(a, "training", Fidelity(epochs=FINAL_EPOCHS, final=True)) for a in finalists])
        return run.race(seed, finalists)

    def estimate(self, request: Request) -> Estimate:
        """The answer to a request, whatever it costs.

        Raises:
            UserError: no table can answer it.
        """
        name = request.estimator
        if name == "training":
            assert request.fidelity is not None
            place = self.position(request.fidelity)
            return _REDUCED if place is None else self.trained((self.known(request.architecture), place))
        if name in COUNTS:
            return self._counted(self.space.canonical(request.architecture), name)
        return self.scores.estimate(self.space.canonical(request.architecture), name)

    def _counted(self, architecture: Architecture, name: str) -> Estimate:
        """The table's own count, else ours."""
        published = self._counts.get(name, {}).get(architecture)
        return Estimate.of(Analytic.of(self.space).totals(architecture)[name] if published is None else published)

    def known(self, architecture: Architecture) -> Architecture:
        """The architecture's canonical form, which the table's values are kept by."""
        return architecture if architecture in self.valid else self.space.canonical(architecture)

    def trained(self, key: tuple[Architecture, int]) -> Estimate:
        """What a strategy is told of a canonical architecture trained to the schedule at a place of `schedules`."""
        estimate = self._estimates.get(key)
        if estimate is None:
            estimate = self._estimates[key] = self._replayed(key[0], self.schedules[key[1]])
        return estimate

    def _replayed(self, architecture: Architecture, schedule: Schedule) -> Estimate:
        if architecture not in schedule.values:
            return Estimate.failed(f"{self.table} has no measurement of this architecture on {self.dataset}", curve=[])
        value, epochs = schedule.values[architecture] * self._scale, schedule.share * FINAL_EPOCHS
        seconds = schedule.seconds[architecture] if schedule.seconds else 0.0
        point = {"epoch": epochs, "seconds": seconds, "validation_accuracy": value}
        return Estimate.of(value, seconds=seconds, epochs=epochs, train_seconds=seconds, curve=[point])

    def _position(self, fidelity: Fidelity) -> int | None:
        """Which schedule answers; None where none can."""
        if fidelity.channels != 1.0 or fidelity.resolution != 1.0 or fidelity.samples != 1.0:
            return None
        share = 1.0 if fidelity.final or fidelity.epochs is None else fidelity.epochs / FINAL_EPOCHS
        return max((i for i, s in enumerate(self.schedules) if s.share <= share + 1e-9), default=0)


class _Run:
    """The accounts of one race."""

    def __init__(self, arena: Arena, name: str, evaluations: int) -> None:
        self._arena, self._name, self._evaluations = arena, name, evaluations
        self._paid: dict[tuple[Architecture, int | None], Schedule] = {}  # the longest of each training
        self._trained: list[tuple[Architecture, int]] = []
        self._ends: list[tuple[float, float]] = []  # whole trainings and seconds paid for, after each training
        self._spent, self._seconds, self._free = 0.0, 0.0, 0
        self._asked: Counter[str] = Counter()
        self._unanswered: Counter[str] = Counter()

    def answer(self, requests: Sequence[Request]) -> list[Record]:
        """Records up to the first request that the budget does not allow."""
        found = []
        for request in requests:
            if request.estimator == "training":
                estimate = self._train(request)
                if estimate is None:
                    break
            else:
                estimate = self._look_up(request)
            found.append(Record(request, estimate))
        return found

    def _train(self, request: Request) -> Estimate | None:
        """The answer to a training, entered into the accounts; None where it is over the budget."""
        arena = self._arena
        assert request.fidelity is not None
        place = arena.position(request.fidelity)
        self._free += 1
        if place is None:
            return _REDUCED if self._free < STUCK else None
        architecture, schedule = arena.known(request.architecture), arena.schedules[place]
        estimate = arena.trained((architecture, place))
        training = (architecture, None if schedule.on_curve else place)
        before = self._paid.get(training)
        if estimate.value is None or (before is not None and before.share >= schedule.share):
            return estimate if self._free < STUCK else None
        spent = self._spent + schedule.share - (before.share if before else 0.0)
        if spent > self._evaluations + 1e-9:
            return None
        self._spent, self._free = spent, 0
        if schedule.seconds:
            self._seconds += schedule.seconds[architecture] - (before.seconds[architecture] if before else 0.0)
        self._paid[training] = schedule
        self._trained.append((architecture, place))
        self._ends.append((self._spent, self._seconds))
        return estimate

    def _look_up(self, request: Request) -> Estimate:
        try:
            estimate = self._arena.estimate(request)
        except UserError as error:
            raise UserError(f"The strategy {self._name} cannot race: {error}") from error
        self._asked[request.estimator] += 1
        if estimate.value is None:
            self._unanswered[request.estimator] += 1
        self._seconds += estimate.seconds
        return estimate

    def race(self, seed: int, finalists: tuple[Architecture, ...]) -> Race:
        """The race as it was run."""
        arena = self._arena
        schedules = [arena.schedules[place] for _, place in self._trained]
        valid = [s.values[a] for (a, _), s in zip(self._trained, schedules, strict=True)]
        spent, seconds = np.array(self._ends).reshape(-1, 2).T
        return Race(
            strategy=self._name,
            seed=seed,
            evaluations=self._evaluations,
            best_test=arena.best_test,
            architectures=tuple(a for a, _ in self._trained),
            valid=np.array(valid),
            spent=spent,
            test=np.array(self._incumbents(valid)),
            seconds=seconds if arena.schedules[-1].seconds else None,
            asked=dict(sorted(self._asked.items())),
            unanswered=dict(sorted(self._unanswered.items())),
            finalists=finalists,
        )

    def _incumbents(self, valid: Sequence[float]) -> list[float]:
        """Test metric of the incumbent after each training."""
        best, shown, found = (-1, -np.inf), np.nan, []
        for (architecture, place), value in zip(self._trained, valid, strict=True):
            if (place, value) > best:
                best, shown = (place, value), self._arena.test[architecture]
            found.append(shown)
        return found


def race(
    strategy: str | Make, arena: Arena | Table | str, dataset: str | None = None, *, seed: int, evaluations: int = 200
) -> Race:
    """One strategy with one seed on a table; see `Arena`, which is worth keeping over several races."""
    prepared = arena if isinstance(arena, Arena) else Arena(arena, dataset)
    return prepared.race(strategy, seed=seed, evaluations=evaluations)


def _published_counts(table: Table, dataset: str, name: str) -> dict[Architecture, float]:
    """Parameters or multiply-accumulates that a table has; empty where it has none."""
    try:
        return table.costs(name, dataset)
    except UserError:
        return {}


_REDUCED = Estimate.failed("no table has trainings with reduced channels, resolution or samples", curve=[])


def _at(when: np.ndarray, what: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The last of `what` that is not later than each wanted time; NaN before the first."""
    places = np.searchsorted(when, np.asarray(wanted) + 1e-9, side="right") - 1
    return np.where(places < 0, np.nan, what[np.maximum(places, 0)]) if len(what) else np.full(len(wanted), np.nan)
