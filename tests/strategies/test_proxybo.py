"""ProxyBO: whom it believes, what it proposes, which candidates it has, and its variants."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.spaces.base import Architecture, Space
from nassay.spaces.tiny201 import Tiny201
from nassay.strategies import Budget, Constraints, Problem, Record, Request, strategies
from nassay.strategies.proxybo import PROXIES, SURROGATE, VARIANTS, Pool, ProxyBO, normal_scores, variant

Answer = Callable[[Request], float | None]


def drive(strategy: ProxyBO, answer: Answer, *, price: float = 0.0) -> list[list[Record]]:
    """Every batch until the end, answered by a formula."""
    batches = []
    while requests := strategy.ask():
        values = [answer(r) for r in requests]
        estimates = [
            Estimate.failed("no", seconds=price) if v is None else Estimate.of(v, seconds=price) for v in values
        ]
        batches.append([Record(r, e) for r, e in zip(requests, estimates, strict=True)])
        strategy.tell(batches[-1])
    return batches


def total(architecture: Architecture) -> float:
    return sum(architecture.choices) / 24


def truth_and(proxy: Answer) -> Answer:
    """Trainings say the sum of the choices; proxies what is given."""
    return lambda request: total(request.architecture) if request.estimator == "training" else proxy(request)


def noise(request: Request) -> float:
    seed = [sum(map(ord, request.estimator)), *request.architecture.choices]
    return float(np.random.default_rng(seed).normal())


def trained(batches: list[list[Record]]) -> list[Architecture]:
    return [r.request.architecture for batch in batches for r in batch if r.request.estimator == "training"]


# Whom it believes -------------------------------------------------------------------------------------------------


def test_a_proxy_that_knows_is_believed(toy: Space) -> None:
    strategy = ProxyBO(Problem(toy, budget=Budget(evaluations=20), seed=3))
    batches = drive(strategy, truth_and(lambda r: total(r.architecture) if r.estimator == "synflow" else noise(r)))
    assert strategy.weights["synflow"] > 0.99
    values = [total(a) for a in trained(batches)]
    assert np.mean(values[10:]) > max(values[:10])


def test_misleading_proxies_lose_to_the_forest_and_are_not_turned_round(toy: Space) -> None:
    strategy = ProxyBO(Problem(toy, budget=Budget(evaluations=60)))
    drive(strategy, truth_and(lambda r: -total(r.architecture)))
    assert strategy.weights[SURROGATE] > 0.99


def test_out_of_sample_the_forest_does_not_silence_a_proxy_that_knows(toy: Space) -> None:
    """On noise the forest remembers in sample; the in-sample variant believes it, ProxyBO does not."""

    def answer(request: Request) -> float:
        own = np.random.default_rng([7, *request.architecture.choices]).normal()
        hint = 0.7 * own if request.estimator == "snip" else 0.0
        return own if request.estimator == "training" else hint + noise(request)

    weights = {}
    for name in ("proxybo", "proxybo:in_sample"):
        strategy = strategies[name].target(Problem(toy, budget=Budget(evaluations=24)))
        drive(strategy, answer)
        weights[name] = strategy.weights
    assert weights["proxybo"]["snip"] > weights["proxybo"][SURROGATE]
    assert weights["proxybo:in_sample"][SURROGATE] > 0.9


def test_until_something_can_be_told_all_count_the_same(toy: Space) -> None:
    strategy = ProxyBO(Problem(toy))
    equal = {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}
    assert strategy._weigh(dict.fromkeys("abcd", 0.9) | {"a": 0.1}, np.array([0.1, 0.2])) == equal
    assert strategy._weigh(dict.fromkeys("abcd", 0.9) | {"a": 0.1}, np.full(9, 0.4)) == equal


# Variants ---------------------------------------------------------------------------------------------------------


def test_variants_lack_what_they_say(toy: Space) -> None:
    sources = {}
    for name in VARIANTS:
        strategy = strategies[f"proxybo:{name}"].target(Problem(toy, budget=Budget(evaluations=12)))
        batches = drive(strategy, truth_and(noise))
        assert len(set(trained(batches))) == 12
        asked = {r.request.estimator for batch in batches for r in batch} - {"training"}
        assert asked == (set() if name == "surrogate" else set(PROXIES))
        sources[name] = strategy.weights
    assert set(sources["sample"]) == set(sources["uniform"]) == {*PROXIES, SURROGATE}
    assert set(sources["uniform"].values()) == {0.25}
    assert set(sources["proxies"]) == set(PROXIES)
    assert sources["surrogate"] == {SURROGATE: 1.0}
    with pytest.raises(UserError, match="variant of ProxyBO"):
        variant("nothing")


def test_sampling_follows_one_source_at_a_time(toy: Space) -> None:
    """Two sources of opposite order: every choice is one's best or the other's, never the middle."""
    strategy = variant("sample")(Problem(toy))
    strategy.weights = {"up": 0.5, "down": 0.5}
    rankings = {"up": np.arange(9.0), "down": -np.arange(9.0)}
    first = {strategy._best(rankings, 9, 1, np.random.default_rng(s))[0] for s in range(20)}
    assert first == {0, 8}
    assert len(set(strategy._best(rankings, 9, 9, np.random.default_rng(0)))) == 9


def test_the_weighted_sum_of_ranks_decides_and_chance_between_equals(toy: Space) -> None:
    """Sums of ranks 5, 5, 8, 2."""
    strategy = ProxyBO(Problem(toy))
    strategy.weights = {"a": 0.5, "b": 0.5}
    rankings = {"a": np.array([4.0, 3.0, 4.0, 1.0]), "b": np.array([1.0, 2.0, 4.0, 1.0])}
    orders = {tuple(strategy._best(rankings, 4, 4, np.random.default_rng(s))) for s in range(20)}
    assert orders == {(2, 0, 1, 3), (2, 1, 0, 3)}


def test_normal_scores_by_hand() -> None:
    """Ranks 1, 3, 2 of three: quantiles at a sixth, five sixths, a half; equal values share theirs."""
    assert normal_scores(np.array([0.1, 0.9, 0.8])) == pytest.approx([-0.9674, 0.9674, 0], abs=1e-4)
    assert normal_scores(np.array([0.5, 0.5])) == pytest.approx([0, 0])


# Candidates -------------------------------------------------------------------------------------------------------


def test_a_small_space_that_is_looked_up_is_the_pool() -> None:
    space = Tiny201()
    problem = Problem(space, budget=Budget(evaluations=12), replay=True)
    strategy = ProxyBO(problem)
    batches = drive(strategy, truth_and(noise))
    assert sorted(strategy.pool.architectures) == sorted(space.networks())
    trainings = [[r for r in batch if r.request.estimator == "training"] for batch in batches]
    assert [len(t) for t in trainings if t] == [6, 1, 1, 1, 1, 1, 1]  # one after another


def test_elsewhere_it_is_random_draws_and_mutants_of_the_best(toy: Space) -> None:
    strategy = ProxyBO(Problem(toy, budget=Budget(evaluations=12)))
    batches = drive(strategy, truth_and(noise))
    scored = [{r.request.architecture for r in b} for b in batches if b[0].request.estimator != "training"]
    start, screen, *mutants = scored
    assert (len(start), len(screen)) == (6, 16 * 12)
    best = sorted(start, key=total)[-5:]
    for mutant in mutants[0]:
        assert min(sum(x != y for x, y in zip(mutant.choices, a.choices, strict=True)) for a in best) == 1


def test_no_candidate_is_scored_twice(toy: Space) -> None:
    batches = drive(ProxyBO(Problem(toy, budget=Budget(evaluations=20))), truth_and(noise))
    asked = [r.request for batch in batches for r in batch]
    assert len(set(asked)) == len(asked)


def test_under_a_clock_dear_proxies_are_asked_for_fewer_candidates(toy: Space) -> None:
    """Two minutes leave 46 s to search; 5 % of these pay for 230 requests of a hundredth second, 76 candidates."""
    budget = Budget(minutes=2, workers=1)
    few, many = (
        len(
            [
                r
                for b in drive(ProxyBO(Problem(toy, budget=budget)), truth_and(noise), price=price)
                for r in b
                if r.request.estimator == "snip"
            ]
        )
        for price in (0.01, 0.001)
    )
    expected = 0.05 * budget.search_seconds / 0.03
    assert expected < few < 2.5 * expected + 16  # those trained at the start, and about as many mutants again
    assert many > 3 * few


def test_the_pool_keeps_encodings_and_scores_in_line(toy: Space) -> None:
    rng = np.random.default_rng(0)
    drawn = list(dict.fromkeys(toy.sample(rng) for _ in range(9)))
    pool = Pool(toy, ("snip",))
    pool.add(drawn[:4], {"snip": [1.0, None, 3.0, 4.0]})
    pool.add(drawn[4:6], {"snip": [5.0, 6.0]})
    assert drawn[5] in pool
    assert drawn[6] not in pool
    assert pool.rows([drawn[5], drawn[0]]).tolist() == [5, 0]
    assert np.array_equal(pool.encodings[5], toy.encode(drawn[5]))
    assert pool.scores["snip"].tolist() == pytest.approx([1, np.nan, 3, 4, 5, 6], nan_ok=True)
    assert pool.ranks["snip"].tolist() == [2, 1, 3, 4, 5, 6]


def test_a_proxy_without_scores_of_half_the_pool_is_left_out(toy: Space) -> None:
    strategy = ProxyBO(Problem(toy, budget=Budget(evaluations=12)))
    drive(strategy, truth_and(lambda r: None if r.estimator == "snip" else noise(r)))
    assert set(strategy.weights) == {"synflow", "jacob_cov", SURROGATE}


def test_mutants_keep_the_limits(toy: Space) -> None:
    problem = Problem(toy, Constraints(max_params=60), Budget(evaluations=16))
    strategy = ProxyBO(problem)
    drive(strategy, truth_and(noise))
    assert all(problem.admits(a) for a in strategy.pool.architectures)


@pytest.mark.parametrize("evaluations", [4, 8, 40])
def test_at_most_ten_are_drawn_and_at_most_half(toy: Space, evaluations: int) -> None:
    batches = drive(ProxyBO(Problem(toy, budget=Budget(evaluations=evaluations))), truth_and(noise))
    first: Any = next(b for b in batches if b[0].request.estimator == "training")
    assert len(first) == min(10, evaluations // 2)
