import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from nassay.errors import UserError
from nassay.estimators.devices.operator_table import Operator
from nassay.estimators.devices.profile import EMPTY, DeviceProfile
from nassay.spaces.base import spaces
from nassay.studies import device_kit
from nassay.studies.device_kit import drawn_networks, operator_model, table_operators, telling_networks, write_kit
from nassay.studies.listener import Listener

CONV = Operator("conv", (3, 3), (2, 2), 1, 4, 8, 64, 16)


def outputs(operator):
    model, shape = operator_model(operator)
    session = onnxruntime.InferenceSession(model)
    return session.run(None, {session.get_inputs()[0].name: np.ones((1, *shape), np.float32)})[0]


@pytest.mark.parametrize(
    ("operator", "shape"),
    [
        (CONV, (1, 8, 4, 4)),
        (replace(CONV, kind="depthwise", groups=8, in_channels=8), (1, 8, 4, 4)),
        (Operator("pointwise", (1, 1), (1, 1), 1, 4, 6, 64, 64), (1, 6, 8, 8)),
        (Operator("vector", (1, 1), (1, 1), 1, 4, 6, 1, 1), (1, 6)),
        (Operator("vector", (3, 3), (2, 2), 1, 4, 6, 4, 1), (1, 6, 1, 1)),
        (Operator("pool", (1, 1), (1, 1), 1, 4, 4, 64, 1), (1, 4, 1, 1)),
        (Operator("pool", (1, 1), (1, 1), 1, 4, 4, 64, 16), (1, 4, 4, 4)),
        (Operator("elementwise", (1, 1), (1, 1), 1, 4, 4, 48, 48), (1, 4, 6, 8)),
        (EMPTY, (1, 1, 1, 1)),
    ],
)
def test_operators_run_and_have_the_shape_that_they_say(operator, shape):
    assert outputs(operator).shape == shape


def test_constant_weights_average_their_inputs():
    # inside, a window of 1 / (3 x 3 x 4) over ones; at the padded corner four of nine positions are there
    found = outputs(replace(CONV, stride=(1, 1), out_positions=64))[0, 0]
    assert found[3, 3] == pytest.approx(1.0)
    assert found[0, 0] == pytest.approx(4 / 9)


def test_old_runtimes_can_read_the_operators():
    model = onnx.load_model_from_string(operator_model(CONV)[0])
    onnx.checker.check_model(model)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)


@pytest.fixture(scope="module")
def space():
    return spaces["nb201"].target((1, 8, 8), 3)


def test_a_draw_belongs_to_its_seed(space, monkeypatch):
    monkeypatch.setattr(device_kit, "DRAWN", 4)
    monkeypatch.setattr(device_kit, "OPERATORS", 5)
    first = table_operators(space, 0)
    assert first == table_operators(space, 0)
    assert len(set(first)) == 5
    assert EMPTY not in first
    monkeypatch.setattr(device_kit, "NETWORKS", 3)
    monkeypatch.setattr(device_kit, "HELD_OUT", 1)
    assert len(set(drawn_networks(space, 0))) == 4
    assert drawn_networks(space, 0) != drawn_networks(space, 1)


@pytest.fixture(scope="module")
def kit(space, tmp_path_factory):
    """A kit of three operators and nine networks, and what its script made of it as a plain copied file."""
    folder = tmp_path_factory.mktemp("device") / "kit"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DRAWN": 3, "OPERATORS": 3, "NETWORKS": 9, "HELD_OUT": 3}.items():
            patch.setattr(device_kit, name, value)
        write_kit(folder, space)
    command = [sys.executable, "-I", "measure.py", "--name", "board", "--out", "out.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stderr
    return folder


def test_a_kit_is_small_and_says_what_to_do(kit):
    assert {p.name for p in kit.iterdir()} == {"measure.py", "models.zip", "README.txt", "out.json"}
    assert (kit / "models.zip").stat().st_size < 300_000
    assert "pip install onnxruntime numpy" in (kit / "README.txt").read_text()


def test_the_copied_script_needs_nothing_of_nassay(kit):
    text = (kit / "measure.py").read_text()
    assert "import nassay" not in text
    assert "from nassay" not in text


def test_what_comes_back_is_a_profile(kit, space):
    found = DeviceProfile.load(kit / "out.json")
    assert (found.name, found.input_shape, found.space.name) == ("board", (1, 8, 8), "nb201")
    rows = found.form["networks"]
    assert [r["held_out"] for r in rows] == [False, False, True] * 4
    assert all(("again_ms" in r) == r["held_out"] and 0 < r["p10_ms"] <= r["p90_ms"] for r in rows)
    assert found.latency.error.n == 4
    assert found.noise >= 0
    assert found.latency.predict(device_kit.Analytic.of(space).profile(space.smallest())) > 0


def test_energy_is_measured_or_there_is_a_reason(kit):
    form = json.loads((kit / "out.json").read_text())
    measured = ["energy_mj" in row for row in form["networks"]]
    assert (form["energy"]["source"] is None) == (form["energy"]["reason"] is not None) == (not any(measured))


def test_a_new_device_is_known_by_ten_networks(kit, space, tmp_path, monkeypatch):
    monkeypatch.setattr(device_kit, "FEW", 4)
    source = DeviceProfile.load(kit / "out.json")
    chosen = telling_networks(space, [source])
    assert len(set(chosen)) == 4
    assert {space.to_string(a) for a in chosen} <= {r["architecture"] for r in source.form["networks"]}
    write_kit(tmp_path / "few", space, sources=[source])
    with zipfile.ZipFile(tmp_path / "few" / "models.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert (len(manifest["operators"]), len(manifest["networks"])) == (0, 4)
    assert manifest["sources"] == [source.form]


def test_a_source_of_another_input_is_refused(kit):
    with pytest.raises(UserError, match="nb201 at 1x8x8, the search is of nb201 at 1x16x16"):
        telling_networks(spaces["nb201"].target((1, 16, 16), 3), [DeviceProfile.load(kit / "out.json")])


def test_an_interrupted_kit_leaves_nothing_and_may_be_written_again(space, tmp_path, monkeypatch):
    for name, value in {"DRAWN": 3, "OPERATORS": 3, "NETWORKS": 2, "HELD_OUT": 1}.items():
        monkeypatch.setattr(device_kit, name, value)

    class Interrupted(Listener):
        def progress(self, done, total, best, remaining_seconds):
            if done == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_kit(tmp_path / "kit", space, listener=Interrupted())
    assert list((tmp_path / "kit").iterdir()) == []
    (tmp_path / "kit" / device_kit.PARTIAL).mkdir()  # what a killed process leaves
    assert write_kit(tmp_path / "kit", space) == {"operators": 4, "networks": 3}
    assert {path.name for path in (tmp_path / "kit").iterdir()} == {"measure.py", "models.zip", "README.txt"}


def test_a_folder_with_files_is_not_written_to(kit, space):
    with pytest.raises(UserError, match="not an empty folder"):
        write_kit(kit, space)
