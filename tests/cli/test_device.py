import json

import pytest

from nassay.estimators.devices.profile import DeviceProfile
from nassay.studies import device_kit


@pytest.fixture
def brought(device_form, tmp_path):
    """A profile's file as a board's script writes it."""
    path = tmp_path / "board.json"
    path.write_text(json.dumps(device_form()))
    return path


def test_what_was_brought_back_is_fitted_and_its_errors_are_told(nassay, brought):
    code, out, err = nassay("device", "fit", str(brought))
    assert (code, err) == (0, "")
    assert "board: formula, none, 1 thread(s)" in out
    assert "on 4 networks that the model was not fitted to" in out
    assert "Energy: unavailable, there is no RAPL counter." in out
    assert json.loads(brought.read_text())["latency_error"]["n"] == 4


def test_another_file_may_be_written_and_json_is_one_document(nassay, brought, tmp_path):
    before = brought.read_text()
    code, out, err = nassay("device", "fit", str(brought), "--out", str(tmp_path / "fitted.json"), "--json")
    found = json.loads(out)
    assert (code, err, brought.read_text()) == (0, "", before)
    assert (found["networks"], found["input_shape"], found["energy_error"]) == (12, [1, 8, 8], None)
    assert found["latency_error"]["mape"] < 1e-3
    assert DeviceProfile.load(tmp_path / "fitted.json").identity == DeviceProfile.load(brought).identity


def test_this_machine_is_measured(nassay, tmp_path, monkeypatch):
    for name, value in {"DRAWN": 3, "OPERATORS": 3, "NETWORKS": 8, "HELD_OUT": 4}.items():
        monkeypatch.setattr(device_kit, name, value)
    path = tmp_path / "here.json"
    words = ("--space", "nb201", "--input", "1x8x8", "--name", "here", "--out", str(path))
    code, out, _ = nassay("device", "measure", *words)
    assert code == 0
    assert "Measured twice, networks differ by" in out
    assert "--device-profile" in out
    assert DeviceProfile.load(path).name == "here"


def test_a_space_is_profiled_for_a_device(nassay, brought):
    words = ("profile", "nb201", "--input", "1x8x8", "--samples", "20", "--device-profile", str(brought))
    code, out, _ = nassay(*words)
    assert code == 0
    assert "Latencies are those of board, modelled and not measured." in out
    code, out, _ = nassay(*words, "--max-latency-ms", "0.0001")
    assert code == 2


@pytest.mark.parametrize("path", ["missing/here.json", "folder"])
def test_where_a_profile_cannot_be_written_nothing_is_measured(nassay, tmp_path, monkeypatch, path):
    def measure(*arguments, **settings):
        raise AssertionError("it is measured")

    monkeypatch.setattr(device_kit, "measure_here", measure)
    (tmp_path / "folder").mkdir()
    code, out, err = nassay("device", "measure", "--space", "nb201", "--input", "1x8x8", "--out", tmp_path / path)
    assert (code, out) == (2, "")
    assert "folder" in err


def test_a_kit_is_a_folder_and_counts(nassay, tmp_path, monkeypatch):
    for name, value in {"DRAWN": 3, "OPERATORS": 3, "NETWORKS": 2, "HELD_OUT": 1}.items():
        monkeypatch.setattr(device_kit, name, value)
    words = ("device", "kit", "--space", "nb201", "--input", "1x8x8", "--out", tmp_path / "kit", "--json")
    code, out, _ = nassay(*words)
    assert code == 0
    # the operator of nothing, whose time is taken off the others', is one more
    assert json.loads(out) == {"folder": str(tmp_path / "kit"), "operators": 4, "networks": 3}
    assert sorted(path.name for path in (tmp_path / "kit").iterdir()) == ["README.txt", "measure.py", "models.zip"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "nowhere.json"), "nowhere.json"),
        (("measure", "--space", "nb210"), "Did you mean nb201"),
        (("measure", "--input", "32"), "CxHxW"),
        (("kit",), "--out"),
    ],
)
def test_wrong_words_are_named(nassay, words, message):
    code, _, err = nassay("device", *words)
    assert code == 2
    assert message in err


def test_a_profile_of_another_input_is_refused(nassay, brought):
    code, _, err = nassay("profile", "nb201", "--input", "1x16x16", "--device-profile", str(brought))
    assert code == 2
    assert "Measure the device with --space and --input" in " ".join(err.split())
