import contextlib
import io
import sys

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.tasks.detection.average_precision import average_precision, check_installed, found_rows, ground_truth

SIZE = (100, 200)
HALVES = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])


def targets(*rows: list[float]) -> torch.Tensor:
    return torch.tensor([rows])


def test_perfect_detections() -> None:
    truth = targets([0, *HALVES[0].tolist()], [1, *HALVES[1].tolist()], [-1, 0, 0, 0, 0])
    found = average_precision(HALVES[None], torch.tensor([[0.9, 0.8]]), torch.tensor([[0, 1]]), truth, SIZE)
    assert {k: found[k] for k in ("AP", "AP50", "AP75", "AR")} == pytest.approx(
        dict.fromkeys(["AP", "AP50", "AP75", "AR"], 1)
    )
    assert found["AP_medium"] == pytest.approx(1)  # 100 x 50 pixels
    assert "AP_small" not in found  # no such object
    assert "AP_large" not in found


def test_a_box_of_a_known_overlap_counts_up_to_it() -> None:
    """0.8 of the object: found at the overlaps 0.5, 0.55, ... 0.8, 7 of 10 (a little more, for float32)."""
    box = torch.tensor([[[0.0, 0.0, 0.5, 0.4001]]])
    found = average_precision(box, torch.tensor([[0.9]]), torch.tensor([[0]]), targets([0, 0, 0, 0.5, 0.5]), SIZE)
    assert found["AP"] == pytest.approx(0.7)
    assert (found["AP50"], found["AP75"]) == pytest.approx((1, 1))


def test_a_wrong_class_a_score_of_zero_and_no_detection_at_all() -> None:
    truth = targets([0, *HALVES[0].tolist()], [1, *HALVES[1].tolist()])
    swapped = average_precision(HALVES[None], torch.tensor([[0.9, 0.8]]), torch.tensor([[1, 0]]), truth, SIZE)
    assert swapped["AP"] == 0
    one = average_precision(HALVES[None], torch.tensor([[0.9, 0.0]]), torch.tensor([[0, 1]]), truth, SIZE)
    assert one["AP"] == pytest.approx(0.5)
    none = average_precision(HALVES[None], torch.zeros(1, 2), torch.tensor([[0, 1]]), truth, SIZE)
    assert none["AP"] == 0


def test_a_false_alarm_above_the_object_halves_precision() -> None:
    found = average_precision(
        HALVES[None], torch.tensor([[0.9, 0.8]]), torch.tensor([[1, 1]]), targets([1, *HALVES[1].tolist()]), SIZE
    )
    assert found["AP50"] == pytest.approx(0.5)


def test_boxes_in_pixels() -> None:
    truth = ground_truth(targets([2, 0.1, 0.2, 0.3, 0.6]), SIZE)
    assert truth["annotations"][0]["bbox"] == pytest.approx([20, 20, 40, 40])
    assert truth["annotations"][0]["area"] == pytest.approx(1600)
    assert truth["images"] == [{"id": 1, "height": 100, "width": 200}]
    rows = found_rows(HALVES[None], torch.tensor([[0.5, 0.0]]), torch.tensor([[2, 0]]), SIZE)
    assert rows.tolist() == [[1, 0, 0, 100, 50, 0.5, 3]]


def random_detections(seed: int) -> tuple[torch.Tensor, ...]:
    """Objects, and detections most of which are near one; some classes and images have none."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 0.7, (30, 6, 2))
    truth = np.concatenate([corners, corners + rng.uniform(0.02, 0.3, (30, 6, 2))], axis=-1)
    kinds = rng.integers(-1, 4, (30, 6))
    boxes = np.repeat(truth, 3, axis=1) + rng.normal(0, 0.02, (30, 18, 4))
    boxes[..., 2:] = np.maximum(boxes[..., 2:], boxes[..., :2] + 0.01)
    labels = np.where(
        rng.random((30, 18)) < 0.8, np.repeat(np.maximum(kinds, 0), 3, axis=1), rng.integers(0, 5, (30, 18))
    )
    scores = rng.random((30, 18)) * (rng.random((30, 18)) < 0.9)
    y = np.concatenate([kinds[..., None], truth], axis=-1)
    return tuple(torch.from_numpy(part) for part in (boxes, scores, labels, y))


@pytest.mark.parametrize("seed", [0, 1])
def test_pycocotools_agrees(seed: int) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    judge = pytest.importorskip("pycocotools.cocoeval")
    boxes, scores, labels, y = random_detections(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = ground_truth(y, SIZE)
        truth.createIndex()
        evaluation = judge.COCOeval(truth, truth.loadRes(found_rows(boxes, scores, labels, SIZE)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    found = average_precision(boxes, scores, labels, y, SIZE)
    names = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "", "", "AR"]
    expected = {name: evaluation.stats[i] for i, name in enumerate(names) if name and evaluation.stats[i] >= 0}
    assert found == pytest.approx(expected, abs=1e-9)
    assert 0.05 < found["AP"] < 0.95


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(UserError, match=r"pip install 'nassay\[detection\]'"):
        average_precision(HALVES[None], torch.ones(1, 2), torch.zeros(1, 2), targets([0, 0, 0, 1, 1]), SIZE)
    with pytest.raises(UserError, match=r"pip install 'nassay\[detection\]'"):
        check_installed()


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    average_precision(HALVES[None], torch.ones(1, 2), torch.zeros(1, 2).long(), targets([0, 0, 0, 1, 1]), SIZE)
    assert capsys.readouterr() == ("", "")
