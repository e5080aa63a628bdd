"""EcoNAS: evolution whose candidates earn their training in stages (Zhou et al., CVPR 2020, arXiv:2001.01233).

A candidate is trained for E epochs first. In every cycle the best of those that have had one stage, and the best of
those that have had two, go on by E epochs more, with their weights and with their place in a cosine learning rate over
3E epochs; tournaments among the candidates of each stage choose the parents of the next children. So many candidates
are looked at shortly, and those that deserve it are known well. A cycle of B children costs

    (B + B/2 + B/4) E = B (7/4) E    epochs,   560 = 16 x 35 for B = 16, E = 20,

what B children of a single proxy of (7/4) E epochs cost: `EcoNASSingle`, the paper's baseline, at the same price.

The rules are those of the authors' code (DongzhanZhou/EcoNAS, search/main.py): a candidate that has not been trained
for ten cycles dies; of n sorted candidates of a stage a parent is the best of n // 4 + 1 drawn with replacement; 6, 5
and 5 of 16 parents come from the three stages, and a stage without candidates has no children; whoever has the best
third stage is reported, dead or alive. Two things differ. A child that was trained before is mutated further, so that
nothing is paid for twice. And a small budget has smaller cycles: 16 children need about 1,600 candidates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import ClassVar

import numpy as np

from nassay.estimators.base import Fidelity
from nassay.spaces.base import Architecture
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, strategies
from nassay.strategies.mutation import new_mutant
from nassay.strategies.problem import FINAL_EPOCHS, Problem

EXPIRY = 10  # cycles that a candidate lives without being trained
STAGE_EPOCHS = 2.0  # E, where there is no clock and no table
PAPER_BROOD, PAPER_COUNT = 16, 1600  # children of a cycle, candidates of the whole search
MOST_REPLAYED = 10  # candidates for each full training in a replay: a table's short schedules cost next to nothing


@dataclass
class Candidate:
    """A network in training: the cycle of its last stage, and what each of its stages has reached."""

    architecture: Architecture
    updated: int
    values: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The best of all stages: nobody loses rank by being trained on."""
        return max(self.values)


class Population:
    """Who is alive, who goes on, who has children.

    Args:
        brood: children of a cycle, a multiple of four.
        stages: into which a training is divided.
    """

    def __init__(self, brood: int, stages: int) -> None:
        self.brood, self.stages = brood, stages
        self.history: dict[Architecture, Candidate] = {}
        self.alive: dict[Architecture, Candidate] = {}

    def tell(self, records: Iterable[Record], cycle: int) -> None:
        """Book the stages that a cycle has trained; who fails is out."""
        for record in records:
            architecture = record.request.architecture
            candidate = self.history.setdefault(architecture, Candidate(architecture, cycle))
            candidate.updated = cycle
            if record.value is None:
                self.alive.pop(architecture, None)
            else:
                candidate.values.append(record.value)
                self.alive[architecture] = candidate

    def expire(self, cycle: int) -> None:
        """Drop those whose last training is `EXPIRY` cycles ago."""
        self.alive = {a: c for a, c in self.alive.items() if cycle - c.updated < EXPIRY}

    def group(self, stage: int) -> list[Candidate]:
        """The living that have had so many stages, best first; the elder of equals first."""
        members = [c for c in self.alive.values() if len(c.values) == stage]
        return sorted(members, key=lambda c: -c.best)

    def continued(self) -> list[Candidate]:
        """Who goes on: half a brood of the first stage, a quarter of the second."""
        return [c for stage in range(1, self.stages) for c in self.group(stage)[: self.brood >> stage]]

    def parents(self, rng: np.random.Generator) -> list[Architecture]:
        """The mothers of a brood, stage by stage, each the winner of a tournament; fewer while a stage is empty."""
        winners: list[Architecture] = []
        for stage, share in enumerate(parent_shares(self.brood, self.stages), start=1):
            members = self.group(stage)
            if members:
                winners += [members[i].architecture for i in tournaments(len(members), share, rng)]
        return winners

    def reported(self) -> Iterator[Architecture]:
        """All that ever finished a stage: by the last one, best first, then by the one before, and so on."""
        for stage in range(self.stages, 0, -1):
            done = [c for c in self.history.values() if len(c.values) == stage]
            yield from (c.architecture for c in sorted(done, key=lambda c: -c.values[-1]))


def parent_shares(brood: int, stages: int) -> list[int]:
    """How many of a brood's mothers each stage has: 6, 5 and 5 of 16."""
    later = [5 * brood // 16] * (stages - 1)
    return [brood - sum(later), *later]


def tournaments(size: int, count: int, rng: np.random.Generator) -> list[int]:
    """Winners among `size` sorted candidates: of size // 4 + 1 drawn with replacement the first, `count` times."""
    return [int(i) for i in rng.integers(size, size=(size // 4 + 1, count)).min(axis=0)]


def brood_of(candidates: int) -> int:
    """Children of a cycle: 4, 8, 12, or the paper's 16 where there are about as many candidates as in the paper."""
    return 4 * int(np.clip(round(4 * (candidates / PAPER_COUNT) ** 0.5), 1, PAPER_BROOD // 4))


def planned_stages(candidates: int, brood: int, stages: int) -> int:
    """Stage trainings of a whole search if nobody fails: what the time must be divided by."""
    shares, groups = parent_shares(brood, stages), [0] * (stages + 1)
    groups[1] = born = trained = min(brood, candidates)
    while born < candidates:
        goes_on = [0, *(min(groups[s], brood >> s) for s in range(1, stages)), 0]
        children = min(sum(n for n, g in zip(shares, groups[1:], strict=True) if g), candidates - born)
        goes_on[0] = children
        groups = [0, *(groups[s] + goes_on[s - 1] - goes_on[s] for s in range(1, stages + 1))]
        born += children
        trained += sum(goes_on)
    return trained


@strategies.register("econas", paper="Zhou et al. 2020, arXiv:2001.01233")
class EcoNAS(Strategy):
    """Evolution with hierarchical training: short for all, twice and three times as long for the better ones."""

    stages: ClassVar[int] = 3
    stage_epochs: ClassVar[float] = STAGE_EPOCHS

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.count = problem.candidates() * (MOST_REPLAYED if problem.replay else 1)
        self.brood = brood_of(self.count)

    def plan(self) -> Plan:
        """Random candidates, then cycles: who is old dies, the better go on, and mutants of the winners begin."""
        rng, fresh = self.problem.rng("econas"), self.problem.stream("random")
        population = Population(self.brood, self.stages)
        first = list(islice(fresh, min(self.brood, self.count)))
        population.tell((yield [self._request(a, 1) for a in first]), 0)
        self.random_baseline = next(iter((yield from self.best_measured(list(population.reported()), 1))), None)
        cycle, fertile = 0, True
        while len(population.history) < self.count:
            population.expire(cycle)
            continued = [self._request(c.architecture, len(c.values) + 1) for c in population.continued()]
            children = self._children(population, fresh, rng) if fertile else []
            fertile = bool(children)  # else the space is exhausted: whoever is alive is trained on
            if not continued and not children:
                break
            population.tell((yield continued + [self._request(a, 1) for a in children]), cycle)
            cycle += 1
        best = yield from self.best_measured(list(population.reported()), FINALISTS)
        return sorted(best, key=lambda a: -population.history[a].values[-1])

    def _children(
        self, population: Population, fresh: Iterator[Architecture], rng: np.random.Generator
    ) -> list[Architecture]:
        """A mutant of each mother; random draws where everybody has died."""
        room = self.count - len(population.history)
        mothers = population.parents(rng)[:room]
        seen = set(population.history)
        if not mothers:
            return list(islice((a for a in fresh if a not in seen), min(self.brood, room)))
        children: list[Architecture] = []
        for mother in mothers:
            child = new_mutant(self.problem, mother, seen, rng)
            if child is not None:
                seen.add(child)
                children.append(child)
        return children

    def _request(self, architecture: Architecture, stage: int) -> Request:
        return Request(architecture, "training", self.bounds[stage - 1])

    @cached_property
    def bounds(self) -> list[Fidelity]:
        """What each stage is trained to: shares of the last one, whose end is the cosine's."""
        epochs, seconds, budget = self.stage_epochs, 0.0, self.problem.budget
        if self.problem.replay:
            epochs = FINAL_EPOCHS / self.stages
        if budget.minutes is not None:
            planned = planned_stages(self.count, self.brood, self.stages)
            seconds = max(0.5, budget.search_seconds * budget.workers / planned)
        parts = [self.problem.fidelity(epochs=s * epochs, seconds=s * seconds) for s in range(1, self.stages + 1)]
        return [replace(part, horizon=parts[-1].epochs or parts[-1].seconds) for part in parts]


@strategies.register("econas_single", paper="Zhou et al. 2020, arXiv:2001.01233, the baseline")
class EcoNASSingle(EcoNAS):
    """EcoNAS's baseline: the same evolution, every candidate trained equally, at the same price a cycle."""

    stages = 1
    stage_epochs = 1.75 * STAGE_EPOCHS
