import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from nassay.estimators.devices.onnx_latency import Latency
from nassay.spaces.base import spaces
from nassay.strategies.problem import Constraints
from nassay.studies import outcome as outcome_module
from nassay.studies.ledger import Ledger
from nassay.studies.outcome import Outcome
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


# Which finalist is exported under a limit on latency ---------------------------------------------------------------


@pytest.fixture
def exported(plan, monkeypatch):
    """exported(limit, **{finalist: latency of its file}) -> exported in this order, rows, what was said."""

    def call(limit, **latencies):
        done, said = [], []
        study = SimpleNamespace(
            plan=replace(plan, constraints=Constraints(max_latency_ms=limit)),
            folder=Path("run"),
            evaluator=SimpleNamespace(text=str),
            task=SimpleNamespace(input_shape=(1, 8, 8)),
            listener=SimpleNamespace(message=said.append),
        )
        outcome = Outcome.__new__(Outcome)
        outcome.study = study
        outcome._candidates = lambda: list(latencies)
        outcome._export_one = lambda architecture, row: done.append(architecture)
        monkeypatch.setattr(
            outcome_module,
            "measure_latency_ms",
            lambda model, shape: Latency(*[latencies[done[-1]]] * 3, 1, 1, 5, 5, "", ""),
        )
        found = outcome._export(dict.fromkeys(latencies, {}))
        return done, found, said

    return call


def test_without_a_limit_the_best_is_exported(exported):
    done, found, said = exported(None, a=9.0, b=1.0)
    assert (done, list(found), said) == (["a"], ["a"], [])
    assert found["a"]["latency_ms"] == 9.0


def test_a_finalist_whose_file_is_too_slow_is_passed_over(exported):
    done, found, said = exported(2.0, a=2.5, b=1.5, c=0.5)
    assert done == ["a", "b"]
    assert next(iter(found)) == "b"  # the winner; `a` keeps its measured latency
    assert {k: v["latency_ms"] for k, v in found.items()} == {"a": 2.5, "b": 1.5}
    assert said == []


def test_that_no_file_keeps_the_limit_is_said(exported):
    _, _, said = exported(1.0, a=2.5, b=1.5)
    assert said == ["No exported finalist keeps the latency limit as measured at the end."]


def test_that_there_is_nothing_to_export_is_said(exported):
    done, found, said = exported(None)
    assert (done, found) == ([], {})
    assert said == ["No finalist could be trained to the end, so there is nothing to export."]
