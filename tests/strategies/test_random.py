"""Random search: the best of equal trainings."""

from itertools import islice
from typing import Any

from nassay.spaces.base import Space
from nassay.strategies import Budget, Problem
from nassay.strategies.random import Random


def test_the_first_draws_are_trained_equally_and_the_best_two_returned(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=12), seed=3)
    strategy, answers = Random(problem), oracle(problem)
    requests = [r.request for r in answers.drive(strategy)]
    drawn = list(islice(problem.stream("random"), 12))
    assert [r.architecture for r in requests] == drawn
    assert len({r.fidelity for r in requests}) == 1
    assert strategy.finalists == sorted(drawn, key=answers.quality, reverse=True)[:2]
    assert strategy.random_baseline == strategy.finalists[0]
