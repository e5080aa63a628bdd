"""The noun `strategy`: where to look next.

A strategy is a deterministic function of the seed and of the finished records: it asks for a batch of requests, is told
the records in the same order, and asks again, until it has finalists. Resuming is replaying: the study answers what is
already in the ledger without paying for it again.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

from nassay.errors import UserError
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.devices.latency_model import MIN_NETWORKS, LatencyModel
from nassay.registry import Entry, Registry
from nassay.spaces.base import Architecture, Space
from nassay.strategies.problem import Problem


@dataclass(frozen=True)
class Request:
    """One evaluation that a strategy wants: an architecture, an estimator's name, and a fidelity for `training`."""

    architecture: Architecture
    estimator: str
    fidelity: Fidelity | None = None


@dataclass(frozen=True)
class Record:
    """A request and its answer."""

    request: Request
    estimate: Estimate

    @property
    def value(self) -> float | None:
        """The estimate's value, None where it failed."""
        return self.estimate.value


LATENCY_SAMPLES = 24  # measured networks that the latency model is fitted on
FINALISTS = 2  # networks that are trained to the end
ADAPTATIONS = ("none", "influence", "dps")

Plan = Generator[list[Request], list[Record], list[Architecture]]


class Strategy(ABC):
    """Base of all strategies: sub-classes write `plan`, a generator that reads like the paper's algorithm.

    Args:
        problem: space, limits, budget and seed.

    Attributes:
        default_space: name of the space that is searched if the user names none.
        phase: what the strategy is doing, for the progress display.
        phases: the names that `phase` runs through.
        finalists: the architectures to train fully, best first; set once `ask` returns an empty list.
        random_baseline: the best of the randomly drawn feasible networks that were trained alike.
        adapt: how a strategy with a phase "adapt" learns which cheap sources to believe, one of `ADAPTATIONS`.
        adapted: what that has found, as plain data for the summary; None where there is nothing to tell.
    """

    random_baseline: Architecture | None = None
    adapt: str = ADAPTATIONS[1]
    adapted: dict[str, Any] | None = None
    default_space: ClassVar[str] = "convnets"
    phases: ClassVar[tuple[str, ...]] = ("search",)

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.phase = self.phases[0]
        self.finalists: list[Architecture] | None = None
        self._plan = self._whole_plan()
        self._batch: list[Request] | None = None

    @classmethod
    def check_space(cls, space: Space) -> None:
        """Whether this strategy can search a space, for a study to ask before it writes anything; by default any.

        Raises:
            UserError: it cannot; the message says what it needs.
        """
        del space

    @abstractmethod
    def plan(self) -> Plan:
        """Yield batches of requests, receive their records, return the finalists, best first."""

    def _whole_plan(self) -> Plan:
        """What every strategy does first: learn to predict latency under a limit, unless a device's profile can."""
        if self.problem.constraints.max_latency_ms is not None and self.problem.latency_model is None:
            self.phase = "feasible"
            stream = self.problem.stream("latency", all_sizes=True)
            drawn = [self.problem.space.smallest(), *islice(stream, LATENCY_SAMPLES)]
            records = yield [Request(a, "latency_ms") for a in dict.fromkeys(drawn)]
            known = [(self.problem.profile(r.request.architecture), r.value) for r in records if r.value is not None]
            if len(known) >= MIN_NETWORKS:
                self.problem.latency_model = LatencyModel.fit([p for p, _ in known], [v for _, v in known])
        self.phase = self.phases[0]
        return (yield from self.plan())

    def measured(
        self, candidates: Sequence[Architecture]
    ) -> Generator[list[Request], list[Record], list[Architecture]]:
        """Those candidates whose measured latency keeps the limit, in order; all where there is no such limit."""
        limit = self.problem.constraints.max_latency_ms
        if limit is None or not candidates:
            return list(candidates)
        records = yield [Request(a, "latency_ms") for a in candidates]
        return [r.request.architecture for r in records if r.value is not None and r.value <= limit]

    def best_measured(
        self, candidates: Sequence[Architecture], count: int
    ) -> Generator[list[Request], list[Record], list[Architecture]]:
        """The first `count` candidates that keep the latency limit when measured."""
        kept: list[Architecture] = []
        for start in range(0, len(candidates), count):
            if len(kept) < count:
                kept += yield from self.measured(candidates[start : start + count])
        return kept[:count]

    def ask(self) -> list[Request]:
        """The next batch; empty once the strategy is done. Asking again without `tell` gives the same batch."""
        if self._batch is None and self.finalists is None:
            self._advance(None)
        return list(self._batch or [])

    def tell(self, records: Sequence[Record]) -> None:
        """The records of the last batch, in its order.

        Raises:
            ValueError: the records are not those of the batch that `ask` gave.
        """
        if self._batch is None or [r.request for r in records] != self._batch:
            raise ValueError("tell expects the records of the last ask, in its order")
        self._batch = None
        self._advance(list(records))

    def _advance(self, records: list[Record] | None) -> None:
        try:
            batch = next(self._plan) if records is None else self._plan.send(records)
            while not batch:  # nothing to pay for: an empty batch would read as the end
                batch = self._plan.send([])
            self._batch = batch
        except StopIteration as stop:
            self.finalists = stop.value


class StrategyRegistry(Registry[type[Strategy]]):
    """The strategies. One that has options takes them as text after its name and a colon: `optuna:gp`."""

    def __getitem__(self, name: str) -> Entry[type[Strategy]]:
        """The strategy called `name`, with its options if there are any.

        Raises:
            UserError: no such strategy; it has no options; or they are not options of this strategy.
        """
        plain, _, options = name.partition(":")
        entry = super().__getitem__(plain)
        if not options:
            return entry
        if "configure" not in entry.info:
            raise UserError(f"The strategy {plain} has no options, found {name!r}.")
        return replace(entry, name=name, target=entry.info["configure"](options))


strategies = StrategyRegistry(
    "strategy",
    (
        "nassay.strategies.cascade",
        "nassay.strategies.random",
        "nassay.strategies.evolution",
        "nassay.strategies.one_shot",
        "nassay.strategies.opanas",
        "nassay.strategies.tg_nas",
        "nassay.strategies.differentiable",
        "nassay.strategies.netadapt",
        "nassay.strategies.local_search",
        "nassay.strategies.nsga2",
        "nassay.strategies.optuna_sampler",
        "nassay.strategies.flash",
        "nassay.strategies.econas",
        "nassay.strategies.pnas",
        "nassay.strategies.proxybo",
    ),
)


def ranked(records: Sequence[Record]) -> list[Record]:
    """Records by value, best first; failures last; ties and failures keep their order."""
    return sorted(records, key=lambda r: (r.value is None, -(r.value or 0.0)))
