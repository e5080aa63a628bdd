"""Multi-layer coordinate descent: smaller at every step, by what inherits best, down to the limit."""

from typing import Any

import numpy as np
import pytest

from nassay.estimators.base import Estimate
from nassay.spaces.base import Architecture
from nassay.spaces.bypass import BypassSpace
from nassay.strategies import Budget, Constraints, Problem, Record
from nassay.strategies.netadapt import DECAY, FIRST_STEP, FITTING, PROPOSALS, RATIO, Descent, NetAdaptV2
from nassay.strategies.one_shot import SUPERNET_SHARE, TRAINING_SHARE

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


def test_it_ends_when_some_networks_keep_the_limit_and_the_first_of_them_comes_first(oracle: Any) -> None:
    limit = Problem(SPACE).profile(LARGEST).params // 2
    strategy, records = driven(oracle, Constraints(max_params=limit))
    params = lambda a: strategy.problem.profile(a).params  # noqa: E731
    way = [max(step, key=lambda r: r.value).request.architecture for step in steps_of(records)]
    assert [params(a) <= limit for a in way] == [False] * (len(way) - FITTING) + [True] * FITTING
    trained = [r.request.architecture for r in records if r.request.estimator == "training"]
    assert trained[:FITTING] == way[-FITTING:]
    assert all(params(a) <= limit for a in trained)


def test_where_the_first_that_seems_to_keep_the_latency_does_not_the_next_one_is_trained(oracle: Any) -> None:
    """Latencies are a thousandth of a MAC, as predicted; the first network of the way that fits takes twice that."""
    problem = Problem(SPACE, budget=Budget(evaluations=8), seed=0)
    limit = 0.5e-3 * problem.profile(LARGEST).macs
    problem = Problem(SPACE, Constraints(max_latency_ms=limit), Budget(evaluations=8), seed=0, latency_model=Macs())
    strategy, answers, records = NetAdaptV2(problem), oracle(problem, seed=1), []
    slow: list[Architecture] = []
    answers.latency_ms = lambda a: (2 if a in slow else 1) * 1e-3 * problem.profile(a).macs
    while batch := strategy.ask():
        if batch[0].estimator == "latency_ms" and not slow:
            slow.append(batch[0].architecture)
        found = [answers.answer(r) for r in batch]
        strategy.tell(found)
        records += found
    way = [max(step, key=lambda r: r.value).request.architecture for step in steps_of(records)]
    fitting = [a for a in way if problem.admits(a)]
    assert fitting[0] == slow[0]
    trained = [r.request.architecture for r in records if r.request.estimator == "training"]
    assert trained[: FITTING - 1] == fitting[1:]


class Macs:
    """A model of latencies that is right: a thousandth of a millisecond for each multiply-accumulate."""

    def predict(self, profile: Any) -> float:
        return 1e-3 * profile.macs


@pytest.mark.parametrize("seconds", [0.5, 2.0, 100.0])
def test_under_a_clock_it_comes_to_its_end_with_what_its_share_pays_for(oracle: Any, seconds: float) -> None:
    """A look costs so many seconds: sixteen an iteration would cost more than there is; the last price pays for two."""
    limit = Problem(SPACE).profile(LARGEST).macs // 2
    budget = Budget(minutes=3, workers=2)
    problem = Problem(SPACE, Constraints(max_macs=limit), budget, seed=0)
    strategy, answers, records = NetAdaptV2(problem), oracle(problem, seed=1), []
    while batch := strategy.ask():
        found = [answers.answer(r) for r in batch]
        if batch[0].estimator.startswith("inherited"):
            assert len(batch) < PROPOSALS
            found = [Record(r.request, Estimate.of(r.value, seconds=seconds)) for r in found]
        strategy.tell(found)
        records += found
    spent = seconds * sum(r.request.estimator.startswith("inherited") for r in records)
    share = (1 - SUPERNET_SHARE - TRAINING_SHARE) * budget.search_seconds * budget.workers
    assert spent <= max(share, 2 * seconds)
    trained = [r.request.architecture for r in records if r.request.estimator == "training"]
    drawn = [a for _, a in zip(range(50), problem.stream("random"), strict=False)]
    assert [a in drawn for a in (*trained[:2], *trained[-2:])] == [False, False, True, True]
    assert all(problem.admits(a) for a in trained)


def macs_of(choices: tuple[int, ...]) -> float:
    return float(Problem(SPACE).profile(Architecture("bypass", choices)).macs)


def test_no_proposal_is_larger_in_any_layer() -> None:
    here = (6, 3, 0, 0, 5, 5, 1, 0, 2, 2, 2, 2)
    found = Descent(macs_of).proposed(here, 0.9 * macs_of(here), np.random.default_rng(0))
    assert len(found) == PROPOSALS
    for proposal in found:
        assert all(a <= b for a, b in zip(proposal, here, strict=True))
        assert macs_of(proposal) <= 0.9 * macs_of(here)


@pytest.mark.parametrize("target", [0.0, -1.0])
def test_a_target_that_nothing_meets_ends_the_descent(target: float) -> None:
    assert Descent(macs_of).proposed(LARGEST.choices, target, np.random.default_rng(0)) == []


# The descent alone, on sizes that cost one each ----------------------------------------------------------------------


def descended(descent: Descent, first: tuple[int, ...], goal: float) -> list[tuple[int, ...]]:
    """The way down where a network is as good as its first layer is large."""
    way = descent.run(first, lambda kept: sum(kept[-1]) <= goal, np.random.default_rng(0))
    proposals = next(way)
    while True:
        try:
            proposals = way.send([float(c[0]) for c in proposals])
        except StopIteration as end:
            return end.value


def test_single_layer_descent_proposes_each_layer_once_with_the_whole_step() -> None:
    single = Descent(sum, layers=1, proposals=4, first_step=0.1)
    found = single.proposed((5, 1, 5, 5), 13.0, np.random.default_rng(0))
    assert sorted(found) == [(2, 1, 5, 5), (5, 1, 2, 5), (5, 1, 5, 2)]  # the second layer has too little to give


def test_the_descent_keeps_what_is_best_and_counts_its_steps() -> None:
    """From 40 down by 10 % of it an iteration: 4 at a time, the first layer spared."""
    way = descended(Descent(sum, layers=2, proposals=60, first_step=0.1, decay=1.0), (8, 8, 8, 8, 8), 20)
    assert [c[0] for c in way] == [8] * len(way)
    totals = [sum(c) for c in way]
    assert all(b <= a - 4 for a, b in zip(totals[:-1], totals[1:], strict=True))
    assert totals[-2] > 20 >= totals[-1]


def test_a_failed_proposal_is_not_kept() -> None:
    way = halved()
    first, second = next(way)
    with pytest.raises(StopIteration) as end:
        way.send([None, -5.0])
    assert end.value.value == [(2, 2), second]
    assert first != second


def test_where_nobody_looked_the_first_proposal_is_kept() -> None:
    way = halved()
    first, _ = next(way)
    with pytest.raises(StopIteration) as end:
        way.send([None, None])
    assert end.value.value == [(2, 2), first]


def halved() -> Any:
    """The descent of two layers of two, of which one goes."""
    single = Descent(sum, layers=1, proposals=2, first_step=0.5)
    return single.run((2, 2), lambda kept: sum(kept[-1]) <= 2, np.random.default_rng(0))
