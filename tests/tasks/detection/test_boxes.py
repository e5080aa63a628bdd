import numpy as np
import pytest
import torch

from nassay.tasks.detection.boxes import areas, giou, iou, pairwise_iou, unsuppressed

A = torch.tensor([0.0, 0.0, 2.0, 2.0])
B = torch.tensor([1.0, 1.0, 3.0, 3.0])  # shares 1 with A; union 7; hull 9


def test_areas() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 3.0], [1.0, 1.0, 1.0, 5.0], [2.0, 0.0, 1.0, 5.0]])
    assert areas(boxes).tolist() == [6.0, 0.0, 0.0]


def test_overlap_by_hand() -> None:
    assert iou(A, B).item() == pytest.approx(1 / 7)
    assert iou(A, A).item() == 1.0
    assert iou(A, torch.tensor([5.0, 5.0, 6.0, 6.0])).item() == 0.0
    assert iou(torch.zeros(4), torch.zeros(4)).item() == 0.0


def test_generalised_overlap_by_hand() -> None:
    assert giou(A, B).item() == pytest.approx(1 / 7 - 2 / 9)
    assert giou(A, A).item() == pytest.approx(1.0)
    far = torch.tensor([8.0, 0.0, 10.0, 2.0])  # hull 20, union 8
    assert giou(A, far).item() == pytest.approx(-12 / 20)


def test_boxes_apart_have_a_gradient_towards_each_other() -> None:
    box = A.clone().requires_grad_()
    giou(box, torch.tensor([8.0, 0.0, 10.0, 2.0])).backward()
    assert box.grad is not None
    assert box.grad[2] > 0  # moving the right side to the right raises it


def test_pairs() -> None:
    found = pairwise_iou(torch.stack([A, B]), torch.stack([B, A, A]))
    assert found.shape == (2, 3)
    assert found[0].tolist() == pytest.approx([1 / 7, 1, 1])


def one_by_one(boxes: np.ndarray, labels: np.ndarray, threshold: float) -> list[float]:
    """The textbook's rule: take the best, strike out what it overlaps, go on."""
    alive = [1.0] * len(boxes)
    for i in range(len(boxes)):
        for j in range(i):
            if not alive[j] or labels[i] != labels[j]:
                continue
            width, height = np.minimum(boxes[i, 2:], boxes[j, 2:]) - np.maximum(boxes[i, :2], boxes[j, :2])
            shared = max(width, 0) * max(height, 0)
            union = sum(np.prod(boxes[k, 2:] - boxes[k, :2]) for k in (i, j)) - shared
            if shared / union > threshold:
                alive[i] = 0.0
    return alive


@pytest.mark.parametrize("seed", range(5))
def test_suppression_is_the_one_by_one_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 0.6, (3, 100, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.1, 0.4, (3, 100, 2))], axis=-1)
    labels = rng.integers(2, size=(3, 100))
    found = unsuppressed(torch.from_numpy(boxes), torch.from_numpy(labels), 0.4)
    for i in range(3):
        assert found[i].tolist() == one_by_one(boxes[i], labels[i], 0.4)


def chain(length: int) -> torch.Tensor:
    """Boxes each of which overlaps only its neighbours, by 1/3."""
    return torch.tensor([[[i, 0.0, i + 2.0, 1.0] for i in range(length)]])


def test_a_chain_needs_as_many_rounds_as_it_is_long() -> None:
    expected = [1.0, 0.0] * 4
    assert unsuppressed(chain(8), torch.zeros(1, 8), 0.3).tolist() == [expected]
    assert unsuppressed(chain(8), torch.zeros(1, 8), 0.3, rounds=1).tolist() == [[1.0] + [0.0] * 7]
