"""The cascade: what it finds beside random search, and how it climbs."""

from collections.abc import Iterator
from itertools import islice, takewhile
from types import SimpleNamespace
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pytest

from nassay.estimators.base import Fidelity
from nassay.estimators.proxies.eproxy_recipe import Recipe
from nassay.spaces.base import Architecture, Space
from nassay.strategies import Budget, Problem, Record, Strategy
from nassay.strategies.adaptation import SOURCE
from nassay.strategies.cascade import DPS_SHARE, ETA, PROXIES, RUNGS, SOURCES, WIDEST, Cascade, learning_curve
from nassay.strategies.problem import FINAL_EPOCHS
from nassay.strategies.random import Random

SEEDS = range(6)
INFORMED = {p for p in PROXIES if crc32(p.encode()) % 2}  # see conftest.Oracle


class Climb(NamedTuple):
    """A finished cascade on a landscape of its own."""

    strategy: Strategy
    oracle: Any
    records: list[Record]

    @property
    def rungs(self) -> dict[Fidelity, dict[Architecture, float]]:
        """Accuracies by fidelity, in the order in which they were asked for."""
        found: dict[Fidelity, dict[Architecture, float]] = {}
        for r in self.records:
            if r.request.fidelity is not None:
                found.setdefault(r.request.fidelity, {})[r.request.architecture] = r.value
        return found


def climbed(kind: type[Strategy], toy: Space, oracle: Any, seed: int, budget: Budget, price: float = 0.01) -> Climb:
    problem = Problem(toy, budget=budget, seed=seed)
    strategy, answers = kind(problem), oracle(problem, seed=100 + seed)
    answers.price = price
    return Climb(strategy, answers, answers.drive(strategy))


@pytest.fixture(scope="module")
def climbs(toy: Space, oracle: Any) -> list[Climb]:
    return [climbed(Cascade, toy, oracle, seed, Budget(evaluations=16)) for seed in SEEDS]


def test_it_finds_better_networks_than_random_search(climbs: list[Climb], toy: Space, oracle: Any) -> None:
    """Every second proxy knows half of the truth. The share of random draws that are better, on six landscapes."""
    shares = []
    for seed, climb in zip(SEEDS, climbs, strict=True):
        random = climbed(Random, toy, oracle, seed, Budget(evaluations=16))
        draws = [climb.oracle.quality(a) for a in islice(climb.strategy.problem.stream("reference"), 1000)]
        found = [climb.oracle.quality(s.finalists[0]) for s in (climb.strategy, random.strategy)]
        shares.append([np.mean(np.array(draws) > quality) for quality in found])
    cascade, random_search = np.transpose(shares)
    assert np.sum(cascade < random_search) >= 5
    assert np.mean(cascade) < np.mean(random_search) / 2
    assert np.mean(cascade) < 0.03


def test_proxies_that_know_nothing_lose_their_influence(climbs: list[Climb]) -> None:
    weights = [c.strategy.weights for c in climbs]  # of the last proposal
    assert all(sum(w.values()) == pytest.approx(1) for w in weights)
    informed = [sum(v for name, v in w.items() if name in INFORMED or name == "surrogate") for w in weights]
    assert np.mean(informed) > 0.7
    assert 0 < len(INFORMED) < len(PROXIES)


def test_survivors_are_the_best_of_every_size_and_go_on_to_a_higher_share_of_the_finish(climbs: list[Climb]) -> None:
    for climb in climbs:
        assert [bound.epochs for bound in climb.rungs] == [round(share * FINAL_EPOCHS) for share in RUNGS]
        before, after = climb.rungs.values()
        assert len(after) == max(2, round(len(before) / ETA))
        assert list(after) == sorted(after, key=lambda a, values=before: -values[a])
        best = max(before, key=before.__getitem__)
        assert next(iter(after)) == best


def test_of_all_bands_takes_the_best_of_each_then_the_best_of_the_others(toy: Space) -> None:
    strategy = Cascade(Problem(toy, budget=Budget(evaluations=4)))
    sizes = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0, "f": 6.0}
    strategy.band_edges = np.array([2.5, 4.5])  # a b, c d, e f
    strategy._size = sizes.__getitem__  # type: ignore[assignment, method-assign]
    ranked: Any = ["a", "b", "f", "e", "d", "c"]
    assert strategy._of_all_bands(ranked, 2) == ["a", "f"]
    assert strategy._of_all_bands(ranked, 3) == ["a", "f", "d"]
    assert strategy._of_all_bands(ranked, 5) == ["a", "b", "f", "e", "d"]


def test_half_of_the_scored_have_the_most_parameters_of_their_size(toy: Space) -> None:
    """Twelve sizes in four groups; in each the second has the most parameters, and one of the others comes along."""
    strategy = Cascade(Problem(toy, budget=Budget(evaluations=4)))
    names: Any = [chr(ord("a") + i) for i in range(12)]
    strategy.scores = {}
    strategy._size = {name: float(i) for i, name in enumerate(names)}.__getitem__  # type: ignore[assignment, method-assign]
    strategy.problem.profile = lambda name: SimpleNamespace(params=ord(name) % 3)  # type: ignore[assignment, method-assign, return-value]
    chosen: Any = strategy._half_rich(names, 8)
    assert [ord(name) % 3 for name in "abcdef"] == [1, 2, 0, 1, 2, 0]
    assert chosen[::2] == ["b", "e", "h", "k"]
    assert [names.index(a) // 3 for a in chosen] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(set(chosen)) == 8
    assert strategy._half_rich(names[:1], 8) == names[:1]


def test_near_perfect_accuracies_are_still_told_apart(toy: Space, oracle: Any) -> None:
    """Projection clips accuracies above 0.995; among those, the better as trained goes on."""
    problem = Problem(toy, budget=Budget(evaluations=16))
    strategy, answers = Cascade(problem), oracle(problem)
    answers.terms += 4
    easy = Climb(strategy, answers, answers.drive(strategy))
    first, second, *_ = easy.rungs.values()
    assert min(first.values()) > 0.995
    assert next(iter(second)) == max(first, key=first.__getitem__)
    assert list(second) == sorted(second, key=lambda a: -first[a])


def test_every_trained_architecture_was_screened_first(climbs: list[Climb]) -> None:
    for climb in climbs:
        scored: set[Architecture] = set()
        for record in climb.records:
            if record.request.estimator in PROXIES:
                scored.add(record.request.architecture)
            elif record.request.fidelity is not None:
                assert record.request.architecture in scored


def test_every_proxy_is_asked_once_for_each_architecture(climbs: list[Climb]) -> None:
    for climb in climbs:
        asked = [(r.request.architecture, r.request.estimator) for r in climb.records if r.request.fidelity is None]
        assert len(set(asked)) == len(asked)
        assert len(asked) == len(PROXIES) * len({a for a, _ in asked})


def test_the_random_baseline_is_the_best_of_the_draws_that_nobody_chose(climbs: list[Climb]) -> None:
    for climb in climbs:
        first = next(iter(climb.rungs.values()))
        drawn = list(takewhile(first.__contains__, climb.strategy.problem.stream("random")))
        assert len(drawn) >= 2
        assert climb.strategy.random_baseline == max(drawn, key=first.__getitem__)


def test_first_trainings_are_of_all_sizes(climbs: list[Climb]) -> None:
    """The proxies alone might send all of them to one end; of the first eight, some are small and some large."""
    for climb in climbs:
        profile = climb.strategy.problem.profile
        macs = [profile(a).macs for a in islice(next(iter(climb.rungs.values())), 8)]
        screened = [profile(a).macs for a in {r.request.architecture for r in climb.records}]
        assert min(macs) <= np.quantile(screened, 0.34) < np.quantile(screened, 0.66) <= max(macs)


def test_dear_proxies_screen_fewer_candidates(toy: Space, oracle: Any) -> None:
    """Under a wall-clock budget, screening keeps to a share of the time, whatever the proxies cost."""
    budget = Budget(minutes=10)
    screened = []
    for price in (0.05, 0.4):
        records = climbed(Cascade, toy, oracle, 0, budget, price).records
        first = [r for r in takewhile(lambda r: r.request.estimator != "training", records) if not r.request.fidelity]
        assert sum(r.estimate.seconds for r in first) < 0.5 * budget.search_seconds
        screened.append(len(first))
    assert screened[0] > 2 * screened[1]


def test_it_goes_through_its_phases_in_order(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=4))
    strategy, answers = Cascade(problem), oracle(problem)

    def phases() -> Iterator[str]:
        while batch := strategy.ask():
            yield strategy.phase
            strategy.tell([answers.answer(r) for r in batch])

    assert tuple(dict.fromkeys(phases())) == Cascade.phases == ("screen", "adapt", "climb")


def test_a_record_gives_its_learning_curve(climbs: list[Climb]) -> None:
    climb = climbs[0]
    record = next(r for r in climb.records if r.request.fidelity is not None)
    curve = learning_curve(record)
    accuracies = [climb.oracle.accuracy(record.request.architecture, epochs) for epochs, _ in curve]
    assert [accuracy for _, accuracy in curve] == pytest.approx(accuracies)
    assert curve[-1] == (record.request.fidelity.epochs, record.value)


@pytest.mark.parametrize("minutes", [1, 600])
def test_candidates_are_those_that_the_finish_can_train(toy: Space, oracle: Any, minutes: float) -> None:
    """Very slow or very fast, some candidates remain: the range of epochs is moved to where the space is."""
    strategy = climbed(Cascade, toy, oracle, 0, Budget(minutes=minutes), 0.01).strategy
    kept = [strategy._epochs_at_finish(a) for a in filter(strategy._trainable, strategy.scores)]
    assert len(kept) >= 4
    assert WIDEST * strategy.fewest_epochs >= max(kept) >= min(kept) >= strategy.fewest_epochs


# How it adapts --------------------------------------------------------------------------------------------------


def adapted(how: str, toy: Space, oracle: Any, seed: int = 0, evaluations: int = 24) -> Climb:
    """A cascade where only recipes that learn slowly know the truth."""
    problem = Problem(toy, budget=Budget(evaluations=evaluations), seed=seed)
    strategy, answers = Cascade(problem), oracle(problem, seed=100 + seed)
    strategy.adapt = how
    usual = answers.proxy

    def proxy(architecture: Architecture, name: str) -> float:
        if not name.startswith("eproxy:"):
            return float(usual(architecture, name))
        slow = Recipe.parse(name.removeprefix("eproxy:")).learning_rate < 1
        return float(-slow * answers.quality(architecture) + 0.2 * answers._noise(architecture, name))

    answers.proxy = proxy
    return Climb(strategy, answers, answers.drive(strategy))


@pytest.fixture(scope="module")
def with_dps(toy: Space, oracle: Any) -> Climb:
    return adapted("dps", toy, oracle)


def test_a_recipe_that_knows_the_task_becomes_a_source(with_dps: Climb) -> None:
    strategy, told = with_dps.strategy, with_dps.strategy.adapted
    assert Recipe.parse(told["recipe"]).learning_rate < 1
    assert told["trusted"]
    assert told["labelled"] >= 8
    assert told["concordance"] > 0.75
    assert strategy.weights[SOURCE] > 0.2
    assert sum(strategy.weights.values()) == pytest.approx(1)


def test_the_found_proxy_sees_a_shortlist_and_what_was_trained(with_dps: Climb) -> None:
    recipe = Recipe.parse(with_dps.strategy.adapted["recipe"]).regression
    seen = {r.request.architecture for r in with_dps.records if r.request.estimator == recipe.name}
    trained = {r.request.architecture for r in with_dps.records if r.request.estimator == "training"}
    screened = {r.request.architecture for r in with_dps.records if r.request.estimator == PROXIES[0]}
    assert len(seen & trained) >= 20
    assert len(seen) < len(screened) / 2


def test_without_adaptation_all_sources_count_alike(toy: Space, oracle: Any) -> None:
    weights = adapted("none", toy, oracle).strategy.weights
    assert weights == dict.fromkeys(SOURCES, 1 / len(SOURCES))


def test_a_search_for_recipes_is_part_of_the_budget(toy: Space, oracle: Any) -> None:
    """Under a clock, regressions of labelled networks keep to their share, which the trainings give up."""
    problem = Problem(toy, budget=Budget(minutes=10, workers=2))
    strategy, answers = Cascade(problem), oracle(problem)
    strategy.adapt, answers.price = "dps", 0.3
    asked = {r.request for r in answers.drive(strategy) if r.request.estimator.startswith("eproxy:")}
    labelled = strategy.few_shot.labelled
    seconds = 0.3 * sum(request.architecture in labelled for request in asked)
    assert 0 < seconds <= DPS_SHARE * 2 * problem.budget.search_seconds
    assert strategy._count() < Cascade(problem)._count()
