"""Optuna's samplers as strategies."""

from typing import Any

import pytest

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.spaces.base import Space
from nassay.strategies import Budget, Constraints, Problem, Record, strategies
from nassay.strategies.optuna_sampler import OptunaSampler
from nassay.strategies.random import Random

optuna = pytest.importorskip("optuna")


def drive(strategy: Any, answers: Any) -> list[list[Record]]:
    told = []
    while batch := strategy.ask():
        told.append([answers.answer(r) for r in batch])
        strategy.tell(told[-1])
    return told


@pytest.mark.parametrize(
    ("name", "sampler"), [("optuna", "tpe"), ("optuna:gp", "gp"), ("optuna:nsgaii", "nsgaii"), ("optuna:qmc", "qmc")]
)
def test_a_sampler_is_named_after_the_colon(name: str, sampler: str) -> None:
    entry = strategies[name]
    assert entry.name == name
    assert issubclass(entry.target, OptunaSampler)
    assert entry.target.sampler == sampler
    assert entry.target.phases == ("search",)


@pytest.mark.parametrize("name", ["optuna:tpee", "optuna:grid", "optuna:base"])
def test_an_unknown_sampler_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UserError, match=r"no Optuna sampler called .* Known: .*nsgaii"):
        strategies[name]


def test_other_strategies_have_no_options() -> None:
    with pytest.raises(UserError, match="evolution has no options"):
        strategies["evolution:fast"]


def test_the_start_is_that_of_random_search(toy: Space) -> None:
    problem = Problem(toy, budget=Budget(evaluations=40))
    assert OptunaSampler(problem).ask() == Random(problem).ask()[:10]


@pytest.mark.parametrize("name", ["optuna:tpe", "optuna:nsgaii", "optuna:random"])
def test_the_budget_is_filled_with_different_networks_inside_the_limits(name: str, toy: Space, oracle: Any) -> None:
    problem = Problem(toy, Constraints(max_params=70), Budget(evaluations=20))
    told = drive(strategies[name].target(problem), oracle(problem))
    trained = [r.request.architecture for batch in told for r in batch]
    assert [len(batch) for batch in told] == [6, 4, 4, 4, 2]
    assert len(set(trained)) == 20
    assert all(problem.admits(a) for a in trained)


def test_tpe_finds_better_networks_than_its_random_start(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=60), replay=True)
    answers = oracle(problem)
    first, *others = drive(OptunaSampler(problem), answers)
    start = [answers.quality(r.request.architecture) for r in first]
    last = [answers.quality(batch[0].request.architecture) for batch in others[-15:]]
    assert sum(last) / len(last) > sum(start) / len(start) + 0.5  # qualities have a standard deviation of about 1


def test_a_space_that_is_used_up_ends_the_search(toy: Space, oracle: Any) -> None:
    """24 parameters fit nine networks, see test_problem; Optuna repeats itself before the random draws do."""
    problem = Problem(toy, Constraints(max_params=24), Budget(evaluations=16))
    told = drive(OptunaSampler(problem), oracle(problem))
    assert sum(map(len, told)) == 9


def test_a_failed_training_is_told_as_failed(toy: Space) -> None:
    problem = Problem(toy, budget=Budget(evaluations=12))
    strategy = OptunaSampler(problem)
    batch = strategy.ask()
    strategy.tell([Record(r, Estimate.failed("no reason")) for r in batch])
    states = [trial.state for trial in strategy._study.trials]
    assert states[: len(batch)] == [optuna.trial.TrialState.FAIL] * len(batch)


def test_nothing_is_printed_and_the_verbosity_stays(toy: Space, oracle: Any, capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    problem = Problem(toy, budget=Budget(evaluations=12))
    drive(OptunaSampler(problem), oracle(problem))
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")
