"""The other tasks by the real command: killed and resumed, exported, reported as classification is."""

import json

import numpy as np
import onnxruntime
import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEARCH = ("--space", "mobile", "--strategy", "random", "--evaluations", "4", "--workers", "1", "--json")
OUTPUTS = {"detection": ["boxes", "scores", "labels"], "depth": ["depth"], "retrieval": ["embedding"]}


def squares(folder):
    """Bright and dark squares on grey, YOLO's way."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("val", 8), ("test", 8)):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for i in range(count):
            image, dark = np.full((32, 32, 3), 128, np.uint8), i % 2
            left, top = rng.integers(0, 20, 2)
            image[top : top + 12, left : left + 12] = 20 if dark else 240
            Image.fromarray(image).save(folder / "images" / split / f"{i}.png")
            line = f"{dark} {(left + 6) / 32} {(top + 6) / 32} {12 / 32} {12 / 32}\n"
            (folder / "labels" / split / f"{i}.txt").write_text(line)
    (folder / "classes.txt").write_text("bright\ndark\n")
    return folder


def slopes(path):
    """Frames whose brightness is their depth."""
    rng = np.random.default_rng(0)
    far = rng.uniform(1, 2, (60, 1, 1)) + rng.uniform(0.02, 0.1, (60, 1, 1)) * np.arange(32)
    depth = np.broadcast_to(far, (60, 32, 32)).astype(np.float32)
    np.savez(path, rgb=np.rint(40 * depth[..., None]).astype(np.uint8).repeat(3, axis=-1), depth_m=depth)
    return path


def stripes(path):
    """Eight classes of images, each with its own stripe."""
    rng = np.random.default_rng(0)
    y = np.arange(96) % 8
    x = rng.integers(0, 100, (96, 1, 16, 16)).astype(np.uint8)
    for i, kind in enumerate(y):
        x[i, 0, :, 2 * kind : 2 * kind + 2] += 150
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(params=("detection", "depth", "retrieval"))
def task(request):
    return request.param


@pytest.fixture
def words(task, tmp_path):
    make = {"detection": squares, "depth": slopes, "retrieval": stripes}[task]
    return ("search", make(tmp_path / ("data" if task == "detection" else "data.npz")), "--task", task, *SEARCH)


def test_killed_within_search_and_finish_it_ends_as_if_nothing_had_been(task, words, nassay, tools):
    code, out, err = nassay(*words, "--out", "straight")
    assert code == 0, err
    straight = tools.strict(out)
    assert straight["task"]["name"] == task

    run = nassay.folder / "run"
    for trainings in (1, 5):
        command = nassay.start(*words, "--out", "run")
        command.wait_for(lambda n=trainings: sum(r[2] == "training" for r in tools.rows_of(run)) >= n)
        command.kill()
    kept = tools.rows_of(run)
    code, out, err = nassay(*words, "--out", "run")
    assert code == 0, err
    assert tools.rows_of(run)[: len(kept)] == kept
    assert tools.essence(tools.strict(out)) == tools.essence(straight)
    assert_exported(task, run)


def assert_exported(task, run):
    """The files are there, the model puts out what the task names, the report has pictures of it."""
    facts = json.loads((run / "best" / "architecture.json").read_text())
    session = onnxruntime.InferenceSession(run / "best" / "model.onnx", providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == OUTPUTS[task]
    shape = (2, *facts["input_shape"])
    found = session.run(None, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
    assert all(len(output) == 2 and np.isfinite(output).all() for output in found)
    report = (run / "report.html").read_text()
    assert "data:image/png;base64" in report


def test_two_commands_on_one_folder_the_second_leaves(words, nassay, tools):
    run = nassay.folder / "run"
    first = nassay.start(*words, "--out", "run")
    first.wait_for(lambda: tools.rows_of(run))
    code, out, err = nassay(*words, "--out", "run")
    assert (code, out) == (3, "")
    assert "Traceback" not in err
    first.kill()
