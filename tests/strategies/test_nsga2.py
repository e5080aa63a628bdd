"""NSGA-II by pymoo: generations, both objectives, new networks only."""

from typing import Any

import numpy as np
import pytest

from nassay.estimators.base import Estimate
from nassay.spaces.base import Space
from nassay.strategies import Budget, Constraints, Problem, Record, Request
from nassay.strategies.nsga2 import NSGA2
from nassay.strategies.random import Random

pytest.importorskip("pymoo")


def drive(strategy: NSGA2, answer: Any) -> list[list[Record]]:
    told = []
    while batch := strategy.ask():
        told.append([answer(r) for r in batch])
        strategy.tell(told[-1])
    return [batch for batch in told if batch[0].request.estimator == "training"]


def counted(problem: Problem, value: Any) -> Any:
    """Answers trainings by a function of the architecture, and counts multiply-accumulates."""

    def answer(request: Request) -> Record:
        macs = request.estimator == "macs"
        number = problem.profile(request.architecture).macs if macs else value(request.architecture)
        return Record(request, Estimate.of(number))

    return answer


def test_the_first_population_is_that_of_random_search(toy: Space) -> None:
    problem = Problem(toy, budget=Budget(evaluations=40))
    strategy = NSGA2(problem)
    costs = strategy.ask()
    strategy.tell([Record(r, Estimate.of(1.0)) for r in costs])
    assert strategy.ask() == Random(problem).ask()[:10]
    assert [r.architecture for r in costs] == [r.architecture for r in strategy.ask()]


def test_generations_fill_the_budget_with_different_networks_inside_the_limits(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, Constraints(max_params=70), Budget(evaluations=42))
    told = drive(NSGA2(problem), oracle(problem).answer)
    assert [len(batch) for batch in told] == [10, 10, 10, 10, 2]
    trained = [r.request.architecture for batch in told for r in batch]
    assert len(set(trained)) == 42
    assert all(problem.admits(a) for a in trained)


def test_it_approaches_the_front_of_value_and_cost(toy: Space) -> None:
    """Value is the number of channels: the front holds small and large networks, the population spreads over both."""
    problem = Problem(toy, budget=Budget(evaluations=120), seed=1)
    told = drive(NSGA2(problem), counted(problem, lambda a: -((sum(a.choices) - 4) ** 2)))
    distance = [np.mean([abs(sum(r.request.architecture.choices) - 4) for r in batch]) for batch in (told[0], told[-1])]
    macs = [np.mean([problem.profile(r.request.architecture).macs for r in batch]) for batch in (told[0], told[-1])]
    assert distance[1] < distance[0] / 2
    assert macs[1] < macs[0]


def test_a_small_space_ends_the_search(toy: Space, oracle: Any) -> None:
    """24 parameters fit nine networks, see test_problem."""
    problem = Problem(toy, Constraints(max_params=24), Budget(evaluations=16))
    assert sum(map(len, drive(NSGA2(problem), oracle(problem).answer))) <= 9


def test_the_random_state_of_the_process_is_left_alone(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=16))
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    drive(NSGA2(problem), oracle(problem).answer)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
