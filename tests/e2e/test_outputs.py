"""What a finished search leaves behind, by the real command."""

import json

import numpy as np
import onnxruntime
import pytest


def test_standard_output_is_one_json_document_and_the_rest_is_on_standard_error(finished, tools):
    assert finished.summary["folder"] == "run"
    assert "search" in finished.err
    assert "Traceback" not in finished.err
    assert "Splits: 18 train, 60 validation, 60 test" in finished.err


def test_the_document_is_the_summary_file(finished, tools):
    written = tools.strict((finished.folder / "summary.json").read_text())
    assert written == {k: v for k, v in finished.summary.items() if k != "folder"}


def test_the_summary_has_all_keys(finished, tools):
    summary = finished.summary
    keys = ("best", "finalists", "reference", "random", "gaps", "evaluations", "seconds", "seed", "versions")
    assert {*keys, "constraints", "space", "strategy"} <= set(summary)
    for row in [*(summary[k] for k in ("best", "reference", "random")), *summary["finalists"]]:
        assert {*tools.row, "latency_ms"} <= set(row)
        assert None not in [row[k] for k in (*tools.row, "latency_ms")]
    for gap in summary["gaps"]:
        assert {"estimator", "truth", "kendall_tau", "ci_low", "ci_high", "n"} <= set(gap)
    assert set(summary["seconds"]) == {"total", "phases"}
    assert (summary["space"], summary["strategy"], summary["seed"]) == ("resnet", "random", 0)
    assert summary["test_openings"] == 1


def test_the_files_are_there(finished):
    names = {str(p.relative_to(finished.folder)) for p in finished.folder.rglob("*") if p.is_file()}
    best = ("architecture.json", "model.safetensors", "model.onnx", "model.pt2", "README.md")
    assert {"study.sqlite", "summary.json", "report.html", *(f"best/{name}" for name in best)} <= names
    assert not [name for name in names if "partial" in name or name.endswith((".part", "-wal", "-shm"))]


def test_the_exported_file_has_the_stated_accuracy_on_the_users_own_images(finished, images):
    """As its read-me says to use it: pixels times the scale, nothing else."""
    facts = json.loads((finished.folder / "best" / "architecture.json").read_text())
    session = onnxruntime.InferenceSession(finished.folder / "best" / "model.onnx", providers=["CPUExecutionProvider"])
    arrays = np.load(images)
    for split, stated in (("val", "validation_accuracy"), ("test", "test_accuracy")):
        x = arrays[f"x_{split}"].astype(np.float32) * np.float32(facts["preprocessing"]["scale"])
        (logits,) = session.run(None, {session.get_inputs()[0].name: x})
        found = np.mean(logits.argmax(1) == arrays[f"y_{split}"])
        assert found == pytest.approx(finished.summary["best"][stated], abs=1e-9)


def test_status_and_report_are_one_json_document_each(finished, nassay, tools):
    code, out, err = nassay("status", finished.folder, "--json")
    assert (code, err) == (0, "")
    assert tools.strict(out)["status"] == "finished"
    code, out, err = nassay("report", finished.folder, "--json")
    assert (code, err) == (0, "")
    assert tools.essence(tools.strict(out)) == tools.essence(finished.summary)


def test_the_same_command_gives_the_finished_study_back(finished, images, nassay, tools):
    before = tools.rows_of(finished.folder)
    code, out, err = nassay("search", images, *tools.search, "--out", finished.folder, "--json")
    assert code == 0
    assert "finished" in err
    again = tools.strict(out)
    assert {k: v for k, v in again.items() if k not in ("folder", "seconds")} == {
        k: v for k, v in finished.summary.items() if k not in ("folder", "seconds")
    }
    assert tools.rows_of(finished.folder) == before


def test_another_command_in_the_folder_is_refused_and_told_what_differs(finished, images, nassay, tools):
    before = (finished.folder / "plan.json").read_bytes()
    code, out, err = nassay("search", images, *tools.search, "--seed", "1", "--out", finished.folder)
    assert (code, out) == (2, "")
    assert "seed was 0, now 1" in " ".join(err.split())
    assert (finished.folder / "plan.json").read_bytes() == before
