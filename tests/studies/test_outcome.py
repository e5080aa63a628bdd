import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from nassay.errors import NassayError
from nassay.estimators.base import Estimate
from nassay.estimators.devices.onnx_latency import Latency
from nassay.spaces.base import spaces
from nassay.strategies.base import Record, Request
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
def exported(plan, monkeypatch, tmp_path):
    """exported(limit, **{network: latencies of its file}) -> exported in this order, rows, what was said.

    Networks whose name begins with "f" are finalists, the others comparisons; all are given best first.
    """

    def call(limit, device=None, reference_kept=True, **latencies):
        done, said = [], []
        (tmp_path / "best").mkdir(exist_ok=True)
        study = SimpleNamespace(
            plan=replace(plan, constraints=Constraints(max_latency_ms=limit)),
            folder=tmp_path,
            evaluator=SimpleNamespace(text=str),
            task=SimpleNamespace(input_shape=(1, 8, 8)),
            listener=SimpleNamespace(message=said.append),
            device=device,
        )
        outcome = Outcome.__new__(Outcome)
        outcome.study = study
        outcome.finish = SimpleNamespace(
            records=[record(name, 1.0 - 0.1 * i) for i, name in enumerate(latencies)],
            finalists=[name for name in latencies if name.startswith("f")],
            reference="reference",
            reference_kept=reference_kept,
        )
        outcome._export_one = lambda architecture, row: done.append(architecture)
        left = {name: list(values) for name, values in latencies.items()}
        monkeypatch.setattr(
            outcome_module,
            "measure_latency_ms",
            lambda model, shape: Latency(*[left[done[-1]].pop(0)] * 3, 1, 1, 5, 5, "", ""),
        )
        return done, outcome._export(dict.fromkeys(latencies, {})), said

    return call


def record(name, value):
    return Record(Request(name, "training"), Estimate.of(value))


def latencies_of(found):
    return {name: row["latency_ms"] for name, row in found.items()}


def test_another_devices_model_answers_for_the_file(exported, monkeypatch):
    modelled = {"f1": 2.5, "f2": 1.5}
    answer = SimpleNamespace(estimate=lambda asked: [Estimate.of(modelled[a], mape=0.05) for a in asked])
    monkeypatch.setattr(Outcome, "_space", lambda self, architecture: None)
    done, found, _ = exported(2.0, SimpleNamespace(estimator=lambda space: answer), f1=[1.0], f2=[1.0])
    assert (done, latencies_of(found)) == (["f1", "f2"], {"f2": 1.5, "f1": 2.5})
    assert found["f2"]["latency"] == {"mape": 0.05}


def test_without_a_limit_the_best_finalist_is_exported(exported):
    done, found, said = exported(None, random=[1.0], f1=[9.0], f2=[1.0])
    assert (done, latencies_of(found), said) == (["f1"], {"f1": 9.0}, [])


def test_a_finalist_whose_file_is_too_slow_twice_is_passed_over(exported):
    done, found, said = exported(2.0, f1=[2.6, 2.5], f2=[1.5], f3=[0.5])
    assert done == ["f1", "f2"]
    assert next(iter(found)) == "f2"  # the winner; `f1` keeps its measured latency
    assert (latencies_of(found), said) == ({"f1": 2.5, "f2": 1.5}, [])


def test_one_slow_measurement_is_taken_for_noise(exported):
    done, found, said = exported(2.0, f1=[3.0, 1.9], f2=[1.5])
    assert (done, latencies_of(found), said) == (["f1"], {"f1": 1.9}, [])


def test_where_no_finalist_keeps_the_limit_a_comparison_may(exported):
    done, found, said = exported(2.0, reference=[1.0], f1=[2.1, 2.1])
    assert (done, next(iter(found))) == (["f1", "reference"], "reference")
    assert said == ["No finalist keeps the latency limit as a file; a comparison network is exported instead."]


def test_where_no_finalist_was_trained_a_comparison_is_exported(exported):
    done, _, said = exported(None, reference=[1.0])
    assert done == ["reference"]
    assert said == ["No finalist could be trained to the end; a comparison network is exported instead."]


def test_where_no_file_keeps_the_limit_the_first_within_a_tenth_is_exported(exported):
    done, found, _ = exported(1.0, f1=[2.5, 2.4], f2=[1.09, 1.2], f3=[1.05, 1.2])
    assert done == ["f1", "f2", "f3", "f2"]
    assert latencies_of(found) == {"f2": 1.09, "f1": 2.4, "f3": 1.05}


def test_where_every_file_breaks_the_limit_there_is_no_winner(exported, tmp_path):
    with pytest.raises(NassayError, match="max_latency_ms = 1 .* fastest takes 1.5 ms"):
        exported(1.0, f1=[2.5, 2.6], f2=[1.5, 1.6])
    assert not (tmp_path / "best").exists()


def test_a_reference_that_breaks_other_limits_is_not_exported(exported):
    done, found, _ = exported(2.0, reference_kept=False, reference=[1.0], random=[1.5], f1=[2.5, 2.6])
    assert (done, latencies_of(found)) == (["f1", "random"], {"random": 1.5, "f1": 2.5})


def test_where_nothing_was_trained_to_the_end_the_search_fails_and_says_why():
    outcome = Outcome.__new__(Outcome)
    outcome.study = SimpleNamespace(plan=SimpleNamespace(constraints=Constraints()))
    reasons = ("out of memory", "the loss became nan", "out of memory")
    records = [Record(Request(f"f{i}", "training"), Estimate.failed(reason)) for i, reason in enumerate(reasons)]
    outcome.finish = SimpleNamespace(records=records, finalists=["f0", "f1", "f2"], reference_kept=True)
    with pytest.raises(NassayError, match=r"export: out of memory \(2 of 3\); the loss became nan \(1 of 3\)"):
        outcome._export({})
