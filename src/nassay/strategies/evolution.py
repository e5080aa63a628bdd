"""Regularized evolution: tournament selection, one mutation, and the oldest dies (Real et al. 2019, arXiv:1802.01548).

Real et al. evolve 20,000 networks with a population of 100 and tournaments of 25. For a few hundred trainings the
population and the tournaments are those of 10 with which NAS-Bench-201 runs the method (Dong & Yang 2020,
arXiv:2001.00326); with fewer than 30 trainings the population is a third of them. A tournament draws with replacement,
as published. One thing differs: a network that was trained before is not trained again, another mutant takes its place.

Where workers train side by side, children are made in small batches; a batch depends on finished records only, so the
result is the same for any number of workers. Where a table answers at once, they are made one by one, as published.
"""

from itertools import islice

import numpy as np

from nassay.spaces.base import Architecture
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies
from nassay.strategies.mutation import new_mutant

BATCH = 4  # children made from one state of the population
POPULATION, TOURNAMENT = 10, 10  # members alive; draws, with replacement, of which the best is the parent


@strategies.register("evolution", paper="Real et al. 2019, arXiv:1802.01548")
class Evolution(Strategy):
    """Regularized (aging) evolution with tournaments and single mutations."""

    def plan(self) -> Plan:
        """A random population, then children of tournament winners; the population keeps the youngest."""
        count, fidelity = self.problem.single_fidelity()
        rng = self.problem.rng("evolution")
        size = max(4, min(POPULATION, count // 3))
        first = list(islice(self.problem.stream("random"), size))
        population = yield [Request(a, "training", fidelity) for a in first]
        history, seen = list(population), set(first)
        drawn = [r.request.architecture for r in ranked(population) if r.value is not None]
        self.random_baseline = next(iter((yield from self.best_measured(drawn, 1))), None)
        while len(history) < count:
            batch = min(self.problem.at_once(BATCH), count - len(history))
            children = self._children(population, seen, batch, rng)
            if not children:
                break
            records = yield [Request(a, "training", fidelity) for a in children]
            history += records
            population = (population + records)[-size:]
        best = [r.request.architecture for r in ranked(history) if r.value is not None]
        return (yield from self.best_measured(best, FINALISTS))

    def _children(
        self, population: list[Record], seen: set[Architecture], count: int, rng: np.random.Generator
    ) -> list[Architecture]:
        """New children of tournament winners, noted in `seen`."""
        children: list[Architecture] = []
        for _ in range(count):
            drawn = [population[i] for i in rng.integers(len(population), size=TOURNAMENT)]
            child = new_mutant(self.problem, ranked(drawn)[0].request.architecture, seen, rng)
            if child is not None:
                seen.add(child)
                children.append(child)
        return children
