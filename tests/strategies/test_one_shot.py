"""One-shot search: one super-network, inherited accuracies, the best trained alone."""

from typing import Any

import pytest

from nassay.spaces.base import Space
from nassay.strategies import Budget, Problem, Record
from nassay.strategies.one_shot import INHERITED, SPOS, SUPERNET_SHARE, FairNAS, FewShot, OneShot


def driven(kind: type[OneShot], toy: Space, oracle: Any, budget: Budget) -> tuple[OneShot, list[Record]]:
    problem = Problem(toy, budget=budget, seed=0)
    strategy = kind(problem)
    return strategy, oracle(problem, seed=1).drive(strategy)


@pytest.mark.parametrize("kind", [SPOS, FairNAS, FewShot])
def test_one_super_network_then_inherited_then_trained(kind: type[OneShot], toy: Space, oracle: Any) -> None:
    strategy, records = driven(kind, toy, oracle, Budget(evaluations=8))
    names = [r.request.estimator for r in records]
    assert names == [f"supernet:{kind.rule}"] + [f"inherited:{kind.rule}"] * (INHERITED * 8) + ["training"] * 8
    assert len({r.request.fidelity for r in records[: 1 + 8 * INHERITED]}) == 1
    assert strategy.finalists


def test_the_best_that_inherit_and_some_random_draws_are_trained(toy: Space, oracle: Any) -> None:
    strategy, records = driven(SPOS, toy, oracle, Budget(evaluations=8))
    inherited = {r.request.architecture: r.value for r in records if r.request.estimator == "inherited:spos"}
    trained = [r.request.architecture for r in records if r.request.estimator == "training"]
    random, chosen = trained[:2], trained[2:]
    assert random == list(inherited)[:2]
    others = sorted((v for a, v in inherited.items() if a not in random), reverse=True)
    assert [inherited[a] for a in chosen] == others[:6]
    assert strategy.random_baseline in random


def test_evolution_finds_better_sub_networks_than_its_first_population(toy: Space, oracle: Any) -> None:
    _, records = driven(SPOS, toy, oracle, Budget(evaluations=16))
    values = [r.value for r in records if r.request.estimator == "inherited:spos"]
    assert max(values[50:]) > max(values[:50])


def test_under_a_clock_the_super_network_has_its_share(toy: Space, oracle: Any) -> None:
    budget = Budget(minutes=3, workers=2)
    _, records = driven(SPOS, toy, oracle, budget)
    assert records[0].request.fidelity.seconds == pytest.approx(SUPERNET_SHARE * budget.search_seconds, abs=0.01)
    assert records[0].request.fidelity.final
