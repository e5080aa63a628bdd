"""Regularized evolution: tournaments, single mutations, and the oldest dies."""

from typing import Any

import numpy as np
import pytest

from nassay.spaces.base import Architecture, Space
from nassay.strategies import Budget, Constraints, Problem, Record
from nassay.strategies.evolution import Evolution
from nassay.strategies.random import Random


def differing(a: Architecture, b: Architecture) -> int:
    return sum(x != y for x, y in zip(a.choices, b.choices, strict=True))


def batches(strategy: Evolution, oracle: Any) -> list[list[Record]]:
    told = []
    while batch := strategy.ask():
        told.append([oracle.answer(r) for r in batch])
        strategy.tell(told[-1])
    return told


def test_children_are_mutants_of_the_living_and_the_oldest_die(toy: Space, oracle: Any) -> None:
    """A population of five: a child of the third generation on has no parent among those that are dead."""
    problem = Problem(toy, budget=Budget(evaluations=16))
    first, *generations = batches(Evolution(problem), oracle(problem))
    born = [r.request.architecture for r in first]
    population = len(born)
    assert len(generations) >= 3
    for generation in generations:
        children = [r.request.architecture for r in generation]
        living = born[-population:]
        assert all(min(differing(child, a) for a in living) == 1 for child in children)
        born += children
    assert len(set(born)) == len(born) == 16


def test_the_first_population_is_that_of_random_search(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=16))
    evolved, drawn = Evolution(problem).ask(), Random(problem).ask()
    assert evolved == drawn[: len(evolved)]


def test_tournaments_prefer_the_better(toy: Space, oracle: Any) -> None:
    """Averaged over landscapes, children are better than the random population that they come from."""
    gains = []
    for seed in range(8):
        problem = Problem(toy, budget=Budget(evaluations=16), seed=seed)
        answers = oracle(problem, seed=seed)
        first, *generations = batches(Evolution(problem), answers)
        last = [answers.quality(r.request.architecture) for r in generations[-1]]
        gains.append(np.mean(last) - np.mean([answers.quality(r.request.architecture) for r in first]))
    assert np.mean(gains) > 0.3  # standard deviation of the quality of random architectures: about 1


@pytest.mark.parametrize(("max_params", "networks"), [(20, 1), (24, 9)])
def test_an_exhausted_space_ends_the_search(toy: Space, oracle: Any, max_params: int, networks: int) -> None:
    """20 parameters only fit widths of one; 24 parameters nine networks, see test_problem."""
    problem = Problem(toy, Constraints(max_params=max_params), Budget(evaluations=16))
    assert sum(len(batch) for batch in batches(Evolution(problem), oracle(problem))) == networks


def test_with_a_table_children_are_made_one_by_one_from_a_population_of_ten(toy: Space, oracle: Any) -> None:
    """NAS-Bench-201's settings; the parent of each child is among the ten youngest."""
    problem = Problem(toy, budget=Budget(evaluations=60), replay=True)
    first, *generations = batches(Evolution(problem), oracle(problem))
    born = [r.request.architecture for r in first]
    assert len(born) == 10
    assert [len(generation) for generation in generations] == [1] * 50
    for (child,) in generations:
        assert min(differing(child.request.architecture, a) for a in born[-10:]) == 1
        born.append(child.request.architecture)
