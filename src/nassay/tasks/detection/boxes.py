"""Arithmetic of boxes (x1, y1, x2, y2): areas, overlaps, suppression. Plain tensor operations, differentiable."""

import torch
from torch import Tensor

TINY = 1e-9  # of the image's area: far below a pixel's
ROUNDS = 8


def areas(boxes: Tensor) -> Tensor:
    """(..., 4) -> (...): width times height, 0 for boxes whose corners are in the wrong order."""
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes that broadcast against each other, (..., 4) -> (...); 0 if both are empty."""
    shared = _intersection(a, b)
    return shared / (areas(a) + areas(b) - shared).clamp(min=TINY)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """(..., N, 4) and (..., M, 4) -> (..., N, M)."""
    return iou(a[..., :, None, :], b[..., None, :, :])


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised intersection over union, -1..1, shapes as for `iou` (Rezatofighi et al. 2019, arXiv:1902.09630)."""
    shared = _intersection(a, b)
    union = (areas(a) + areas(b) - shared).clamp(min=TINY)
    corners = torch.cat([torch.minimum(a, b)[..., :2], torch.maximum(a, b)[..., 2:]], dim=-1)
    hull = areas(corners).clamp(min=TINY)
    return shared / union - (hull - union) / hull


def _intersection(a: Tensor, b: Tensor) -> Tensor:
    """The area that boxes share; side by side, which for pairs is several times quicker than corners at once."""
    left, top, right, bottom = a.unbind(dim=-1)
    other_left, other_top, other_right, other_bottom = b.unbind(dim=-1)
    width = torch.minimum(right, other_right) - torch.maximum(left, other_left)
    height = torch.minimum(bottom, other_bottom) - torch.maximum(top, other_top)
    return width.clamp(min=0) * height.clamp(min=0)


def unsuppressed(boxes: Tensor, labels: Tensor, threshold: float, rounds: int = ROUNDS) -> Tensor:
    """Non-maximum suppression within each class, in operations of fixed shape that every exporter takes.

    A box falls if a surviving better one of its class overlaps it by more than the threshold. Who survives is
    computed for all boxes at once from the survivors of the round before (cluster NMS, Zheng et al. 2020,
    arXiv:2005.03572). After n rounds the result is that of the one-by-one rule, except in chains of more than n boxes
    each of which falls by the one before.

    Args:
        boxes: (B, K, 4), the best score first.
        labels: (B, K) classes.
        threshold: overlap (intersection over union) from which the worse box falls.
        rounds: how often the survivors are computed.

    Returns:
        (B, K) float, 1 for survivors, 0 for those that fell.
    """
    rivals = (pairwise_iou(boxes, boxes) > threshold) & (labels[:, :, None] == labels[:, None, :])
    beats = rivals.to(boxes.dtype).tril(-1)  # row: who may fall; column: the better box that it may fall by
    alive = torch.ones_like(boxes[..., 0])
    for _ in range(rounds):
        alive = (torch.matmul(beats, alive[..., None])[..., 0] == 0).to(boxes.dtype)
    return alive
