import io

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nassay.spaces.base import Pyramid
from nassay.spaces.network import Network
from nassay.tasks.detection.detections import CANDIDATES, MOST_DETECTIONS, OVERLAP, Detector, detections
from nassay.tasks.detection.head import DetectorHead
from nassay.tasks.normalizer import Normalizer


def outputs(boxes: list[list[float]], scores: list[list[float]]) -> torch.Tensor:
    """One image: a box and a score for each class at each point."""
    logits = torch.tensor(scores).logit()
    return torch.cat([torch.zeros(len(boxes), 3), torch.tensor(boxes), logits], dim=1)[None]


BOX, SHIFTED, FAR = [0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.45], [0.6, 0.6, 1.2, 0.9]


def test_by_hand() -> None:
    boxes, scores, labels = detections(outputs([BOX, SHIFTED, FAR], [[0.9, 0.2], [0.8, 0.1], [0.3, 0.7]]))
    assert scores[0].tolist() == pytest.approx([0.9, 0.7, 0.3, 0.2, 0, 0], abs=1e-6)  # SHIFTED fell in both classes
    assert labels[0].tolist() == [0, 1, 0, 1, -1, -1]
    assert boxes[0, 0].tolist() == pytest.approx(BOX)
    assert boxes[0, 1].tolist() == pytest.approx([0.6, 0.6, 1.0, 0.9])  # cut at the border
    assert boxes[0, 4:].tolist() == [[0] * 4] * 2
    assert detections(outputs([BOX, FAR], [[0.9, 0.2], [0.3, 0.7]]), 0.3)[1][0].tolist() == pytest.approx(
        [0.9, 0.7, 0.3, 0]
    )


def test_the_number_of_detections_is_fixed() -> None:
    many = torch.rand(2, 500, 7 + 3)
    boxes, scores, labels = detections(many)
    assert (boxes.shape, scores.shape, labels.shape) == ((2, 100, 4), (2, 100), (2, 100))
    assert (scores.diff() <= 0).all()
    assert labels.dtype == torch.int64


def greedy(image: torch.Tensor) -> list[tuple[float, int, tuple[float, ...]]]:
    """The same by loops: the best candidates one after the other."""
    found: list[tuple[float, int, tuple[float, ...]]] = []
    pairs = [
        (float(row[7 + k]), k, row[3:7].clamp(0, 1).double().numpy()) for row in image for k in range(len(row) - 7)
    ]
    for logit, k, box in sorted(pairs, key=lambda pair: -pair[0])[:CANDIDATES]:
        overlaps = [iou(box, np.array(other)) for _, label, other in found if label == k]
        if all(o <= OVERLAP for o in overlaps):
            found.append((1 / (1 + np.exp(-logit)), k, tuple(box)))
    return found[:MOST_DETECTIONS]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def test_against_plain_suppression() -> None:
    torch.manual_seed(0)
    corners = torch.rand(1, 400, 2) * 0.7
    boxes = torch.cat([corners, corners + 0.1 + 0.2 * torch.rand(1, 400, 2)], dim=-1)
    raw = torch.cat([torch.zeros(1, 400, 3), boxes, torch.randn(1, 400, 2)], dim=-1)
    expected = greedy(raw[0])
    found_boxes, scores, labels = (part[0] for part in detections(raw))
    assert (scores > 0).sum() == len(expected) < MOST_DETECTIONS + 1
    for i, (score, label, box) in enumerate(expected):
        assert scores[i].item() == pytest.approx(score, rel=1e-5)
        assert labels[i].item() == label
        assert found_boxes[i].tolist() == pytest.approx(box, abs=1e-6)


@pytest.fixture(scope="module")
def detector() -> Detector:
    """For images of 32x24 pixels, with scores and boxes of some variety."""
    torch.manual_seed(0)
    shapes = ((4, 8, 6), (4, 4, 3))
    head = DetectorHead(Pyramid(shapes), 3, (32, 24))
    for tower in (head.class_tower, head.box_tower):
        nn.init.normal_(tower[-1].weight, std=0.3)
    stem = nn.Conv2d(1, 4, 3, stride=4, padding=1)
    network = Network(stem, [nn.MaxPool2d(2, ceil_mode=True)], nn.Identity(), head)
    return Detector(Normalizer([0.5], [0.25]), network, (32, 24)).eval()


def test_boxes_come_out_in_pixels(detector: Detector) -> None:
    x = torch.rand(2, 1, 32, 24)
    boxes, scores, _ = detector(x)
    expected, expected_scores, _ = detections(detector.network((x - 0.5) / 0.25), 0.05)
    assert torch.equal(scores, expected_scores)
    assert torch.allclose(boxes, expected * torch.tensor([24.0, 32.0, 24.0, 32.0]))
    assert 0 < (scores > 0).sum() < scores.numel()  # something fell


def test_onnx_runtime_and_torch_export_agree(detector: Detector) -> None:
    x = torch.rand(3, 1, 32, 24)
    expected = [part.numpy() for part in torch.no_grad()(detector)(x)]
    file = io.BytesIO()
    names = ["boxes", "scores", "labels"]
    axes = {name: {0: "batch"} for name in ["images", *names]}
    torch.onnx.export(
        detector, (x[:1],), file, input_names=["images"], output_names=names, dynamic_axes=axes, dynamo=False
    )
    found = onnxruntime.InferenceSession(file.getvalue()).run(None, {"images": x.numpy()})
    dynamic = ({0: torch.export.Dim("batch", min=1)},)
    program = torch.export.export(detector, (x[:2],), dynamic_shapes=dynamic).module()
    for others in (found, [part.detach().numpy() for part in program(x)]):
        for one, other in zip(expected, others, strict=True):
            assert one.dtype == other.dtype
            assert np.allclose(one, other, atol=1e-4)
