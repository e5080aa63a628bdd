"""Whether two computations of one detector agree, though rounding decides at its thresholds.

Detections are sorted, cut off and suppressed by comparisons. Where two sides of one nearly are equal, the exported file
may decide otherwise than the trained network, and both are right. So the order of detections says nothing, and those
are left out that may be there or not: scores near the least one; near the lowest of a full list; overlaps near the one
from which a box falls, and with them the boxes that stand or fall by these.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nassay.tasks.detection.boxes import ROUNDS, pairwise_iou
from nassay.tasks.detection.detections import LEAST_EXPORTED, MOST_DETECTIONS, OVERLAP

NEAR = 1e-3  # a threshold, in scores and overlaps


def disagreement(found: Sequence[Tensor], expected: Sequence[Tensor], input_size: tuple[int, int]) -> float:
    """The largest difference between a detection and the one that is most like it on the other side.

    Args:
        found: boxes (B, K, 4) in pixels, scores (B, K), labels (B, K), as a `Detector` puts them out.
        expected: the same by another computation.
        input_size: (height, width) in pixels.

    Returns:
        Of scores, or of sides of boxes as a share of the image's; infinite where a detection has no counterpart of its
        class, NaN where something is not finite.
    """
    if not all(bool(torch.isfinite(part).all()) for part in (*found, *expected)):
        return math.nan
    height, width = input_size
    scale = torch.tensor([width, height, width, height])
    sides = [(boxes / scale, scores, labels) for boxes, scores, labels in (found, expected)]
    return max(_of_image(*([part[i] for part in side] for side in sides)) for i in range(len(expected[0])))


def _of_image(one: list[Tensor], other: list[Tensor]) -> float:
    """`disagreement` of one image, from boxes (K, 4), scores (K,) and labels (K,) of both sides."""
    boxes, scores, labels = (torch.cat(parts) for parts in zip(one, other, strict=True))
    same_class = labels[:, None] == labels
    distance = (boxes[:, None] - boxes).abs().amax(-1).maximum((scores[:, None] - scores).abs())
    distance = distance.masked_fill(~same_class, math.inf)[: len(one[1]), len(one[1]) :]
    nearest = torch.cat([distance.amin(1), distance.amin(0)])
    rivals = pairwise_iou(boxes, boxes).masked_fill(~same_class, 0.0)
    unsure = torch.cat([_at_the_end(one[1]), _at_the_end(other[1])])
    unsure |= ((rivals - OVERLAP).abs() < NEAR).any(1)
    for _ in range(ROUNDS):
        unsure |= ((rivals > OVERLAP - NEAR) & unsure).any(1)
    told = nearest[(scores > 0) & ~unsure]
    return told.max().item() if len(told) else 0.0


def _at_the_end(scores: Tensor) -> Tensor:
    """(K,): whether a score is so near to the lowest that comes out that it may be left out."""
    full = len(scores) == MOST_DETECTIONS and bool(scores.min() > 0)
    return scores < (scores.min().item() if full else LEAST_EXPORTED) + NEAR
