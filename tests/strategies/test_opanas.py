"""OPANAS: pyramid networks by one super-network and evolution, inside the limits."""

from typing import Any

import pytest

from nassay.spaces.fpn import FPN
from nassay.strategies import Budget, Constraints, Problem, Record
from nassay.strategies.one_shot import INHERITED
from nassay.strategies.opanas import OPANAS

BUDGET = Budget(evaluations=4)


@pytest.fixture(scope="module")
def space() -> FPN:
    return FPN((1, 64, 64), 10)


@pytest.fixture
def run(space: FPN, oracle: Any) -> tuple[Problem, OPANAS, list[Record]]:
    probe = Problem(space)
    limit = 1.2 * probe.profile(space.references()["FPN"]).macs
    problem = Problem(space, Constraints(max_macs=int(limit)), BUDGET)
    strategy = OPANAS(problem)
    return problem, strategy, oracle(problem, seed=1).drive(strategy)


def test_one_super_network_by_its_own_rule_then_evolution(run: tuple[Problem, OPANAS, list[Record]]) -> None:
    _, strategy, records = run
    names = [r.request.estimator for r in records]
    assert names == ["supernet:opanas"] + ["inherited:opanas"] * (INHERITED * 4) + ["training"] * 4
    assert strategy.finalists


def test_everything_keeps_the_limit_and_lives(run: tuple[Problem, OPANAS, list[Record]], space: FPN) -> None:
    problem, _, records = run
    asked = {r.request.architecture for r in records}
    assert all(problem.admits(a) and not space.is_dead(a) for a in asked)
    assert len(asked) > 8


def test_the_space_that_is_searched_by_default_is_that_of_the_paper() -> None:
    assert OPANAS.default_space == "fpn"
