"""FLASH: what it samples, what SHGO proposes under limits, and what stands in where there is no optimum."""

from itertools import islice
from typing import Any

import numpy as np
import pytest

from nassay.estimators.analytic import Analytic
from nassay.spaces.base import Space
from nassay.spaces.skip_nets import SkipConcat
from nassay.strategies import Budget, Constraints, Problem, strategies
from nassay.strategies.flash import CHEAPEST, SAMPLED, Flash

SPACE = SkipConcat((1, 8, 8), 3)


def trained(records: list[Any]) -> list[Any]:
    return [r.request.architecture for r in records if r.request.estimator == "training"]


def macs(architecture: Any) -> int:
    return Analytic.of(SPACE).profile(architecture).macs


def test_three_quarters_are_sampled_and_the_rest_proposed_by_shgo(oracle: Any) -> None:
    problem = Problem(SPACE, Constraints(max_macs=6_000_000), Budget(evaluations=8))
    strategy = Flash(problem)
    all_trained = trained(oracle(problem).drive(strategy))
    sampled, proposed = all_trained[:6], all_trained[6:]
    assert len(proposed) == 2
    assert strategy._degree(proposed[0]) >= max(map(strategy._degree, sampled))
    bounds = np.quantile([macs(a) for a in sampled], np.linspace(1, CHEAPEST, 2))
    assert all(macs(a) <= bound for a, bound in zip(proposed, bounds, strict=True))
    assert strategy.phase == "search"


def test_at_most_25_are_sampled(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=60))
    drawn = [r.architecture for r in Flash(problem).ask()]
    assert len(set(drawn)) == len(drawn) == SAMPLED == 25
    assert drawn[:13] == list(islice(problem.stream("random"), 13))


def test_proposals_keep_limits_that_have_no_closed_form(oracle: Any) -> None:
    limit = 320_000
    problem = Problem(SPACE, Constraints(max_peak_memory_bytes=limit), Budget(evaluations=12))
    found = trained(oracle(problem).drive(Flash(problem)))
    assert len(found) == 12
    assert max(Analytic.of(SPACE).profile(a).peak_memory_bytes for a in found) <= limit


def test_elsewhere_the_pool_gives_the_highest_degree(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=16))
    strategy = Flash(problem)
    found = trained(oracle(problem).drive(strategy))
    sampled, first = found[:12], found[12]
    dearest = max(problem.profile(a).macs for a in sampled)
    assert problem.profile(first).macs <= dearest
    within = [a for a in strategy.pool if problem.profile(a).macs <= dearest]
    assert all(strategy._degree(first) >= strategy._degree(a) for a in within)


def test_a_metric_that_is_no_accuracy_is_survived(toy: Space, oracle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(toy, budget=Budget(evaluations=8))
    answers = oracle(problem)
    monkeypatch.setattr(answers, "accuracy", lambda architecture, epochs: -3.0 + answers.quality(architecture))
    strategy = Flash(problem)
    assert len(trained(answers.drive(strategy))) == 8
    assert strategy.finalists


def test_nothing_is_fitted_for_an_optimiser_that_is_not_there(
    toy: Space, oracle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Flash, "_theta")
    monkeypatch.delattr(Flash, "_costs")
    problem = Problem(toy, budget=Budget(evaluations=8))
    assert len(trained(oracle(problem).drive(Flash(problem)))) == 8


def test_it_brings_its_own_space() -> None:
    assert strategies["flash"].target.default_space == "skip_concat"
    assert strategies["random"].target.default_space == "convnets"
