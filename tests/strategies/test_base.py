"""The ask/tell protocol and what all strategies share."""

from typing import Any

import pytest

from nassay.estimators.base import Estimate, Fidelity
from nassay.spaces.base import Architecture, Space
from nassay.strategies import Budget, Constraints, Problem, Record, Request, Strategy
from nassay.strategies.base import Plan, ranked

A, B, C = (Architecture("toy", (i,) * 8) for i in (0, 1, 2))


def record(architecture: Architecture, value: float | None) -> Record:
    estimate = Estimate.failed("no") if value is None else Estimate.of(value)
    return Record(Request(architecture, "training", Fidelity(epochs=1)), estimate)


def test_ranked_puts_the_best_first_and_failures_last_in_their_order() -> None:
    records = [record(A, None), record(B, 0.2), record(C, None), record(A, 0.9), record(C, 0.2), record(B, -1.0)]
    assert [records.index(r) for r in ranked(records)] == [3, 1, 4, 5, 0, 2]


class Scripted(Strategy):
    """Asks for what the script says, with empty batches in between."""

    phases = ("one", "two")

    def plan(self) -> Plan:
        self.heard = [(yield [])]
        self.heard.append((yield [Request(A, "x"), Request(B, "x")]))
        self.phase = "two"
        self.heard.append((yield []))
        self.heard.append((yield [Request(C, "x")]))
        return [B, C]


def test_a_plan_is_told_its_own_records_and_empty_batches_are_skipped(toy: Space, oracle: Any) -> None:
    strategy = Scripted(Problem(toy))
    answers = oracle(strategy.problem)
    assert strategy.finalists is None
    assert [r.architecture for r in strategy.ask()] == [A, B]
    assert strategy.phase == "one"
    records = answers.drive(strategy)
    assert strategy.heard == [[], records[:2], [], records[2:]]
    assert strategy.phase == "two"
    assert strategy.finalists == [B, C]
    assert strategy.ask() == []


class Measuring(Strategy):
    """Returns the first two of all candidates that keep the latency limit."""

    candidates: tuple[Architecture, ...] = ()

    def plan(self) -> Plan:
        return (yield from self.best_measured(self.candidates, 2))


def latency_requests(strategy: Strategy, oracle: Any) -> list[Architecture]:
    return [r.request.architecture for r in oracle.drive(strategy) if r.request.estimator == "latency_ms"]


def test_without_a_latency_limit_nothing_is_measured(toy: Space, oracle: Any) -> None:
    strategy = Measuring(Problem(toy))
    strategy.candidates = (C, A, B)
    assert latency_requests(strategy, oracle(strategy.problem)) == []
    assert strategy.finalists == [C, A]
    assert strategy.problem.latency_model is None


def test_measuring_goes_on_until_enough_candidates_keep_the_limit(toy: Space, oracle: Any) -> None:
    """The largest, D, breaks the limit as measured: A and B, then C and D are asked for, then nobody."""
    problem = Problem(toy, Constraints(max_latency_ms=1.0))
    strategy, answers = Measuring(problem), oracle(problem)
    huge = [Architecture("toy", (3,) * 7 + (i,)) for i in range(4)]
    assert min(answers.latency_ms(a) for a in huge) > 1.0 > max(answers.latency_ms(a) for a in (A, B))
    strategy.candidates = (huge[0], A, huge[1], huge[2], B, huge[3], C)
    batch = strategy.ask()  # for the latency model
    strategy.tell([answers.answer(r) for r in batch])
    assert problem.latency_model is not None
    assert latency_requests(strategy, answers) == [huge[0], A, huge[1], huge[2], B, huge[3]]
    assert strategy.finalists == [A, B]


def test_the_latency_model_is_fitted_on_the_smallest_network_and_random_ones(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, Constraints(max_latency_ms=1.0))
    strategy = Measuring(problem)
    asked = latency_requests(strategy, oracle(problem))
    assert asked[0] == toy.smallest()
    assert len(set(asked)) == len(asked) >= 8
    assert problem.latency_model is not None
    assert problem.latency_model.error.n == len(asked)
    assert strategy.finalists == []


@pytest.mark.parametrize("successes", [7, 8])
def test_too_few_measurements_give_no_latency_model(toy: Space, oracle: Any, successes: int) -> None:
    problem = Problem(toy, Constraints(max_latency_ms=1.0), Budget(evaluations=4))
    strategy = Measuring(problem)
    asked = [r.architecture for r in strategy.ask()]
    oracle(problem, fails=lambda request: asked.index(request.architecture) >= successes).drive(strategy)
    assert (problem.latency_model is not None) == (successes == 8)
