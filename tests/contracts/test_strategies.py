"""What every registered strategy promises, driven by an oracle instead of trainings."""

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import pytest

from nassay.spaces.base import Architecture, Space
from nassay.strategies import Budget, Constraints, Problem, Record, Request, Strategy, strategies

FREE, LEAN, QUICK = Constraints(), Constraints(max_params=70), Constraints(max_latency_ms=0.8)
SIXTEEN, SHORT = Budget(evaluations=16), Budget(minutes=3, workers=2)
SETTINGS = {
    "free": (FREE, SIXTEEN),
    "params": (LEAN, SIXTEEN),
    "latency": (QUICK, SIXTEEN),
    "minutes": (FREE, SHORT),
    "latency-minutes": (QUICK, SHORT),
}


class Run(NamedTuple):
    """A strategy that is done, and every record that it was told."""

    strategy: Strategy
    records: list[Record]

    @property
    def trainings(self) -> list[Record]:
        return [r for r in self.records if r.request.estimator == "training"]

    @property
    def requests(self) -> list[Request]:
        return [r.request for r in self.records]

    @property
    def last_values(self) -> dict[Architecture, float]:
        """The value of each architecture's last training."""
        return {r.request.architecture: r.value for r in self.trainings if r.value is not None}

    @property
    def latencies(self) -> dict[Architecture, float]:
        return {r.request.architecture: r.value for r in self.records if r.request.estimator == "latency_ms"}


Make = Callable[..., tuple[Strategy, Any]]
_runs: dict[tuple[str, str], Run] = {}


@pytest.fixture(params=strategies.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=SETTINGS)
def setting(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make(name: str, toy: Space, oracle: Any) -> Make:
    """A fresh strategy and its oracle, for a setting's name or for limits, with 16 evaluations."""

    def made(
        setting: str | Constraints = FREE,
        *,
        budget: Budget = SIXTEEN,
        seed: int = 0,
        fails: Any = lambda request: False,
    ) -> tuple[Strategy, Any]:
        constraints, budget = SETTINGS[setting] if isinstance(setting, str) else (setting, budget)
        problem = Problem(toy, constraints, budget, seed=seed)
        return strategies[name].target(problem), oracle(problem, seed=1, fails=fails)

    return made


@pytest.fixture
def drive(make: Make) -> Callable[..., Run]:
    """Run a fresh strategy to its end; raises if it never ends."""

    def driven(*setting: Any, **options: Any) -> Run:
        strategy, oracle = make(*setting, **options)
        return Run(strategy, oracle.drive(strategy))

    return driven


@pytest.fixture
def run_of(name: str, drive: Callable[..., Run]) -> Callable[[str], Run]:
    """The finished run of a setting with seed 0, shared by the tests that only read it."""

    def found(setting: str) -> Run:
        if (name, setting) not in _runs:
            _runs[name, setting] = drive(setting)
        return _runs[name, setting]

    return found


@pytest.fixture
def run(run_of: Callable[[str], Run], setting: str) -> Run:
    return run_of(setting)


# What it asks for -----------------------------------------------------------------------------------------------


def test_registration_names_a_paper_and_phases(name: str, make: Make) -> None:
    strategy, _ = make()
    assert strategies[name].info["paper"]
    assert strategies[name].summary
    assert strategy.phase in strategy.phases


def test_fidelities_belong_to_trainings_and_are_bounded_as_the_budget(run: Run, setting: str) -> None:
    for request in run.requests:
        kind = request.estimator.partition(":")[0]
        assert (request.fidelity is not None) == (kind in ("training", "epoch_seconds", "supernet", "inherited"))
        if request.fidelity is not None:
            assert (request.fidelity.seconds is not None) == (SETTINGS[setting][1].minutes is not None)
            assert request.fidelity.final == (kind in ("supernet", "inherited"))  # the finish is the study's


def test_no_training_is_asked_for_twice(run: Run) -> None:
    asked = [r.request for r in run.trainings]
    assert len(set(asked)) == len(asked) > 0


def test_at_most_as_many_candidates_are_trained_as_the_budget_allows(drive: Callable[..., Run]) -> None:
    for evaluations in (4, 5, 9):
        run = drive(budget=Budget(evaluations=evaluations))
        assert len(run.last_values) <= evaluations
        assert run.strategy.finalists


def test_a_budget_in_minutes_is_capped_by_evaluations(drive: Callable[..., Run]) -> None:
    assert len(drive(budget=Budget(minutes=2, evaluations=6)).last_values) <= 6


def test_only_architectures_inside_the_limits_are_asked_for(run_of: Callable[[str], Run]) -> None:
    """But for a descent's way from the largest network down to the limits."""
    run = run_of("params")
    asked = [r.architecture for r in run.requests if r.estimator != "inherited:ordered_dropout"]
    params = [run.strategy.problem.profile(a).params for a in asked]
    assert max(params) <= LEAN.max_params


def test_trained_architectures_keep_the_latency_limit_by_the_model(run_of: Callable[[str], Run]) -> None:
    run = run_of("latency")
    assert run.strategy.problem.latency_model is not None
    assert all(run.strategy.problem.admits(r.request.architecture) for r in run.trainings)


def test_the_training_seconds_asked_for_fit_into_the_search(run_of: Callable[[str], Run]) -> None:
    trainings = [r for r in run_of("minutes").requests if r.estimator == "training"]
    bounds = {r.architecture: r.fidelity.seconds for r in trainings}  # the last, largest
    assert sum(bounds.values()) <= 1.05 * SHORT.search_seconds * SHORT.workers


# What it finds --------------------------------------------------------------------------------------------------


def test_finalists_are_distinct_and_trained(run: Run) -> None:
    finalists = run.strategy.finalists
    assert finalists
    assert len(set(finalists)) == len(finalists)
    assert set(finalists) <= set(run.last_values)


@pytest.mark.parametrize("epochs_setting", ["free", "params", "latency"])
def test_finalists_of_equal_epochs_are_ordered_by_accuracy(run_of: Callable[[str], Run], epochs_setting: str) -> None:
    run = run_of(epochs_setting)
    values = [run.last_values[a] for a in run.strategy.finalists]
    assert values == sorted(values, reverse=True)


def test_finalists_and_random_baseline_keep_the_latency_limit_as_measured(run_of: Callable[[str], Run]) -> None:
    run = run_of("latency")
    assert max(run.latencies.values()) > QUICK.max_latency_ms  # the limit matters
    shown = [*run.strategy.finalists, run.strategy.random_baseline]
    assert all(run.latencies[a] <= QUICK.max_latency_ms for a in shown)


def test_the_random_baseline_is_a_trained_draw_of_the_random_stream(run: Run) -> None:
    """The same stream for all strategies; 40 draws are more than any of these runs trains."""
    drawn = list(islice(run.strategy.problem.stream("random"), 40))
    assert run.strategy.random_baseline in drawn
    assert run.strategy.random_baseline in run.last_values


# The protocol ---------------------------------------------------------------------------------------------------


def test_another_seed_trains_others(run_of: Callable[[str], Run], drive: Callable[..., Run]) -> None:
    assert set(drive("free", seed=1).last_values) != set(run_of("free").last_values)


def test_a_strategy_is_resumed_by_replaying_its_records(make: Make, run: Run, setting: str) -> None:
    paid = {r.request: r for r in run.records}
    again, _ = make(setting)
    while batch := again.ask():
        again.tell([paid[r] for r in batch])  # KeyError where the replay leaves the path
    assert again.finalists == run.strategy.finalists
    assert again.random_baseline == run.strategy.random_baseline


def test_asking_again_gives_the_same_batch(make: Make, run_of: Callable[[str], Run]) -> None:
    strategy, _ = make()
    first = strategy.ask()
    strategy.ask().clear()  # the caller's list is the caller's
    assert strategy.ask() == first != []
    done = run_of("free").strategy
    assert done.ask() == done.ask() == []


def test_tell_refuses_records_of_another_batch(make: Make, run_of: Callable[[str], Run]) -> None:
    strategy, oracle = make()
    with pytest.raises(ValueError, match="last ask"):
        strategy.tell([])
    records = [oracle.answer(r) for r in strategy.ask()]
    for wrong in (records[1:], records[::-1], [], records + records[:1]):
        if wrong == records:  # a single record, reversed
            continue
        with pytest.raises(ValueError, match="last ask"):
            strategy.tell(wrong)
    assert strategy.ask() == [r.request for r in records]
    strategy.tell(records)
    with pytest.raises(ValueError, match="last ask"):
        strategy.tell(records)
    with pytest.raises(ValueError, match="last ask"):
        run_of("free").strategy.tell([])


# When things go wrong -------------------------------------------------------------------------------------------


def half(request: Request) -> bool:
    """Half of the architectures cannot be trained, another half not measured, another not scored."""
    return (sum(request.architecture.choices) // (1 + len(request.estimator) % 2)) % 2 == 0


def test_failures_are_survived_as_long_as_something_succeeds(drive: Callable[..., Run]) -> None:
    run = drive(QUICK, fails=half)
    assert sum(r.value is None for r in run.trainings) >= 2
    assert run.strategy.finalists
    assert set(run.strategy.finalists) <= set(run.last_values)


@pytest.mark.parametrize("limits", [FREE, QUICK], ids=["free", "latency"])
@pytest.mark.parametrize("failing", ["everything", "training", "latency_ms", "proxies"])
def test_where_one_kind_of_estimate_always_fails_the_end_is_orderly(
    drive: Callable[..., Run], limits: Constraints, failing: str
) -> None:
    def fails(request: Request) -> bool:
        kind = request.estimator if request.estimator in ("training", "latency_ms") else "proxies"
        return failing in ("everything", kind)

    finalists = drive(limits, budget=Budget(evaluations=6), fails=fails).strategy.finalists
    assert isinstance(finalists, list)
    fatal = ["everything", "training"] + ["latency_ms"] * (limits is QUICK)
    assert bool(finalists) == (failing not in fatal)


@pytest.mark.parametrize("limits", [{"max_params": 20}, {"max_params": 24}, {"max_params": 24, "max_latency_ms": 0.25}])
def test_a_space_of_few_architectures_is_searched_to_its_end(drive: Callable[..., Run], limits: dict[str, Any]) -> None:
    run = drive(Constraints(**limits))
    asked = [r.request for r in run.trainings]
    assert len(set(asked)) == len(asked)
    assert run.strategy.finalists
    assert len(set(run.strategy.finalists)) == len(run.strategy.finalists)
