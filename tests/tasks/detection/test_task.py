import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nassay.errors import UserError
from nassay.tasks.base import task_from
from nassay.tasks.detection import BoxData, Detection
from nassay.tasks.detection.box_data import padded
from nassay.tasks.detection.composites import composites
from nassay.tasks.detection.head import grid


@pytest.fixture(scope="module")
def task() -> Detection:
    return Detection(composites(0, sizes=(24, 8, 8)))


def outputs_that_know(task: Detection, y: np.ndarray) -> torch.Tensor:
    """Every object's box at a point of its own, with its class's score; no other score."""
    outputs = torch.full((len(y), 64, 7 + len(task.classes)), -30.0)
    outputs[..., :3] = grid(8, 8)
    outputs[..., 3:7] = 0
    for i, rows in enumerate(y):
        for j, (kind, *corners) in enumerate(rows[rows[:, 0] >= 0]):
            outputs[i, j, 3:7] = torch.tensor(corners)
            outputs[i, j, 7 + int(kind)] = 3.0
    return outputs


def test_what_the_task_is(task: Detection) -> None:
    assert (len(task.train), len(task.validation), task.test_size) == (24, 8, 8)
    assert task.num_outputs == len(task.classes) == 10
    assert task.notes[-1] == "Splits: 24 train, 8 validation, 8 test (as the source has them)."
    assert task.output_names == ("boxes", "scores", "labels")


def test_a_network_that_knows_everything(task: Detection) -> None:
    found = task.metrics_of(outputs_that_know(task, task.validation.y), torch.from_numpy(task.validation.y))
    assert found["AP"] == pytest.approx(1)
    assert (
        task.metric_of(outputs_that_know(task, task.validation.y), torch.from_numpy(task.validation.y)) == found["AP"]
    )
    assert set(found) <= {"AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR"}


def test_outputs_that_are_not_finite(task: Detection) -> None:
    outputs = outputs_that_know(task, task.validation.y)
    outputs[0, 0, 7] = math.inf
    assert math.isnan(task.metric_of(outputs, torch.from_numpy(task.validation.y)))


def test_a_built_network_starts_at_the_blind_loss(task: Detection) -> None:
    torch.manual_seed(0)
    space = task.space("mobile")
    network = space.build(space.smallest())
    outputs = network(task.prepare(torch.from_numpy(task.train.x)))
    assert outputs.shape == (24, 16 * 16 + 8 * 8 + 4 * 4, 17)
    loss = task.loss(outputs, torch.from_numpy(task.train.y))
    loss.backward()
    assert loss.item() == pytest.approx(task.blind_loss, rel=0.1)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.head.parameters())


def test_the_blind_loss_is_that_of_images_with_objects() -> None:
    """A source that begins with 80 images of nothing has the blind loss of the others alone."""
    data = composites(0, sizes=(24, 8, 8))
    x, y, split = (np.concatenate([np.repeat(a[:1], 80, axis=0), a]) for a in (data.x, data.y, data.split))
    y[:80] = -1
    late = Detection(BoxData(x, y, data.classes, "late", split))
    assert late.blind_loss == pytest.approx(Detection(data).blind_loss)


def test_a_detector_learns_a_few_images(task: Detection) -> None:
    torch.manual_seed(0)
    space = task.space("mobile")
    network = space.build(space.smallest())
    x, y = task.prepare(torch.from_numpy(task.train.x[:4])), torch.from_numpy(task.train.y[:4])
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(25):
        optimizer.zero_grad()
        loss = task.loss(network(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7 * task.blind_loss


def test_deployed_is_scaled_images_to_detections(task: Detection) -> None:
    space = task.space("mobile")
    network = space.build(space.smallest()).eval()
    boxes, scores, labels = task.deployed(network).eval()(task.scaled(torch.from_numpy(task.train.x[:2])))
    assert (boxes.shape, scores.shape, labels.shape) == ((2, 100, 4), (2, 100), (2, 100))
    assert boxes.min() >= 0
    assert boxes.max() <= 64


def test_two_detections_in_another_order_are_the_same(task: Detection) -> None:
    boxes = torch.tensor([[[0.0, 0, 20, 20], [30, 30, 60, 60]]])
    scores, labels = torch.tensor([[0.5, 0.5 - 1e-6]]), torch.tensor([[3, 4]])
    expected = [boxes, scores, labels]
    assert task.difference([part.flip(1) for part in expected], expected) == 0
    assert task.difference([boxes, scores, labels.flip(1)], expected) == 40 / 64  # the only one of its class is far


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_how_outputs_are_read(task: Detection, capsys: pytest.CaptureFixture[str], kind) -> None:
    outputs = {"boxes": [[[1.0, 2.0, 3.0, 4.0]] * 2], "scores": [[0.75, 0.1]], "labels": [[3, -1]]}
    exec(task.reading, {name: kind(values) for name, values in outputs.items()} | {"classes": task.classes})
    assert capsys.readouterr().out == "3 0.75 [1.0, 2.0, 3.0, 4.0]\n"
    assert "64x64" in task.output_words


def test_illustrations(task: Detection) -> None:
    found = task.illustrations(outputs_that_know(task, task.validation.y), task.validation)
    assert len(found) == 8
    count = int((task.validation.y[0, :, 0] >= 0).sum())
    assert found[0].caption == f"{count} objects (left), {count} detected with a score of at least 0.3 (right)"
    assert Image.open(io.BytesIO(found[0].png)).format == "PNG"


def test_of_detections_at_one_place_the_best_is_drawn(task: Detection) -> None:
    outputs = outputs_that_know(task, task.validation.y)
    outputs[0, 0, 7:] = torch.arange(10) / 10
    count = int((task.validation.y[0, :, 0] >= 0).sum())
    assert f"(left), {count} detected" in task.illustrations(outputs, task.validation)[0].caption


def test_saved_and_loaded(task: Detection, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = Detection.load(tmp_path)
    assert loaded.fingerprint() == task.fingerprint()
    assert np.array_equal(loaded.validation.y, task.validation.y)
    assert loaded.blind_loss == task.blind_loss


def test_any_source() -> None:
    x = np.arange(5 * 64, dtype=np.uint8).reshape(5, 8, 8)
    task = task_from((x, [[[0, 0, 0, 4, 4]]] * 5), task="detection", seed=1)
    assert isinstance(task, Detection)
    assert (len(task.train), len(task.validation), task.test_size) == (3, 1, 1)


def test_a_split_without_objects_is_refused() -> None:
    y = padded([np.array([[0, 0, 0, 1, 1]]), np.empty((0, 5)), np.array([[0, 0, 0, 1, 1]])])
    data = BoxData(np.zeros((3, 1, 8, 8), np.uint8), y, ("a",), "mine", np.array(["train", "validation", "test"]))
    with pytest.raises(UserError, match="mine: there are no objects in validation"):
        Detection(data)
