"""The worker process of a study of reduced settings; what the study makes of it is tested in `test_fidelity_gap.py`."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from nassay.errors import StudyStoppedError
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.training import Training
from nassay.spaces.base import Architecture
from nassay.studies import fidelity_process
from nassay.studies.executors import Worker
from nassay.studies.fidelity_gap import PROGRAM
from nassay.studies.fidelity_process import FidelityBench
from nassay.studies.gap_folder import SETTINGS
from nassay.studies.plan import save_task
from nassay.studies.worker import Bench, answer
from nassay.tasks.base import Task

NETWORK = Architecture("resnet", (0,) * 17)
ONE = Fidelity(epochs=1)


@pytest.fixture
def settings(task: Task) -> dict[str, Any]:
    return {"study": "fidelity", "task": task.name, "seed": 0}


@pytest.fixture
def bench(task: Task, settings: dict[str, Any], tmp_path: Path) -> FidelityBench:
    save_task(tmp_path, task)
    return FidelityBench(tmp_path, settings)


def train(bench: Bench, fidelity: Fidelity, network: Architecture = NETWORK) -> Estimate:
    return bench.train(network.space, list(network.choices), fidelity)


def job_of(fidelity: Fidelity) -> dict[str, Any]:
    return {
        "kind": "training",
        "space": NETWORK.space,
        "choices": list(NETWORK.choices),
        "fidelity": asdict(fidelity),
    }


def checkpoints(folder: Path) -> list[str]:
    return [path.name for path in (folder / "checkpoints").glob("*")]


# Trainings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", [ONE, Fidelity(epochs=1, channels=0.5, samples=0.5, final=True)], ids=str)
def test_a_setting_is_trained_as_a_search_trains_it(
    bench: FidelityBench, settings: dict[str, Any], tmp_path: Path, fidelity: Fidelity
) -> None:
    """Only the price is told besides, and nothing is left."""
    found, expected = train(bench, fidelity), train(Bench(tmp_path, settings), fidelity)
    assert found.value == expected.value
    assert set(found.details) - set(expected.details) == {"cpu_seconds"}
    assert [p["train_loss"] for p in found.details["curve"]] == [p["train_loss"] for p in expected.details["curve"]]
    assert checkpoints(tmp_path) == [Bench.checkpoint(bench, NETWORK, fidelity).name]  # the other's


def test_every_setting_of_every_network_has_its_own_checkpoint(bench: FidelityBench) -> None:
    """A search goes on from bound to bound; here every bound is paid for alone."""
    settings = [
        ONE,
        Fidelity(epochs=2),
        Fidelity(epochs=1, final=True),
        Fidelity(epochs=1, samples=0.5),
        Fidelity(epochs=1, resolution=0.5),
        Fidelity(epochs=1, channels=0.5),
        Fidelity(seconds=1),
    ]
    networks = [NETWORK, Architecture("resnet", (1,) + (0,) * 16), Architecture("other", (0,) * 17)]
    paths = {bench.checkpoint(network, fidelity) for network in networks for fidelity in settings}
    assert len(paths) == len(settings) * len(networks)
    assert bench.checkpoint(Architecture("resnet", (0,) * 17), Fidelity(epochs=1)) in paths
    assert {path.parent for path in paths} == {bench.folder / "checkpoints"}


def test_what_a_killed_process_left_is_begun_again_and_says_the_same(bench: FidelityBench, tmp_path: Path) -> None:
    """First half a file, then a checkpoint on the way: neither is read."""
    whole = train(bench, ONE)
    left = bench.checkpoint(NETWORK, ONE)
    left.write_bytes(b"half of it")
    assert train(bench, ONE).value == whole.value
    Bench.train(bench, NETWORK.space, list(NETWORK.choices), ONE)
    assert left.exists()
    again = train(bench, ONE)
    assert (again.value, again.details["epochs"]) == (whole.value, 1)
    assert again.details["cpu_seconds"] > 0
    assert checkpoints(tmp_path) == []


def test_the_price_is_computing_time(bench: FidelityBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.5 s of this process, whatever the clock on the wall says."""
    seconds = iter([10.0, 12.5])
    monkeypatch.setattr(fidelity_process.time, "process_time", lambda: next(seconds))
    monkeypatch.setattr(Bench, "train", lambda *job: Estimate.of(0.5, seconds=99.0, epochs=1))
    found = train(bench, ONE)
    assert (found.value, found.seconds, dict(found.details)) == (0.5, 99.0, {"epochs": 1, "cpu_seconds": 2.5})


def test_a_training_that_diverges_has_a_reason_a_price_and_no_checkpoint(
    bench: FidelityBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backward = Training._backward

    def diverging(self: Training, *batch: Any) -> Any:
        return backward(self, *batch) * float("nan")

    monkeypatch.setattr(Training, "_backward", diverging)
    found = train(bench, ONE)
    assert found.value is None
    assert found.reason
    assert found.details["cpu_seconds"] >= 0
    assert checkpoints(tmp_path) == []


def test_random_state_is_left_as_it_was(bench: FidelityBench) -> None:
    before = torch.random.get_rng_state()
    train(bench, ONE)
    assert torch.equal(torch.random.get_rng_state(), before)


# The process -------------------------------------------------------------------------------------------------------


def test_a_process_trains_as_is_trained_here_once_there_is_a_folder(
    task: Task, settings: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    with closing(Worker(tmp_path / "run", 1, "cpu", PROGRAM)) as worker:
        with pytest.raises(StudyStoppedError, match=r"FileNotFoundError: .*gap\.json"):
            worker.do(job_of(ONE))
        save_task(tmp_path / "run", task)
        (tmp_path / "run" / SETTINGS).write_text(json.dumps(settings))
        found = worker.do(job_of(ONE))
        wrong = worker.do(job_of(ONE) | {"choices": [99]})
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the process: the order of sums depends on it
    try:
        expected = answer(FidelityBench(tmp_path / "run", settings), job_of(ONE))
    finally:
        torch.set_num_threads(before)
    assert found["value"] == expected["value"]
    assert found["details"].keys() == expected["details"].keys()
    assert found["details"]["cpu_seconds"] > 0
    assert "is not a point of 'resnet'" in wrong["reason"]
    assert checkpoints(tmp_path / "run") == []
