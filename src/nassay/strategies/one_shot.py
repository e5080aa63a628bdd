"""One-shot search: train one super-network, then search with the accuracies that its sub-networks inherit.

SPOS, Guo et al. 2020, arXiv:1904.00420: uniform single paths, then evolution with re-calibrated norms, half of the
children by crossover and half by mutation of the best ten. FairNAS, Chu et al. 2021, arXiv:1907.01845: strictly fair
paths; its multi-objective search is replaced by the same evolution under limits. Few-shot, Zhao et al. 2021,
arXiv:2006.06863: the super-network is split half-way. The best, and some random draws, are then trained alone for a
while: inherited accuracies are not trusted with the choice, and their gap is measured.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import islice
from typing import ClassVar

import numpy as np
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets.methods import super_network
from nassay.spaces.base import Architecture, Space
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies
from nassay.strategies.mutation import new_mutant

SUPERNET_SHARE, TRAINING_SHARE = 0.5, 0.3  # of the search's time
SUPERNET_EPOCHS = 60  # without a clock
INHERITED = 8  # without a clock: sub-networks that are looked at for one that is trained
FEWEST = 4  # networks that are trained alone
POPULATION = 50
PARENTS = 10
ATTEMPTS = 50  # at a new child by crossover


class OneShot(Strategy):
    """Train a super-network by a rule, evolve on inherited accuracies, train the best alone."""

    phases: ClassVar[tuple[str, ...]] = ("supernet", "inherit", "train")
    default_space: ClassVar[str] = "nb201"
    rule: ClassVar[str]
    supernet_share: ClassVar[float] = SUPERNET_SHARE

    @classmethod
    def check_space(cls, space: Space) -> None:
        """It needs a super-network that its rule can train; see `Strategy.check_space`."""
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            super_network(cls.rule, space)

    def plan(self) -> Plan:
        """Super-network, what it makes of the space, the best of that against random draws.

        Random draws also stand in for a super-network that could not be trained, and for candidates that are too slow.
        """
        count, fidelity = self._trainings()
        self.bound = self._bound()
        (supernet,) = yield [Request(self.problem.space.smallest(), f"supernet:{self.rule}", self.bound)]
        drawn = list(islice(self.problem.stream("random"), min(POPULATION, INHERITED * count)))
        random = drawn[: max(2, count // 4)]
        proposed: list[Architecture] = []
        if supernet.value is not None:
            proposed = yield from self._proposed(supernet, drawn, count)
        self.phase = "train"
        best = [a for a in dict.fromkeys([*proposed, *drawn]) if a not in random]
        chosen = yield from self.best_measured(best, count - len(random))
        records = yield [Request(a, "training", fidelity) for a in chosen + random]
        trained = [r.request.architecture for r in ranked(records) if r.value is not None]
        baseline = yield from self.best_measured([a for a in trained if a in random], 1)
        self.random_baseline = next(iter(baseline), None)
        return (yield from self.best_measured(trained, FINALISTS))

    def _proposed(
        self, supernet: Record, drawn: list[Architecture], count: int
    ) -> Generator[list[Request], list[Record], list[Architecture]]:
        """What the super-network makes of the space, best first: here by evolution on inherited accuracies."""
        del supernet
        self.phase = "inherit"
        inherited = yield from self._evolve(drawn, INHERITED * count)
        return [r.request.architecture for r in ranked(inherited)]

    def _bound(self) -> Fidelity:
        """One training to the end, at the resolution of short trainings."""
        seconds = self.supernet_share * self.problem.budget.search_seconds if self.problem.budget.minutes else 0.0
        return replace(self.problem.fidelity(epochs=SUPERNET_EPOCHS, seconds=seconds), final=True)

    def _trainings(self) -> tuple[int, Fidelity]:
        """How many networks are trained alone, and to what bound."""
        count, fidelity = self.problem.single_fidelity()
        if fidelity.seconds is None:
            return count, fidelity
        few = max(FEWEST, count // 4)
        seconds = TRAINING_SHARE * self.problem.budget.search_seconds * self.problem.budget.workers / few
        return few, replace(fidelity, seconds=round(seconds, 2))

    def _evolve(
        self, population: list[Architecture], wanted: int
    ) -> Generator[list[Request], list[Record], list[Record]]:
        """Records of a population and of generations of children: as many as wanted, or as the time allows."""
        records: list[Record] = []
        rng = self.problem.rng(self.rule)
        while (room := self._room(records, wanted)) > 0:
            waiting = population[len(records) :] or self._children(records, min(len(population), room), rng)
            if not waiting:
                break
            records = records + (yield from self._inherit(waiting[:room]))
        return records

    def _room(self, records: Sequence[Record], wanted: int) -> int:
        """How many more sub-networks may be looked at: as many as are wanted, or under a clock as its share pays for.

        The price is what those so far have cost; while there are none, one for each worker will tell.
        """
        budget = self.problem.budget
        if budget.minutes is None:
            return wanted - len(records)
        if not records:
            return budget.workers
        seconds = (1 - self.supernet_share - TRAINING_SHARE) * budget.search_seconds * budget.workers
        price = sum(r.estimate.seconds for r in records) / len(records)
        return int(seconds / max(price, 1e-3)) - len(records)

    def _inherit(self, candidates: list[Architecture]) -> Generator[list[Request], list[Record], list[Record]]:
        return (yield [Request(a, f"inherited:{self.rule}", self.bound) for a in candidates])

    def _children(self, records: list[Record], count: int, rng: np.random.Generator) -> list[Architecture]:
        """Half crossed, half mutated, from the best so far; none that was seen before or breaks a limit."""
        parents = [r.request.architecture for r in ranked(records) if r.value is not None][:PARENTS]
        seen = {r.request.architecture for r in records}
        children: list[Architecture] = []
        for _ in range(count if parents else 0):
            a, b = (parents[i] for i in rng.integers(len(parents), size=2))
            crossed = len(children) % 2 == 0
            child = self._crossed(a, b, seen, rng) if crossed else new_mutant(self.problem, a, seen, rng)
            if child is not None:
                seen.add(child)
                children.append(child)
        return children

    def _crossed(
        self, a: Architecture, b: Architecture, seen: set[Architecture], rng: np.random.Generator
    ) -> Architecture | None:
        """A new child of both inside the limits; where they have none, a mutant of the first."""
        tries = (self.problem.space.crossover(a, b, rng) for _ in range(ATTEMPTS))
        new = (child for child in tries if child not in seen and self.problem.admits(child))
        return next(new, None) or new_mutant(self.problem, a, seen, rng)


@strategies.register("spos", paper="Guo et al. 2020, arXiv:1904.00420")
class SPOS(OneShot):
    """Super-network trained by uniform single paths, then evolution on inherited accuracy."""

    rule = "spos"


@strategies.register("fairnas", paper="Chu et al. 2021, arXiv:1907.01845")
class FairNAS(OneShot):
    """Super-network trained by strictly fair paths, then evolution on inherited accuracy."""

    rule = "fairnas"


@strategies.register("few_shot", paper="Zhao et al. 2021, arXiv:2006.06863")
class FewShot(OneShot):
    """Super-network split into one for each option of a choice, then evolution on inherited accuracy."""

    rule = "few_shot"
