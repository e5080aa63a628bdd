"""Searches that learn how likely options are: the most likely networks are trained alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nassay.estimators.base import Estimate
from nassay.estimators.supernets.methods import METHODS
from nassay.spaces.base import Space
from nassay.strategies import Budget, Constraints, Problem, Record, Strategy, strategies
from nassay.strategies.differentiable import DARTS, Weighted
from nassay.strategies.one_shot import OneShot


def test_every_one_shot_strategy_has_a_training_by_its_rule() -> None:
    found = [strategies[name].target for name in strategies.names()]
    rules = {kind.rule for kind in found if isinstance(kind, type) and issubclass(kind, OneShot)}
    assert rules <= set(METHODS)
    assert {
        "spos",
        "fairnas",
        "darts",
        "gdas",
        "pc_darts",
        "p_darts",
        "beta_darts",
        "beta_darts_pp",
        "manas",
        "manas_ls",
    } <= rules


def driven(toy: Space, oracle: Any, weights: list[list[float]] | None, limits: Constraints) -> list[Record]:
    problem = Problem(toy, limits, Budget(evaluations=8), seed=0)
    strategy: Strategy = DARTS(problem)
    answers, records = oracle(problem, seed=1), []
    while batch := strategy.ask():
        found = [answers.answer(request) for request in batch]
        if batch[0].estimator.startswith("supernet"):
            estimate = Estimate.of(0.5, weights=weights) if weights else Estimate.failed("it diverged")
            found = [replace(found[0], estimate=estimate)]
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
    likely = toy.discretised([np.array(w) for w in weights], 2000)
    expected = [a for a in map(toy.canonical, likely) if problem.admits(a)]
    chosen = [a for a in dict.fromkeys(expected) if a not in trained[-2:]][:6]
    assert trained[:-2] == chosen


def test_random_draws_stand_in_for_a_super_network_that_failed(toy: Space, oracle: Any) -> None:
    records = driven(toy, oracle, None, Constraints())
    assert sum(r.request.estimator == "training" for r in records) == 8


def test_there_are_candidates_behind_those_that_are_too_slow_when_measured(toy: Space, oracle: Any) -> None:
    """Networks whose choices have an odd sum keep the limit, and nothing tells before they are measured."""
    problem = Problem(toy, Constraints(max_latency_ms=0.8), Budget(evaluations=8), seed=0)
    strategy, answers, records = DARTS(problem), oracle(problem, seed=1), []
    answers.latency_ms = lambda a: 0.6 if sum(a.choices) % 2 else 0.9
    rng = np.random.default_rng(0)
    weights = [rng.dirichlet(np.ones(n)).tolist() for n in toy.options]
    while batch := strategy.ask():
        found = [answers.answer(request) for request in batch]
        if batch[0].estimator.startswith("supernet"):
            found = [replace(found[0], estimate=Estimate.of(0.5, weights=weights))]
            problem.latency_model = None  # nobody can tell before it is measured
        strategy.tell(found)
        records += found
    trained = [r.request.architecture for r in records if r.request.estimator == "training"]
    assert len(trained) == 8
    assert all(sum(a.choices) % 2 for a in trained[:-2])


def test_what_is_learned_has_the_larger_share_of_the_time() -> None:
    assert Weighted.supernet_share > OneShot.supernet_share
