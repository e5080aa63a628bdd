"""Searches that learn how likely options are: the most likely networks are trained alone."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from nassay.estimators.base import Estimate
from nassay.estimators.supernets.methods import METHODS
from nassay.spaces.base import Architecture, Space
from nassay.strategies import Budget, Constraints, Problem, Record, Strategy, strategies
from nassay.strategies.differentiable import DARTS, Weighted, likeliest
from nassay.strategies.one_shot import OneShot


def test_the_likeliest_paths_come_in_order_of_their_probability() -> None:
    chances = [np.array([0.7, 0.3]), np.array([0.2, 0.5, 0.3]), np.array([0.45, 0.55])]

    def probability(path: tuple[int, ...]) -> float:
        return float(np.prod([c[i] for c, i in zip(chances, path, strict=True)]))

    every = sorted(product(range(2), range(3), range(2)), key=probability, reverse=True)
    assert likeliest(chances) == every
    assert likeliest(chances, most=4) == every[:4]


def test_every_one_shot_strategy_has_a_training_by_its_rule() -> None:
    found = [strategies[name].target for name in strategies.names()]
    rules = {kind.rule for kind in found if isinstance(kind, type) and issubclass(kind, OneShot)}
    assert rules <= set(METHODS)
    assert {"spos", "fairnas", "darts", "gdas", "beta_darts", "beta_darts_pp", "manas", "manas_ls"} <= rules


def driven(toy: Space, oracle: Any, weights: list[list[float]] | None, limits: Constraints) -> list[Record]:
    problem = Problem(toy, limits, Budget(evaluations=8), seed=0)
    strategy: Strategy = DARTS(problem)
    answers, records = oracle(problem, seed=1), []
    while batch := strategy.ask():
        found = [answers.answer(request) for request in batch]
        if batch[0].estimator.startswith("supernet"):
            found = [replace(found[0], estimate=Estimate.of(0.5, **({"weights": weights} if weights else {})))]
        strategy.tell(found)
        records += found
    return records


@pytest.mark.parametrize("limits", [Constraints(), Constraints(max_params=70)])
def test_the_most_likely_networks_inside_the_limits_are_trained(toy: Space, oracle: Any, limits: Constraints) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.dirichlet(np.ones(n)).tolist() for n in toy.options]
    trained = [
        r.request.architecture for r in driven(toy, oracle, weights, limits) if r.request.estimator == "training"
    ]
    problem = Problem(toy, limits)
    expected = [a for p in likeliest([np.array(w) for w in weights]) if problem.admits(a := _point(toy, p))]
    chosen = [a for a in dict.fromkeys(expected) if a not in trained[:2]][:6]
    assert trained[2:] == chosen


def _point(toy: Space, path: tuple[int, ...]) -> Any:
    return toy.canonical(Architecture(toy.name, path))


def test_random_draws_stand_in_for_a_super_network_that_failed(toy: Space, oracle: Any) -> None:
    records = driven(toy, oracle, None, Constraints())
    assert sum(r.request.estimator == "training" for r in records) == 8


def test_what_is_learned_has_the_larger_share_of_the_time() -> None:
    assert Weighted.supernet_share > OneShot.supernet_share
