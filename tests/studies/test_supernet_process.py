"""The worker process of a study of super-networks; resumed trainings are tested in `test_supernet_gap.py`, too."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from nassay.errors import StudyStoppedError
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.training import Training
from nassay.studies import supernet_process
from nassay.studies.executors import Worker
from nassay.studies.gap_folder import SETTINGS
from nassay.studies.plan import save_task
from nassay.studies.supernet_gap import PROGRAM
from nassay.studies.supernet_process import WINDOW_ITEMS, SupernetBench, answer
from nassay.tasks.base import Task

NETWORKS = [[0, 0, 0], [1, 2, 3], [3, 3, 3]]
SHARED = Fidelity(epochs=4, horizon=4.6)
ALONE = Fidelity(epochs=1, final=True)


@pytest.fixture
def settings(task: Task) -> dict[str, Any]:
    return {"study": "supernet", "task": task.name, "seed": 0, "window": 2, "architectures": NETWORKS}


@pytest.fixture
def bench(task: Task, settings: dict[str, Any], tmp_path: Path) -> SupernetBench:
    save_task(tmp_path, task)
    return SupernetBench(tmp_path, settings)


def job_of(kind: str, rule: str, fidelity: Fidelity) -> dict[str, Any]:
    return {"kind": kind, "rule": rule, "space": "cell64", "choices": NETWORKS[1], "fidelity": asdict(fidelity)}


def left(bench: SupernetBench) -> set[str]:
    return {path.suffix for path in (bench.folder / "checkpoints").glob("*")}


class Scripted:
    """Stands in for a super-network's training: it counts its steps and epochs, and every look is written down.

    A sub-network inherits 0.1 for each epoch that was trained, 0.01 for each step behind it, and its last choice
    thousandths; half of it as it is.
    """

    def __init__(self, seed: int, checkpoint: Path, fails_at: float | None = None, **more: Any) -> None:
        self.seed, self.checkpoint, self.fails_at, self.more = seed, checkpoint, fails_at, more
        self.bounds: list[Fidelity] = []
        self.looks: list[dict[str, Any]] = []
        self.epochs, self.steps = 0.0, 0

    def run(self, bound: Fidelity) -> Estimate:
        assert bound.epochs is not None
        self.bounds.append(bound)
        self.epochs = bound.epochs
        if self.fails_at is not None and bound.epochs >= self.fails_at:
            return Estimate.failed("the loss became nan", epochs=bound.epochs)
        return Estimate.of(0.2 * bound.epochs, epochs=bound.epochs, **self.more)

    def inherit(self, choices: tuple[int, ...], **options: Any) -> Estimate:
        self.looks.append(options)
        value = 0.1 * self.epochs + 0.01 * self.steps + 0.001 * choices[-1] + 1e-9
        return Estimate.of(value / 2 if options.get("recalibrate") is False else value)

    def _step(self, final_progress: float | None) -> None:
        assert final_progress is None
        torch.rand(1)
        self.steps += 1


Script = Callable[..., list[Scripted]]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """script(fails_at=..., discretised=...): trainings are scripted from now on; all that are made."""

    def write(**options: Any) -> list[Scripted]:
        made: list[Scripted] = []

        def super_training(method: str, network: Any, task: Task, *, seed: int, **settings: Any) -> Scripted:
            assert method == "spos"
            assert settings["end"] == SHARED.epochs
            made.append(Scripted(seed, settings["checkpoint"], **options))
            settings["checkpoint"].parent.mkdir(exist_ok=True)
            settings["checkpoint"].touch()
            return made[-1]

        monkeypatch.setattr(supernet_process, "super_training", super_training)
        return made

    return write


# A super-network -----------------------------------------------------------------------------------------------------


def test_a_super_network_is_trained_in_quarters_and_looked_at_after_each(bench: SupernetBench, script: Script) -> None:
    """Four epochs: 0.1 for each, and thousandths for the last choice; two steps of 0.01 behind the end."""
    made = script()
    found = bench.inherited("cell64", SHARED, "spos", 5)
    (training,) = made
    assert training.seed == 5
    assert [bound.epochs for bound in training.bounds] == [1, 2, 3, 4]
    assert {bound.horizon for bound in training.bounds} == {4.6}
    assert found.value == 0.8
    assert found.details == {
        "inherited": [0.4, 0.403, 0.403],
        "plain": [0.2, 0.2015, 0.2015],
        "epochs": {
            "0.25": [0.1, 0.103, 0.103],
            "0.5": [0.2, 0.203, 0.203],
            "0.75": [0.3, 0.303, 0.303],
            "1": [0.4, 0.403, 0.403],
        },
        "update_counts": None,
        "mixture": None,
        "discretised": None,
        "window": [[0.41, 0.413, 0.413], [0.42, 0.423, 0.423]],
    }
    assert left(bench) == set()


def test_a_look_between_steps_is_at_the_weights_of_that_step(bench: SupernetBench, script: Script) -> None:
    made = script()
    bench.inherited("cell64", SHARED, "spos", 0)
    looks = made[0].looks
    assert looks[: 4 * len(NETWORKS)] == [{}] * 12
    assert looks[12:15] == [{"recalibrate": False}] * 3
    assert looks[15:] == [{"items": WINDOW_ITEMS, "averaged": False}] * 6


def test_without_a_window_there_are_no_more_steps(
    task: Task, settings: dict[str, Any], tmp_path: Path, script: Script
) -> None:
    save_task(tmp_path, task)
    made = script()
    found = SupernetBench(tmp_path, settings | {"window": 0}).inherited("cell64", SHARED, "spos", 0)
    assert (found.details["window"], made[0].steps) == ([], 0)


def test_what_was_seen_before_the_process_was_killed_is_not_looked_at_again(
    bench: SupernetBench, script: Script
) -> None:
    """Half of the training was seen, and a file beside it was half written."""
    seen = bench._path(f"cell64 {SHARED} spos 0").with_suffix(".json")
    seen.parent.mkdir()
    seen.write_text(json.dumps({"0.25": [0.7, 0.7, 0.7], "0.5": [0.8, 0.8, 0.8]}))
    seen.with_name(seen.name + ".partial").write_text('{"0.25": [0.7, 0.7, 0.7], "0.5": [0.8, 0.8, 0.8], "0.75')
    made = script()
    details = bench.inherited("cell64", SHARED, "spos", 0).details
    assert [bound.epochs for bound in made[0].bounds] == [3, 4]
    assert details["epochs"] == {
        "0.25": [0.7] * 3,
        "0.5": [0.8] * 3,
        "0.75": [0.3, 0.303, 0.303],
        "1": [0.4, 0.403, 0.403],
    }
    assert left(bench) == set()


def test_a_super_network_that_diverges_has_a_reason_and_leaves_nothing(bench: SupernetBench, script: Script) -> None:
    made = script(fails_at=3)
    found = answer(bench, job_of("supernet", "spos@0", SHARED))
    assert (found["value"], found["reason"]) == (None, "the loss became nan")
    assert [bound.epochs for bound in made[0].bounds] == [1, 2, 3]
    assert left(bench) == set()


def test_an_error_in_a_training_is_an_answer_with_a_reason(
    bench: SupernetBench, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker lives on: the next job does not pay for it."""
    script()

    def raises(*_: Any, **__: Any) -> None:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(Scripted, "inherit", raises)
    monkeypatch.setattr(Training, "run", raises)
    for job in (job_of("supernet", "spos@0", SHARED), job_of("alone", "0", ALONE)):
        found = answer(bench, job)
        assert (found["value"], found["reason"]) == (None, "training raised RuntimeError: not enough memory")


def test_seeds_methods_and_bounds_have_their_own_files(bench: SupernetBench, script: Script) -> None:
    made = script()
    for seed in (0, 1, 0):
        bench.inherited("cell64", SHARED, "spos", seed)
    bench.inherited("cell64", Fidelity(epochs=4), "spos", 0)
    assert [training.seed for training in made] == [0, 1, 0, 0]
    paths = [training.checkpoint for training in made]
    assert (paths[0] == paths[2], len(set(paths))) == (True, 3)


def test_a_mixture_is_told_where_a_method_has_one(bench: SupernetBench, script: Script) -> None:
    """The super-network's own value at its end, beside that of the architecture that was made of it."""
    script(discretised=0.7)
    details = bench.inherited("cell64", SHARED, "spos", 0).details
    assert (details["mixture"], details["discretised"]) == (0.8, 0.7)


def test_a_space_without_super_network_is_refused(bench: SupernetBench) -> None:
    found = answer(bench, job_of("supernet", "spos@0", SHARED) | {"space": "nb101"})
    assert "UserError: The space 'nb101' has no super-network" in found["reason"]


# A network alone -----------------------------------------------------------------------------------------------------


def weights_of(bench: SupernetBench, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[int], int], torch.Tensor]:
    """The first weights of a network, before it is trained."""
    made: list[torch.Tensor] = []

    def run(training: Training, bound: Fidelity) -> Estimate:
        made.append(next(training.network.parameters()).detach().clone())
        return Estimate.of(0.5, epochs=bound.epochs, curve=["long"])

    monkeypatch.setattr(Training, "run", run)

    def of(choices: list[int], seed: int) -> torch.Tensor:
        torch.rand(3)  # what else was drawn does not matter
        assert bench.alone("cell64", choices, ALONE, seed).details == {"epochs": 1}
        return made[-1]

    return of


def test_weights_depend_on_seed_and_architecture_alone(bench: SupernetBench, monkeypatch: pytest.MonkeyPatch) -> None:
    of = weights_of(bench, monkeypatch)
    first = of(NETWORKS[1], 0)
    assert torch.equal(first, of(NETWORKS[1], 0))
    assert not torch.equal(first, of(NETWORKS[1], 1))
    assert not torch.equal(first, of(NETWORKS[2], 0))


def test_a_network_alone_goes_on_from_its_checkpoint_and_leaves_none(
    bench: SupernetBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process has trained that was killed before its answer is not trained again."""
    job, run = job_of("alone", "4", ALONE), Training.run

    def killed(training: Training, bound: Fidelity) -> Estimate:
        run(training, bound)
        raise KeyboardInterrupt

    whole = answer(bench, job)
    assert left(bench) == set()
    monkeypatch.setattr(Training, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        answer(bench, job)
    assert left(bench) == {".pt"}
    monkeypatch.setattr(Training, "run", run)
    monkeypatch.setattr(Training, "_step", lambda *arguments: pytest.fail("it is trained again"))
    again = answer(bench, job)
    assert (again["value"], again["details"]) == (whole["value"], whole["details"])
    assert left(bench) == set()


def test_random_state_is_left_as_it_was(bench: SupernetBench, script: Script) -> None:
    """The steps behind the end draw numbers, too."""
    script()
    before = torch.random.get_rng_state()
    bench.inherited("cell64", SHARED, "spos", 0)
    assert torch.equal(torch.random.get_rng_state(), before)


# The process -------------------------------------------------------------------------------------------------------


def test_a_process_answers_what_is_answered_here_once_there_is_a_folder(
    task: Task, settings: dict[str, Any], tmp_path: Path
) -> None:
    jobs = [job_of("alone", "1", ALONE), job_of("supernet", "spos@2", Fidelity(epochs=1, horizon=1.15))]
    with closing(Worker(tmp_path, 1, "cpu", PROGRAM)) as worker:
        with pytest.raises(StudyStoppedError, match=r"FileNotFoundError: .*gap\.json"):
            worker.do(jobs[0])
        save_task(tmp_path, task)
        (tmp_path / SETTINGS).write_text(json.dumps(settings))
        found = [worker.do(job) for job in jobs]
        assert "no super-network" in worker.do(jobs[1] | {"space": "nb101"})["reason"]
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the process: the order of sums depends on it
    try:
        expected = [answer(SupernetBench(tmp_path, settings), job) for job in jobs]
    finally:
        torch.set_num_threads(before)
    counts = found[1]["details"]["update_counts"]
    assert len({sum(row) for row in counts}) == 1  # every step has one path
    assert [(a["value"], a["details"]) for a in found] == [(a["value"], a["details"]) for a in expected]
