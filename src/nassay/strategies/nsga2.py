"""NSGA-II: a population that approaches the front of accuracy against multiply-accumulates (Deb et al. 2002).

Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on
Evolutionary Computation 6(2), 2002; for architecture search NSGA-Net, Lu et al. 2019, arXiv:1810.03522. Sorting,
crowding, tournaments and survival are pymoo's; crossover and mutation are the space's own, so that every child is a
network inside the limits that was not trained before. A child is a crossover of two tournament winners, mutated with
probability 1/2, or where it is not new.

The two objectives are the validation metric and multiply-accumulates. The finalists are the most accurate networks,
like those of any other strategy; a search for accuracy alone spends nothing on small networks, and finds better ones.
"""

from itertools import islice
from typing import Any

import numpy as np

from nassay.extras import extra
from nassay.spaces.base import Architecture
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies
from nassay.strategies.mutation import new_mutant
from nassay.strategies.problem import Problem

POPULATION = 20
MUTATED = 0.5  # probability


@strategies.register("nsga2", paper="Deb et al. 2002, doi:10.1109/4235.996017; Lu et al. 2019, arXiv:1810.03522")
class NSGA2(Strategy):
    """NSGA-II (pymoo) on validation metric and multiply-accumulates; needs the extra `moo`."""

    def plan(self) -> Plan:
        """A random population, then generations of children of tournament winners."""
        count, fidelity = self.problem.single_fidelity()
        first = list(islice(self.problem.stream("random"), max(4, min(POPULATION, count // 4))))
        algorithm = _algorithm(self.problem, first, generations=count)
        history: list[Record] = []
        while len(history) < count and (individuals := algorithm.ask()) is not None:
            individuals = individuals[: count - len(history)]
            asked = [_architecture(self.problem, x) for x in individuals.get("X")]
            costs = yield [Request(a, "macs") for a in asked]
            records = yield [Request(a, "training", fidelity) for a in asked]
            history += records
            if self.random_baseline is None:
                drawn = [r.request.architecture for r in ranked(records) if r.value is not None]
                self.random_baseline = next(iter((yield from self.best_measured(drawn, 1))), None)
            individuals.set("F", _objectives(records, costs, history))
            algorithm.tell(infills=individuals)
        best = [r.request.architecture for r in ranked(history) if r.value is not None]
        return (yield from self.best_measured(best, FINALISTS))


def _objectives(records: list[Record], costs: list[Record], history: list[Record]) -> np.ndarray:
    """(n, 2): metric and multiply-accumulates, smaller is better; a failure is worse than everything so far."""
    worst = min((r.value for r in history if r.value is not None), default=0.0) - 1.0
    dearest = max((r.value for r in costs if r.value is not None), default=0.0) + 1.0
    metric = [-(worst if r.value is None else r.value) for r in records]
    return np.column_stack([metric, [dearest if r.value is None else r.value for r in costs]])


def _algorithm(problem: Problem, first: list[Architecture], generations: int) -> Any:
    """The algorithm of pymoo, ready to be asked for its first population."""
    with extra("moo"):
        from pymoo.algorithms.moo.nsga2 import NSGA2 as Algorithm
        from pymoo.core.problem import Problem as Objectives

    algorithm = Algorithm(
        pop_size=len(first),
        sampling=np.array([a.choices for a in first]),
        seed=int(problem.rng("nsga2").integers(2**31)),
        eliminate_duplicates=False,
    )
    algorithm.mating = _Mating(problem, first, algorithm.mating.selection)
    objectives = Objectives(n_var=len(problem.space.options), n_obj=2)
    return algorithm.setup(objectives, termination=("n_gen", generations + 1))


class _Mating:
    """What pymoo asks for children: tournament winners of its own, crossed and mutated by the space.

    Args:
        problem: space and limits.
        first: the first population.
        selection: pymoo's tournament.
    """

    def __init__(self, problem: Problem, first: list[Architecture], selection: Any) -> None:
        self._problem, self._seen, self._select = problem, set(first), selection

    def do(
        self, objectives: Any, population: Any, count: int, *, random_state: np.random.Generator, **rest: Any
    ) -> Any:
        """New individuals, fewer than `count` where the space is exhausted."""
        from pymoo.core.population import Population

        pairs = self._select(objectives, population, count, n_parents=2, random_state=random_state, **rest)
        parents = [[_architecture(self._problem, individual.X) for individual in pair] for pair in pairs]
        children = [self._child(a, b, random_state) for a, b in parents]
        return Population.new("X", np.array([c.choices for c in children if c is not None], dtype=int))

    def _child(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture | None:
        """A new network inside the limits."""
        child: Architecture | None = self._problem.space.crossover(a, b, rng)
        assert child is not None
        if child in self._seen or not self._problem.admits(child) or rng.random() < MUTATED:
            child = new_mutant(self._problem, child, self._seen, rng)
        if child is not None:
            self._seen.add(child)
        return child


def _architecture(problem: Problem, choices: np.ndarray) -> Architecture:
    return Architecture(problem.space.name, tuple(int(c) for c in choices))
