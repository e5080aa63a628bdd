import json

import numpy as np
import onnxruntime
import pytest
import torch

from nassay.spaces.base import spaces
from nassay.studies.ledger import Ledger
from nassay.tasks.classification import Classification

NETWORK = (
    "architecture",
    "test_accuracy",
    "validation_accuracy",
    "params",
    "macs",
    "peak_memory_bytes",
    "latency_ms",
)


@pytest.fixture(scope="module")
def task_of_run(finished):
    return Classification.load(finished.folder / "task")


@pytest.fixture
def ledger_of_run(finished):
    ledger = Ledger.in_folder(finished.folder)
    yield ledger
    ledger.close()


def test_everything_that_was_promised_is_in_the_folder(finished):
    assert {p.name for p in (finished.folder / "best").iterdir()} == {
        *("architecture.json", "model.safetensors", "model.onnx", "model.pt2", "README.md"),
    }
    assert json.loads((finished.folder / "summary.json").read_text()) == json.loads(json.dumps(finished.summary))
    assert "<html" in (finished.folder / "report.html").read_text("utf-8")


def test_nothing_half_written_is_left(finished):
    names = [p.name for p in finished.folder.rglob("*")]
    assert not [n for n in names if "partial" in n or n.endswith((".part", "-wal", "-shm"))]


def test_only_checkpoints_of_finished_networks_are_kept(finished):
    rows = [*finished.summary["finalists"], finished.summary["reference"], finished.summary["random"]]
    networks = {row["architecture"] for row in rows}
    assert len(list((finished.folder / "checkpoints").iterdir())) == len(networks)


def test_every_network_of_the_final_table_has_every_number(finished):
    summary = finished.summary
    for row in [summary["best"], summary["reference"], summary["random"], *summary["finalists"]]:
        assert set(NETWORK) <= set(row)
        assert all(row[key] is not None for key in NETWORK)
        assert 0 <= row["test_accuracy"] <= 1
    assert summary["finalists"][0] == summary["best"] == finished.best
    assert summary["status"] == "finished"


def test_costs_are_those_of_the_architectures(finished, task_of_run):
    space = spaces["resnet"].target(task_of_run.input_shape, task_of_run.num_outputs)
    for row in finished.summary["finalists"]:
        network = space.build(space.from_string(row["architecture"]))
        assert row["params"] == sum(p.numel() for p in network.parameters())


def test_the_test_split_was_opened_once_and_that_was_written_down(finished, ledger_of_run):
    assert [a["what"] for a in ledger_of_run.audits()] == ["test split"]
    assert finished.summary["test_openings"] == 1


def accuracy(logits, targets):
    return float((np.asarray(logits).argmax(1) == targets).mean())


def test_the_exported_file_has_the_stated_accuracies(finished, task_of_run):
    session = onnxruntime.InferenceSession(finished.folder / "best" / "model.onnx", providers=["CPUExecutionProvider"])
    for split, stated in (
        (task_of_run.validation, finished.best["validation_accuracy"]),
        (task_of_run.open_test(), finished.best["test_accuracy"]),
    ):
        images = split.x.astype(np.float32) / 255
        (logits,) = session.run(None, {session.get_inputs()[0].name: images})
        assert accuracy(logits, split.y) == pytest.approx(stated, abs=1e-9)


def test_the_result_loads_as_a_module(finished, task_of_run):
    split = task_of_run.validation
    with torch.no_grad():
        logits = finished.load()(torch.from_numpy(split.x / np.float32(255)))
    assert accuracy(logits, split.y) == pytest.approx(finished.best["validation_accuracy"], abs=1e-9)


def test_the_best_is_the_finalist_with_the_best_validation(finished):
    values = [row["validation_accuracy"] for row in finished.summary["finalists"]]
    assert values == sorted(values, reverse=True)


def test_versions_seed_time_and_counts_are_stated(finished, ledger_of_run):
    summary = finished.summary
    assert {"nassay", "torch", "onnxruntime", "python"} <= set(summary["versions"])
    assert summary["seed"] == 0
    assert sum(summary["seconds"]["phases"].values()) == pytest.approx(summary["seconds"]["total"], abs=0.1)
    assert {"start", "feasible", "search", "finish", "test", "export"} <= set(summary["seconds"]["phases"])
    assert summary["evaluations"]["training"]["ok"] == sum(
        r["estimator"] == "training" for r in ledger_of_run.records()
    )


def test_the_gaps_of_counts_against_training_are_stated(finished):
    gaps = {(g["estimator"], g["truth"]): g for g in finished.summary["gaps"]}
    assert ("params", "training@epochs=4") in gaps
    assert gaps["params", "training@epochs=4"]["n"] == 4
    assert ("training@epochs=4", "training@epochs=1,final") in gaps
