"""Limits, budgets, and sampling inside the limits."""

import itertools
from functools import cache
from itertools import islice

import numpy as np
import pytest

from nassay.errors import InfeasibleError, UserError
from nassay.estimators.base import Fidelity
from nassay.estimators.devices.latency_model import LatencyModel
from nassay.spaces.base import Architecture, Space, spaces
from nassay.strategies import Budget, Constraints, Problem
from nassay.strategies.problem import FINAL_TRAININGS, with_limits


@cache
def space_of(name: str) -> Space:
    return spaces[name].target((1, 8, 8), 4)


def toy_params(choices: tuple[int, ...]) -> int:
    """Weights and biases of the 1x1 convolutions 1 -> c1 -> ... -> c8 and of the linear layer c8 -> 2."""
    widths = [1, *(c + 1 for c in choices), 2]
    return sum(a * b + b for a, b in itertools.pairwise(widths))


# Limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max_latency_ms", "max_params", "max_macs", "max_peak_memory_bytes"])
@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_must_be_positive(name: str, limit: float) -> None:
    with pytest.raises(UserError, match=f"{name} must be positive, found {limit}"):
        Constraints(**{name: limit})


def test_a_limit_is_kept_by_what_equals_it_and_by_what_is_unknown() -> None:
    limits = Constraints(max_params=1000, max_latency_ms=2.5)
    assert limits.violated({"params": 1000, "latency_ms": None, "macs": 10**12}) is None
    assert limits.violated({"params": 1001, "latency_ms": 1.0}) == "params is 1,001 parameters, over max_params = 1,000"
    assert limits.violated({"latency_ms": 2.75}) == "latency_ms is 2.75 ms, over max_latency_ms = 2.5"


def test_any_says_whether_there_is_a_limit() -> None:
    assert not Constraints().any
    assert Constraints(max_macs=1).any


def test_limits_come_as_a_dictionary_too() -> None:
    assert with_limits(None) == Constraints()
    assert with_limits({"max_params": 5}) == Constraints(max_params=5)
    limits = Constraints(max_macs=7)
    assert with_limits(limits) is limits
    with pytest.raises(UserError, match=r"Unknown limits \['max_flops'\]; known are max_latency_ms, max_params"):
        with_limits({"max_flops": 5})


# Budgets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"minutes": 0}, "minutes must be positive, found 0"),
        ({"minutes": float("nan")}, "minutes must be positive, found nan"),
        ({"minutes": 0.05}, "minutes must leave time to search"),
        ({"evaluations": -3}, "evaluations must be positive, found -3"),
        ({"evaluations": 3}, "evaluations must be at least 4"),
        ({"minutes": 5, "workers": 0}, "workers must be at least 1, found 0"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(budget: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Budget(**budget)


@pytest.mark.parametrize("minutes", [0.5, 5, 120])
@pytest.mark.parametrize("workers", [1, 4])
def test_search_finish_and_reserve_share_the_time(minutes: float, workers: int) -> None:
    budget = Budget(minutes=minutes, workers=workers)
    finish = budget.final_seconds * FINAL_TRAININGS / workers
    assert budget.search_seconds + finish + budget.reserve_seconds == pytest.approx(60 * minutes)
    assert min(budget.search_seconds, finish, budget.reserve_seconds) > 0


def test_as_many_candidates_as_evaluations(toy: Space) -> None:
    for evaluations in (4, 16, 100):
        assert Problem(toy, budget=Budget(evaluations=evaluations)).candidates() == evaluations


def test_more_time_gives_more_candidates_and_more_time_for_each(toy: Space) -> None:
    problems = [Problem(toy, budget=Budget(minutes=minutes)) for minutes in (5, 20, 60)]
    counts, fidelities = zip(*(p.single_fidelity() for p in problems), strict=True)
    assert counts[0] < counts[1] < counts[2]
    assert fidelities[0].seconds < fidelities[1].seconds < fidelities[2].seconds


@pytest.mark.parametrize(
    "budget", [Budget(minutes=20), Budget(minutes=20, workers=3), Budget(minutes=1, evaluations=4)]
)
def test_equal_trainings_use_the_searchs_time(toy: Space, budget: Budget) -> None:
    count, fidelity = Problem(toy, budget=budget).single_fidelity()
    assert count * fidelity.seconds == pytest.approx(budget.search_seconds * budget.workers, abs=0.01 * count)
    assert budget.evaluations is None or count <= budget.evaluations


def test_a_bound_is_in_seconds_only_under_a_wall_clock_budget(toy: Space) -> None:
    timed, counted = (Problem(toy, budget=b) for b in (Budget(minutes=5), Budget(evaluations=4)))
    assert timed.fidelity(epochs=3, seconds=7.126) == Fidelity(seconds=7.13)
    assert counted.fidelity(epochs=3, seconds=7.126, final=True) == Fidelity(epochs=3, final=True)
    assert timed.fidelity(epochs=3, seconds=0.0).seconds > 0
    assert timed.final_fidelity().seconds == pytest.approx(timed.budget.final_seconds, abs=0.01)
    assert timed.final_fidelity().final
    assert counted.final_fidelity().final


# Sampling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", spaces.names())
@pytest.mark.parametrize("limited", ["params", "macs", "peak_memory_bytes"])
@pytest.mark.parametrize("slack", [1.0, 1.3, 3.0])
def test_samples_keep_tight_limits(name: str, limited: str, slack: float) -> None:
    space = space_of(name)
    smallest = Problem(space).costs(space.smallest())[limited]
    problem = Problem(space, Constraints(**{f"max_{limited}": round(slack * smallest)}))
    rng = np.random.default_rng(0)
    for _ in range(3):
        sample = problem.sample(rng)
        assert problem.admits(sample)
        assert problem.costs(sample)[limited] <= slack * smallest
        assert space.check(sample) == space.canonical(sample)


# Fewest parameters and MACs, but not quite the least memory
ALMOST_SMALLEST = {
    "nds_darts": "without an edge the smallest DARTS network needs 0.8 % less memory",
    "nds_pnas": "with pools in place of skip connections the smallest PNAS network needs 0.3 % less memory",
}


@pytest.mark.parametrize("name", spaces.names())
@pytest.mark.parametrize("limited", ["params", "macs", "peak_memory_bytes"])
def test_below_the_smallest_network_nothing_is_feasible(name: str, limited: str) -> None:
    """The message has the smallest reachable value, with which the search would start."""
    if limited == "peak_memory_bytes" and name in ALMOST_SMALLEST:
        pytest.skip(ALMOST_SMALLEST[name])
    space = space_of(name)
    smallest = Problem(space).costs(space.smallest())[limited]
    problem = Problem(space, Constraints(**{f"max_{limited}": smallest - 1}))
    for search in (lambda: problem.sample(np.random.default_rng(0)), lambda: problem.check_reachable(lambda _: 0.0)):
        with pytest.raises(InfeasibleError, match=f"max_{limited} = {smallest - 1:,} .*{smallest:,} ") as caught:
            search()
        assert repr(name) in str(caught.value)
        assert "1x8x8" in str(caught.value)


def test_samples_are_scaled_down_just_until_they_fit(toy: Space) -> None:
    problem = Problem(toy, Constraints(max_params=80))
    params = [problem.profile(a).params for a in islice(problem.stream("any"), 60)]
    assert max(params) <= 80
    assert np.median(params) > 60


def test_a_stream_is_distinct_and_belongs_to_purpose_and_seed(toy: Space) -> None:
    def drawn(purpose: str, seed: int) -> list[Architecture]:
        return list(islice(Problem(toy, seed=seed).stream(purpose), 50))

    assert len(set(drawn("a", 0))) == 50
    assert drawn("a", 0) == drawn("a", 0)
    assert drawn("a", 0) != drawn("b", 0)
    assert drawn("a", 0) != drawn("a", 1)


def test_a_stream_ends_with_the_space(toy: Space) -> None:
    """All widths are one but for a few: whatever has at most 24 of the parameters, counted by hand."""
    inside = [c for c in itertools.product(range(2), repeat=8) if toy_params(c) <= 24]
    assert toy_params((0,) * 8) == 20
    problem = Problem(toy, Constraints(max_params=24))
    assert {a.choices for a in problem.stream("any")} == set(inside)


def test_every_other_draw_of_all_sizes_is_smaller(toy: Space) -> None:
    problem = Problem(toy)
    usual, all_sizes = (
        [problem.profile(a).params for a in islice(problem.stream("any", all_sizes=flag), 100)]
        for flag in (False, True)
    )
    assert np.mean(all_sizes) < 0.9 * np.mean(usual)
    assert min(all_sizes) < min(usual)


# Costs ----------------------------------------------------------------------------------------------------------


def test_costs_are_counted_and_latency_is_predicted(toy: Space) -> None:
    problem = Problem(toy, Constraints(max_latency_ms=1.0))
    a = Architecture("toy", (1, 0, 3, 2, 0, 0, 1, 2))
    assert problem.costs(a)["params"] == toy_params(a.choices)
    assert problem.costs(a)["latency_ms"] is None
    assert problem.admits(a)  # an unknown latency breaks no limit
    profiles = [problem.profile(b) for b in islice(problem.stream("latency"), 20)]
    problem.latency_model = LatencyModel.fit(profiles, [1 + p.params / 100 for p in profiles])
    assert problem.costs(a)["latency_ms"] == pytest.approx(problem.latency_model.predict(problem.profile(a)))
    assert not problem.admits(a)


def test_latency_is_measured_only_under_a_limit_on_it(toy: Space) -> None:
    def measure(architecture: Architecture) -> float:
        asked.append(architecture)
        return 2.5

    asked: list[Architecture] = []
    Problem(toy, Constraints(max_params=10_000)).check_reachable(measure)
    assert asked == []
    Problem(toy, Constraints(max_latency_ms=2.5)).check_reachable(measure)
    assert asked == [toy.smallest()]
    with pytest.raises(InfeasibleError, match=r"max_latency_ms = 2 ms, but the smallest network has 2\.5 ms"):
        Problem(toy, Constraints(max_latency_ms=2)).check_reachable(measure)


def test_a_table_answers_whole_trainings_one_after_the_other(toy: Space) -> None:
    """Images of 64 pixels are shown smaller to short trainings, but no table has such trainings."""
    large = spaces["nb201"].target((3, 64, 64), 4)
    searched, replayed = (Problem(large, budget=Budget(evaluations=9), replay=replay) for replay in (False, True))
    assert searched.single_fidelity()[1].epochs == 4
    assert replayed.single_fidelity() == (9, Fidelity(epochs=30))
    assert replayed.fidelity(epochs=3, seconds=1) == Fidelity(epochs=3)
    assert (searched.at_once(4), replayed.at_once(4)) == (4, 1)


def test_a_draw_is_shrunk_just_until_it_fits(toy: Space) -> None:
    problem = Problem(toy, Constraints(max_params=70))
    largest = Architecture("toy", (3,) * 8)
    shrunk = problem.shrunk(largest)
    assert shrunk is not None
    assert problem.admits(shrunk)
    assert len(set(shrunk.choices)) == 1
    next_larger = Architecture("toy", tuple(c + 1 for c in shrunk.choices))
    assert not problem.admits(next_larger)
    assert Problem(toy, Constraints(max_params=5)).shrunk(largest) is None
