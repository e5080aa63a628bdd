"""Local search: whole neighbourhoods, moves to the best, restarts."""

from typing import Any

from nassay.spaces.base import Space
from nassay.strategies import Budget, Problem
from nassay.strategies.local_search import LocalSearch
from nassay.strategies.random import Random


def batches(strategy: Any, answers: Any) -> list[list[Any]]:
    told = []
    while batch := strategy.ask():
        told.append([answers.answer(r) for r in batch])
        strategy.tell(told[-1])
    return told


def test_after_the_random_start_all_neighbours_of_the_best_are_trained(toy: Space, oracle: Any) -> None:
    """Eight choices of four options: 24 neighbours, those that the start has trained left out."""
    problem = Problem(toy, budget=Budget(evaluations=40))
    start, first, *_ = batches(LocalSearch(problem), oracle(problem))
    known = {r.request.architecture for r in start}
    best = max(start, key=lambda r: r.value).request.architecture
    assert len(start) == 10
    assert {r.request.architecture for r in first} == set(toy.neighbors(best)) - known


def test_it_moves_on_from_the_best_neighbour(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=60))
    start, first, second, *_ = batches(LocalSearch(problem), oracle(problem))
    here = max([*start, *first], key=lambda r: r.value).request.architecture
    trained = {r.request.architecture for r in [*start, *first]}
    assert {r.request.architecture for r in second} <= set(toy.neighbors(here)) - trained


def test_the_start_is_that_of_random_search(toy: Space) -> None:
    problem = Problem(toy, budget=Budget(evaluations=40))
    assert LocalSearch(problem).ask() == Random(problem).ask()[:10]


def test_a_minimum_is_left_for_new_random_draws(toy: Space, oracle: Any) -> None:
    """The oracle's landscape has one maximum: from there on every network is a restart's or its neighbour."""
    problem = Problem(toy, budget=Budget(evaluations=400))
    told = batches(LocalSearch(problem), oracle(problem))
    sizes = [len(batch) for batch in told]
    assert sum(sizes) == 400
    restarts = [i for i, n in enumerate(sizes) if n == 10]
    assert len(restarts) > 1
    best = max(r.value for batch in told[: restarts[1]] for r in batch)
    assert best == max(r.value for batch in told for r in batch)


def test_an_ending_budget_trains_a_random_part_of_the_neighbours(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=16))
    start, part = batches(LocalSearch(problem), oracle(problem))
    assert (len(start), len(part)) == (5, 11)


def test_failed_trainings_do_not_end_the_search(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=30))
    strategy = LocalSearch(problem)
    told = batches(strategy, oracle(problem, fails=lambda request: request.architecture.choices[0] > 1))
    assert sum(map(len, told)) == 30
    assert strategy.finalists
    assert all(a.choices[0] <= 1 for a in strategy.finalists)
