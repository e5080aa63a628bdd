"""One-shot search: one super-network, inherited accuracies, the best trained alone."""

from typing import Any

import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.spaces.base import Space, spaces
from nassay.strategies import Budget, Problem, Record, strategies
from nassay.strategies.one_shot import INHERITED, SPOS, SUPERNET_SHARE, TRAINING_SHARE, FairNAS, FewShot, OneShot
from nassay.strategies.random import Random


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
    chosen, random = trained[:-2], trained[-2:]
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


def priced(toy: Space, oracle: Any, budget: Budget, seconds: float) -> list[Record]:
    """A search in which every look at inherited weights costs so many seconds."""
    problem = Problem(toy, budget=budget, seed=0)
    strategy, answers, records = SPOS(problem), oracle(problem, seed=1), []
    while batch := strategy.ask():
        found = [answers.answer(r) for r in batch]
        if batch[0].estimator.startswith("inherited"):
            found = [Record(r.request, Estimate.of(r.value, seconds=seconds)) for r in found]
        records.append(found)
        strategy.tell(found)
    assert strategy.finalists
    return [r for found in records if found[0].request.estimator.startswith("inherited") for r in found]


@pytest.mark.parametrize(("seconds", "most"), [(1.0, None), (30.0, 2)])
def test_under_a_clock_as_many_are_looked_at_as_their_share_pays_for(
    toy: Space, oracle: Any, seconds: float, most: int | None
) -> None:
    """The first two, one for each worker, tell the price; where they have spent the share there are no more."""
    budget = Budget(minutes=3, workers=2)
    share = (1 - SUPERNET_SHARE - TRAINING_SHARE) * budget.search_seconds * budget.workers
    assert len(priced(toy, oracle, budget, seconds)) == (most or int(share / seconds))


def test_a_super_network_that_failed_is_not_asked(toy: Space, oracle: Any) -> None:
    """Random draws are trained instead."""
    problem = Problem(toy, budget=Budget(evaluations=8), seed=0)
    strategy = SPOS(problem)
    records = oracle(problem, seed=1, fails=lambda r: r.estimator.startswith("supernet")).drive(strategy)
    assert [r.request.estimator for r in records] == ["supernet:spos"] + ["training"] * 8
    drawn = [a for _, a in zip(range(8), problem.stream("random"), strict=False)]
    assert [r.request.architecture for r in records[1:]] == drawn[2:] + drawn[:2]


# Which spaces it can search -----------------------------------------------------------------------------------------

ONE_SHOT = [n for n in strategies.names() if issubclass(strategies[n].target, OneShot)]


@pytest.mark.parametrize("name", ONE_SHOT)
def test_its_default_space_has_a_super_network_for_it(name: str) -> None:
    kind, state = strategies[name].target, torch.get_rng_state()
    kind.check_space(spaces[kind.default_space].target((3, 64, 64), 10))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("strategy", "space", "says"),
    [
        ("spos", "nb101", "has no super-network"),
        ("darts", "mobile", "those of 'mobile' are sizes of one network"),
        ("netadapt_v2", "nb201", "the options of 'nb201' have no sizes"),
        ("netadapt_v2", "nb101", "has no super-network"),
    ],
)
def test_a_space_that_it_cannot_search_is_refused(strategy: str, space: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        strategies[strategy].target.check_space(spaces[space].target((3, 32, 32), 10))


def test_other_strategies_search_any_space(toy: Space) -> None:
    Random.check_space(toy)
