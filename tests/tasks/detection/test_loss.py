import math

import pytest
import torch

from nassay.tasks.detection.head import grid
from nassay.tasks.detection.loss import assign, detection_loss

GRID = torch.cat([grid(8, 8), grid(4, 4), grid(2, 2)])  # 64, 16 and 4 points
POINTS, STRIDES = GRID[:, :2], GRID[:, 2]


def owners(*boxes: list[float]) -> torch.Tensor:
    """(P,) which box each point answers for, -1 for none."""
    owner, positive = assign(POINTS, STRIDES, torch.tensor([[[0.0, *box] for box in boxes]]))
    return torch.where(positive[0] > 0, owner[0], -1)


def test_an_object_goes_to_the_level_of_its_size() -> None:
    """Four cells are 1/2 of the image at the finest level, all of it at the next."""
    half, whole = owners([0.25, 0.25, 0.75, 0.75]), owners([0.0, 0.0, 1.0, 1.0])
    assert (half[:64] >= 0).sum() == 16  # the points within 1.5 cells of the centre, 4 x 4
    assert (half[64:] < 0).all()
    assert (whole[:64] < 0).all()
    assert (whole[64:80] >= 0).sum() == 16
    assert (whole[80:] < 0).all()


def test_points_outside_the_object_do_not_answer() -> None:
    flat = owners([0.0, 0.45, 1.0, 0.55])  # 8 cells wide, 0.8 high: the nearest rows are outside but the nearest
    rows = flat[:64].reshape(8, 8)
    assert (rows >= 0).nonzero().tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]


def test_a_tiny_object_gets_the_nearest_point() -> None:
    tiny = owners([0.30, 0.30, 0.31, 0.31])
    assert (tiny >= 0).nonzero().tolist() == [[2 * 8 + 2]]  # the cell 0.25..0.375 of both axes


def test_the_smaller_object_wins_a_point() -> None:
    both = owners([0.25, 0.25, 0.75, 0.75], [0.4, 0.4, 0.6, 0.6])
    centre = both[:64].reshape(8, 8)[3:5, 3:5]
    assert (centre == 1).all()
    assert (both == 0).sum() == 12


def test_rows_that_are_no_objects_own_nothing() -> None:
    targets = torch.tensor([[[-1.0, 0.0, 0.0, 1.0, 1.0]], [[2.0, 0.0, 0.0, 1.0, 1.0]]])
    _, positive = assign(POINTS, STRIDES, targets)
    assert positive.sum(dim=1).tolist() == [0, 16]


def outputs(boxes: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return torch.cat([GRID.expand(len(boxes), -1, -1), boxes, logits], dim=-1)


def test_loss_by_hand_without_objects() -> None:
    """All scores 1/2: each of 84 points and 2 classes pays 4 (1/2)^2 ln 2; divided by 1."""
    found = detection_loss(outputs(torch.zeros(1, 84, 4), torch.zeros(1, 84, 2)), torch.full((1, 1, 5), -1.0))
    assert found.item() == pytest.approx(84 * 2 * math.log(2), rel=1e-5)


def test_loss_by_hand_with_boxes_that_fit() -> None:
    """Every point predicts the object: 16 of them answer for it, quality 1, no loss for the box."""
    target = torch.tensor([[[1.0, 0.25, 0.25, 0.75, 0.75]]])
    found = detection_loss(outputs(target[..., 1:].expand(-1, 84, -1), torch.zeros(1, 84, 2)), target)
    assert found.item() == pytest.approx(84 * 2 * math.log(2) / 16, rel=1e-5)


def test_quality_is_the_overlap() -> None:
    """The loss of scores is least where the score of the object's class is the overlap of the box with it."""
    target = torch.tensor([[[0.0, 0.25, 0.25, 0.75, 0.75]]])
    box = torch.tensor([0.25, 0.25, 0.75, 0.5]).expand(1, 84, 4)  # half of it

    def loss(score: float) -> float:
        logits = torch.full((1, 84, 1), -20.0)
        logits[0, owners([0.25, 0.25, 0.75, 0.75]) >= 0] = math.log(score / (1 - score))
        return detection_loss(outputs(box, logits), target).item()

    assert loss(0.5) == pytest.approx(2 * 0.5)  # the boxes' part alone: 1 - overlap, twice
    assert loss(0.5) < min(loss(0.4), loss(0.6), loss(0.99))


def test_gradients_reach_boxes_and_scores_and_are_finite() -> None:
    torch.manual_seed(0)
    found = outputs(torch.rand(2, 84, 4), torch.randn(2, 84, 3)).requires_grad_()
    targets = torch.tensor([[[2.0, 0.1, 0.1, 0.6, 0.9], [0.0, 0.5, 0.5, 0.5, 0.5]], [[-1.0, 0, 0, 0, 0]] * 2])
    detection_loss(found, targets).backward()
    assert found.grad is not None
    assert torch.isfinite(found.grad).all()
    assert found.grad[0, :, 3:7].abs().sum() > 0
    assert found.grad[1, :, 3:7].abs().sum() == 0  # no object, no box
    assert found.grad[1, :, 7:].abs().min() > 0
