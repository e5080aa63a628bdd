"""PNAS: the steps of growth, the beam, what the surrogate decides, limits, and the paper's bookkeeping."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.spaces.base import Architecture, Space
from nassay.spaces.nb_macro import NBMacro
from nassay.spaces.pnas import PNASSpace
from nassay.strategies import Budget, Constraints, Problem, Record, Request, strategies
from nassay.strategies import pnas as module
from nassay.strategies.pnas import PNAS, with_surrogate


class KnowsAll:
    """Stands in for the surrogate: predicts the sum of the tokens, and notes what it was fitted to."""

    fitted: list[int] = []

    def __init__(self, kind: str, vocabulary: int, seed: int) -> None:
        self.kind = kind

    def fit(self, sentences: Sequence[Any], values: Sequence[float]) -> "KnowsAll":
        assert len(sentences) == len(values)
        self.fitted.append(len(values))
        return self

    def predict(self, sentences: Sequence[Any]) -> np.ndarray:
        return np.array([float(sum(map(sum, s))) for s in sentences])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnowsAll, "fitted", [])
    monkeypatch.setattr(module, "SequenceEnsemble", KnowsAll)


class Paper(PNAS):
    random_share = 0.0


def drive(strategy: PNAS, value: Callable[[Architecture], float | None]) -> list[list[Architecture]]:
    """The trained architectures, batch by batch."""
    batches = []
    while requests := strategy.ask():
        batches.append([r.architecture for r in requests])
        strategy.tell([answered(r, value) for r in requests])
    return batches


def answered(request: Request, value: Callable[[Architecture], float | None]) -> Record:
    found = value(request.architecture)
    return Record(request, Estimate.failed("no") if found is None else Estimate.of(found))


def total(architecture: Architecture) -> float:
    return float(sum(architecture.choices))


def blocks(architecture: Architecture) -> int:
    return architecture.choices[0] + 1


def test_1160_trainings_are_136_and_four_times_256(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's numbers, in a space of five blocks; few children of each, so that the test is quick."""
    monkeypatch.setattr(module, "MOST_CHILDREN", 136)
    grown = PNASSpace.grown
    monkeypatch.setattr(PNASSpace, "grown", lambda self, a, *rest: grown(self, a, *rest[:-1], 136 if a is None else 3))
    strategy = Paper(Problem(PNASSpace((3, 8, 8), 10), budget=Budget(evaluations=1160), replay=True))
    batches = drive(strategy, lambda a: float(np.random.default_rng(a.choices).random()))
    assert [len(b) for b in batches] == [136, 256, 256, 256, 256]
    assert [{blocks(a) for a in b} for b in batches] == [{1}, {2}, {3}, {4}, {5}]
    assert KnowsAll.fitted == [136, 392, 648, 904]


def test_children_grow_from_the_trained_of_the_step_before() -> None:
    space = PNASSpace((3, 8, 8), 10, blocks=3)
    batches = drive(Paper(Problem(space, budget=Budget(evaluations=12), replay=True)), total)
    assert [len(b) for b in batches] == [4, 4, 4]
    for parents, children in zip(batches[:-1], batches[1:], strict=True):
        for child in children:
            assert any(child in space.grown(p, 0, 3, np.random.default_rng(0), 10**6) for p in parents)


def test_the_surrogate_chooses_among_all_children() -> None:
    """Choices of `nb_macro` one after another: the best by the stand-in has the largest options."""
    space = NBMacro()
    strategy = Paper(Problem(space, budget=Budget(evaluations=32), replay=True))
    batches = drive(strategy, total)
    assert batches[0] == [Architecture("nb_macro", (c, *(0,) * 7)) for c in range(3)]
    assert batches[-1][0] == Architecture("nb_macro", (2,) * 8)
    assert strategy.finalists is not None
    assert strategy.finalists[0] == Architecture("nb_macro", (2,) * 8)


def test_a_parent_that_a_choice_leaves_as_it_is_stays_in_the_beam() -> None:
    """The more layers the worse: the best child of each step is the parent itself, which is never trained again."""
    batches = drive(Paper(Problem(NBMacro(), budget=Budget(evaluations=64), replay=True)), lambda a: -total(a))
    trained = [a for b in batches for a in b]
    assert len(set(trained)) == len(trained)
    assert Architecture("nb_macro", (0, 1, 0, 0, 0, 0, 0, 0)) in batches[1]
    assert any(a.choices[:3] == (0, 0, 0) and a.choices[5] for b in batches for a in b)


def test_a_tenth_are_random_and_come_first(toy: Space) -> None:
    problem = Problem(toy, budget=Budget(evaluations=40))
    strategy = PNAS(problem)
    first, *steps = drive(strategy, total)
    stream = problem.stream("random")
    assert first == [next(stream) for _ in range(4)]
    assert strategy.random_baseline == max(first, key=total)
    assert len(steps) == 8
    assert sum(map(len, steps)) == 36


@pytest.mark.parametrize(("evaluations", "steps"), [(4, 1), (8, 1), (16, 3), (34, 7), (100, 8)])
def test_few_trainings_make_few_steps(toy: Space, evaluations: int, steps: int) -> None:
    """At least four trainings a step, and at most a step a choice; two random draws, or a tenth."""
    batches = drive(PNAS(Problem(toy, budget=Budget(evaluations=evaluations))), total)
    assert len(batches) == 1 + steps
    assert sum(map(len, batches)) <= evaluations


def test_without_any_value_the_choice_is_random(toy: Space) -> None:
    strategy = PNAS(Problem(toy, budget=Budget(evaluations=24)))
    batches = drive(strategy, lambda a: None)
    assert KnowsAll.fitted == []
    assert sum(map(len, batches)) > 20
    assert strategy.finalists == []


def test_limits_are_kept_by_taking_the_next_best(toy: Space) -> None:
    problem = Problem(toy, Constraints(max_params=60), Budget(evaluations=24))
    batches = drive(PNAS(problem), total)
    assert all(problem.admits(a) for b in batches for a in b)
    assert sum(map(len, batches)) == 24


def test_where_the_best_break_the_limits_others_fill_up(toy: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of 3 to 8, of which the best four are looked at first, and at most 4 is admitted."""
    monkeypatch.setattr(module, "INSPECTED", 2)
    problem = Problem(toy)
    monkeypatch.setattr(problem, "admits", lambda a: total(a) <= 4)
    candidates = [Architecture("toy", (1,) * n + (0,) * (8 - n)) for n in range(3, 9)]
    known = [answered(Request(Architecture("toy", (0,) * 8), "training"), total)]
    assert {total(a) for a in PNAS(problem)._chosen(candidates, 2, known)} == {3, 4}
    monkeypatch.setattr(problem, "admits", lambda a: True)
    assert [total(a) for a in PNAS(problem)._chosen(candidates, 2, known)] == [8, 7]


def test_what_the_last_step_leaves_is_drawn_at_random(toy: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single child a step; the shares are 12 / 3, 11 / 2 and 10 / 1."""
    monkeypatch.setattr(type(toy), "grown", lambda self, a, step, *rest: [Architecture("toy", (step + 1, *(0,) * 7))])
    problem = Problem(toy, budget=Budget(evaluations=12))
    batches = drive(Paper(problem), total)
    assert [len(b) for b in batches] == [1, 1, 10]
    stream = problem.stream("random")
    assert batches[2] == [Architecture("toy", (3, *(0,) * 7)), *(next(stream) for _ in range(9))]


def test_of_1160_trainings_a_tenth_is_random_and_four_steps_share_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """116 at random; then 136, but for those of one block among the 116, and four times (1,160 - 116 - 136) / 4."""
    monkeypatch.setattr(module, "MOST_CHILDREN", 136)
    grown = PNASSpace.grown
    monkeypatch.setattr(PNASSpace, "grown", lambda self, a, *rest: grown(self, a, *rest[:-1], 136 if a is None else 3))
    strategy = PNAS(Problem(PNASSpace((3, 8, 8), 10), budget=Budget(evaluations=1160), replay=True))
    first, ones, *others = [len(b) for b in drive(strategy, lambda a: float(np.random.default_rng(a.choices).random()))]
    assert (first, first + ones + sum(others)) == (116, 1160)
    assert 126 < ones <= 136
    assert others == pytest.approx([227] * 4, abs=3)


def test_surrogates_by_name(toy: Space) -> None:
    lstm = strategies["pnas:lstm"].target(Problem(toy))
    assert isinstance(lstm, PNAS)
    assert lstm.surrogate == "lstm"
    assert PNAS.surrogate == "mlp"
    with pytest.raises(UserError, match="surrogate of PNAS"):
        with_surrogate("ridge")


@pytest.mark.parametrize("kind", ["mlp", "lstm"])
def test_the_real_surrogates_find_better_ones(toy: Space, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("nassay.estimators.predictors.sequence.WIDTH", 12)
    strategy = with_surrogate(kind)(Problem(toy, budget=Budget(evaluations=20)))
    first, *_, last = drive(strategy, total)
    assert np.mean([total(a) for a in last]) > np.mean([total(a) for a in first]) + 3
