"""Multi-layer coordinate descent: smaller at every step, by what inherits best, down to the limit."""

from typing import Any

import pytest

from nassay.spaces.base import Architecture
from nassay.spaces.bypass import BypassSpace
from nassay.strategies import Budget, Constraints, Problem, Record
from nassay.strategies.netadapt import DECAY, FIRST_STEP, PROPOSALS, RATIO, NetAdaptV2

SPACE = BypassSpace((1, 8, 8), 4)
LARGEST = SPACE.from_string("bypass:8888-8888-8888")


def driven(oracle: Any, limits: Constraints) -> tuple[NetAdaptV2, list[Record]]:
    problem = Problem(SPACE, limits, Budget(evaluations=8), seed=0)
    strategy = NetAdaptV2(problem)
    return strategy, oracle(problem, seed=1).drive(strategy)


def steps_of(records: list[Record]) -> list[list[Record]]:
    """Inherited accuracies by iteration: a new one begins where a proposal descends from another network."""
    inherited = [r for r in records if r.request.estimator == "inherited:ordered_dropout"]
    return [inherited[i : i + PROPOSALS] for i in range(0, len(inherited), PROPOSALS)]


def test_every_step_meets_its_target_and_keeps_what_inherits_best(oracle: Any) -> None:
    strategy, records = driven(oracle, Constraints())
    macs = lambda a: strategy.problem.profile(a).macs  # noqa: E731
    here, step = LARGEST, FIRST_STEP * macs(LARGEST)
    steps = steps_of(records)
    assert len(steps) > 5
    for proposals in steps:
        assert max(macs(r.request.architecture) for r in proposals) <= macs(here) - step
        here = max(proposals, key=lambda r: r.value).request.architecture
        step *= DECAY
    assert macs(here) <= RATIO * macs(LARGEST)


def test_it_ends_where_the_limit_is_kept(oracle: Any) -> None:
    limit = Problem(SPACE).profile(LARGEST).params // 2
    strategy, records = driven(oracle, Constraints(max_params=limit))
    last = max(steps_of(records)[-1], key=lambda r: r.value).request.architecture
    params = strategy.problem.profile(last).params
    assert params <= limit
    trained = [r.request.architecture for r in records if r.request.estimator == "training"]
    assert last in trained
    assert all(strategy.problem.profile(a).params <= limit for a in trained)


def test_no_proposal_is_larger_in_any_layer(oracle: Any) -> None:
    strategy, _ = driven(oracle, Constraints())
    here = Architecture("bypass", (6, 3, 0, 0, 5, 5, 1, 0, 2, 2, 2, 2))
    rng = strategy.problem.rng("x")
    found = strategy._proposals(here, 0.9 * strategy.problem.profile(here).macs, rng)
    assert len(found) == PROPOSALS
    for proposal in found:
        widths = zip(sorted(proposal.choices), sorted(here.choices), strict=True)
        assert all(a <= b for a, b in widths)


@pytest.mark.parametrize("target", [0.0, -1.0])
def test_a_target_that_nothing_meets_ends_the_descent(oracle: Any, target: float) -> None:
    strategy, _ = driven(oracle, Constraints())
    assert strategy._proposals(LARGEST, target, strategy.problem.rng("x")) == []
