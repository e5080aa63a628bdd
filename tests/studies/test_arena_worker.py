"""What a worker of the arena answers: races as plain data. What a race is, is tested in `test_arena.py`."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from nassay.errors import StudyStoppedError, UserError
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.tables.base import Table
from nassay.estimators.tables.series import Series
from nassay.registry import Entry
from nassay.spaces.base import Architecture, Space
from nassay.spaces.nb201 import NB201
from nassay.strategies import Problem, Record, Request, Strategy
from nassay.strategies.base import Plan, strategies
from nassay.strategies.problem import Budget
from nassay.studies import arena, arena_worker
from nassay.studies.arena_bench import ArenaBench
from nassay.studies.arena_worker import ArenaWorker
from nassay.studies.executors import Worker

FULL, SHORT = Fidelity(epochs=30), Fidelity(epochs=3)
NETWORKS = [Architecture("toy", (i, 0, 0, 0, 0, 0, 0, 0)) for i in range(4)]
JOB = {"table": "tiny", "dataset": "pixels", "scores": None, "strategy": "scripted", "seed": 0, "evaluations": 4}


@pytest.fixture
def opened(tmp_path: Path, toy: Space, toy_table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tables that were opened, in a world that has one table, of 10 and of 100 epochs."""
    columns = {
        "valid_10": [20.0, 25.0, 30.0, 35.0],
        "valid_100": [60.0, 80.0, 70.0, 50.0],
        "test_10": [21.0, 26.0, 31.0, 36.0],
        "test_100": [61.0, 78.0, 79.0, 51.0],
        "seconds": [100.0, 200.0, 300.0, 400.0],
        "params": [1.0, 2.0, 3.0, 4.0],
    }
    series = {
        name: [
            *(
                Series(name, "accuracy", "percent", f"{split}_{epochs}", split, epochs)
                for split in ("valid", "test")
                for epochs in (10, 100)
            ),
            Series(name, "params", "count", "params"),
        ]
        for name in ("pixels", "untimed")
    }
    series["pixels"].append(Series("pixels", "train_seconds", "seconds", "seconds", epochs=100))
    table = toy_table(tmp_path, toy, NETWORKS, columns, series)
    names: list[str] = []

    def open_table(name: str) -> Table:
        names.append(name)
        return table

    monkeypatch.setattr(arena, "open_table", open_table)
    return names


@pytest.fixture
def script(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """script(*batches, finalists=...): what the strategy `scripted` asks for, or does by its problem, and ends with."""

    def write(*batches: Batch, finalists: Sequence[Architecture] = ()) -> None:
        class Scripted(Strategy):
            def plan(self) -> Plan:
                for batch in batches:
                    yield list(batch(self.problem) if callable(batch) else batch)
                return list(finalists)

        assert strategies.names()  # all built-in ones are registered before
        monkeypatch.setitem(strategies._entries, "scripted", Entry("scripted", Scripted, "", {}))

    return write


Batch = Sequence[Request] | Callable[[Problem], Sequence[Request]]


def trainings(*networks: Architecture, fidelity: Fidelity = FULL) -> list[Request]:
    return [Request(a, "training", fidelity) for a in networks]


def without_clock(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "wall_seconds"}


# An answer ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_the_race_in_plain_data(script: Callable[..., None]) -> None:
    """A short training of the first network (a tenth of 100 s), a score that nobody has, and three whole trainings.

    The best by validation is the second network, whose test accuracy is not the best of the table.
    """
    cheap = [Request(NETWORKS[0], "params"), Request(NETWORKS[0], "zen"), Request(NETWORKS[1], "zen")]
    script(trainings(NETWORKS[0], fidelity=SHORT), cheap, trainings(*NETWORKS[:2]), finalists=[NETWORKS[2]])
    answer = ArenaWorker().answer(JOB)
    assert answer["wall_seconds"] > 0
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["spent"] == pytest.approx([0.1, 1.1, 2.1, 3.1])
    assert answer["seconds"] == pytest.approx([10, 110, 310, 610])
    assert {key: answer[key] for key in ("valid", "test", "asked", "unanswered", "trained", "finalists")} == {
        "valid": [20.0, 60.0, 80.0, 70.0],
        "test": [61.0, 61.0, 78.0, 78.0],
        "asked": {"params": 1, "zen": 2},
        "unanswered": {"zen": 2},
        "trained": ["toy:00000000", "toy:00000000", "toy:10000000", "toy:20000000"],
        "finalists": ["toy:20000000"],
    }


def test_without_training_times_there_are_no_seconds(script: Callable[..., None]) -> None:
    script(trainings(NETWORKS[3]))
    answer = ArenaWorker().answer(JOB | {"dataset": "untimed"})
    assert (answer["seconds"], answer["test"], answer["finalists"]) == (None, [51.0], [])


def test_what_a_race_asks_for_in_vain_is_a_reason(script: Callable[..., None]) -> None:
    script(trainings(NETWORKS[0]), [Request(NETWORKS[0], "latency_ms")])
    answer = ArenaWorker().answer(JOB)
    assert list(answer) == ["reason"]
    assert "scripted cannot race: it asks for latency_ms" in answer["reason"]


@pytest.mark.parametrize("changes", [{"strategy": "evolutio"}, {"strategy": "random", "evaluations": 3}])
def test_a_race_that_cannot_be_begun_has_a_reason(opened: list[str], changes: dict[str, Any]) -> None:
    answer = ArenaWorker().answer(JOB | changes)
    assert list(answer) == ["reason"]
    assert {"evolutio": "Did you mean evolution", "random": "at least 4 evaluations, found 3"}[changes["strategy"]] in (
        answer["reason"]
    )


@pytest.mark.parametrize(
    "batches",
    [[], [trainings(Architecture("toy", (3,) * 8))], [trainings(NETWORKS[0], fidelity=Fidelity(1, None, 0.5))]],
)
def test_a_strategy_that_trains_nothing_is_a_reason(script: Callable[..., None], batches: list[list[Request]]) -> None:
    script(*batches)
    assert ArenaWorker().answer(JOB) == {"reason": "The strategy scripted could train nothing here."}


def test_seed_and_budget_are_those_of_the_job(script: Callable[..., None]) -> None:
    """The strategy begins with the network of its seed; its budget allows four of the five trainings."""
    asked: list[Problem] = []

    def by_seed(problem: Problem) -> list[Request]:
        asked.append(problem)
        return trainings(*NETWORKS[problem.seed :], *NETWORKS[: problem.seed])

    script(by_seed, trainings(NETWORKS[0], fidelity=SHORT))
    answer = ArenaWorker().answer(JOB | {"seed": 2})
    assert [(problem.seed, problem.budget.evaluations) for problem in asked] == [(2, 4)]
    assert answer["valid"] == [70.0, 50.0, 60.0, 80.0]
    assert answer["spent"] == [1.0, 2.0, 3.0, 4.0]
    assert len(ArenaWorker().answer(JOB | {"evaluations": 5})["spent"]) == 5


# What is kept between jobs -----------------------------------------------------------------------------------------


def test_the_last_arena_is_kept_and_only_that(script: Callable[..., None], opened: list[str]) -> None:
    script(trainings(NETWORKS[0]))
    worker = ArenaWorker()
    for _ in range(3):
        worker.answer(JOB)
    assert opened == ["tiny"]
    worker.answer(JOB | {"dataset": "untimed"})
    worker.answer(JOB)
    assert opened == ["tiny"] * 3


def test_a_race_leaves_nothing_to_the_next(script: Callable[..., None]) -> None:
    """The same trainings are paid for again."""
    script(trainings(*NETWORKS[:3]))
    worker = ArenaWorker()
    first, second = (without_clock(worker.answer(JOB)) for _ in range(2))
    assert first == second
    assert second["spent"] == [1.0, 2.0, 3.0]


def test_scores_that_are_not_there_are_no_strategy_s_fault(script: Callable[..., None], tmp_path: Path) -> None:
    script(trainings(NETWORKS[0]))
    worker = ArenaWorker()
    for _ in range(2):  # the arena that failed is not kept
        with pytest.raises(UserError, match="holds no finished benchmark of proxies"):
            worker.answer(JOB | {"scores": str(tmp_path / "nowhere")})
    assert worker.answer(JOB)["trained"] == ["toy:00000000"]


# The process -------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A NASSAY_DATA whose NAS-Bench-201 has the cells that random search with seed 7 asks for, the best last."""
    problem = Problem(NB201((3, 32, 32), 10), None, Budget(evaluations=4), seed=7, replay=True)
    search, texts = strategies["random"].target(problem), []
    while len(texts) < 4:
        batch = search.ask()
        texts += [problem.space.to_string(request.architecture) for request in batch]
        search.tell([Record(request, Estimate.of(0.5)) for request in batch])
    folder = tmp_path / "data" / "tables"
    folder.mkdir(parents=True)
    columns = {"arch_str": texts, "cifar10_test_acc_200": [60.0 + i for i in range(len(texts))]}
    parquet.write_table(pyarrow.table(columns), folder / "nasbench201.parquet")
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path / "data"))
    return texts


def test_a_process_races_as_is_raced_here(drawn: list[str], tmp_path: Path) -> None:
    job = JOB | {"table": "nasbench201", "dataset": "cifar10", "strategy": "random", "seed": 7}
    expected = without_clock(ArenaWorker().answer(job))
    assert expected["trained"] == drawn
    assert expected["test"] == [60.0, 61.0, 62.0, 63.0]
    with closing(Worker(tmp_path, 1, "cpu", ArenaBench.program)) as worker:
        assert without_clock(worker.do(job)) == expected
        with pytest.raises(StudyStoppedError, match=r"UserError: There is no table called 'nasbench21'"):
            worker.do(job | {"table": "nasbench21"})
        assert "Did you mean random" in worker.do(job | {"strategy": "rando"})["reason"]


def test_threads_are_handed_on_and_every_process_has_its_own_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr(arena_worker, "serve", lambda *arguments: served.append(arguments))
    arena_worker.main("5")
    ((threads, made),) = served
    one, other = made(), made()
    assert threads == "5"
    assert isinstance(one.__self__, ArenaWorker)
    assert one.__self__ is not other.__self__
