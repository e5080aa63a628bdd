"""The detector's loss: which points answer for which objects, and what they are told.

A fixed assignment in the manner of FCOS (arXiv:1904.01355, centre sampling): an object belongs to the one level whose
stride is nearest to a quarter of its size (in the logarithm; size is the square root of the area), there to the points
that lie in it and within 1.5 strides of its centre in both directions, and in any case to the nearest point. A point
that several objects claim answers for the smallest. All lengths are fractions of the image's sides.

Class scores learn the overlap of the point's box with the object (quality focal loss, arXiv:2006.04388, beta 2), boxes
learn by generalised overlap (arXiv:1902.09630); both are divided by the number of points that answer for an object.
Scores weigh 4 and boxes 2, not 1 and 2 as in those papers: boxes are learnt soon, and short trainings lack classes (155
steps on composites, one seed: AP 0.071 against 0.053).
"""

import torch
from torch import Tensor
from torch.nn import functional

from nassay.tasks.detection.boxes import areas, giou, iou
from nassay.tasks.detection.head import BOX, FIRST_LOGIT, POINT, PRIOR_CELLS, STRIDE

REACH = 1.5  # strides
BETA = 2.0
CLASS_WEIGHT, BOX_WEIGHT = 4.0, 2.0
SAME = 1e-3


def detection_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Quality focal loss plus generalised overlap loss, weighted as the module says, a scalar.

    Args:
        outputs: (B, points, 7 + classes) of a `DetectorHead`.
        targets: (B, M, 5): class, x1, y1, x2, y2; rows of class -1 are no objects.
    """
    targets = targets.to(outputs.dtype)
    owner, positive = assign(outputs[0, :, POINT].detach(), outputs[0, :, STRIDE].detach(), targets)
    matched = targets.gather(1, owner[..., None].expand(-1, -1, 5))
    boxes, logits = outputs[..., BOX], outputs[..., FIRST_LOGIT:]
    quality = iou(boxes, matched[..., 1:]).detach() * positive
    kinds = torch.arange(logits.shape[-1], device=outputs.device)
    wanted = (matched[..., :1] == kinds) * quality[..., None]
    surprise = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    class_loss = ((wanted - logits.sigmoid()).abs() ** BETA * surprise).sum()
    box_loss = ((1 - giou(boxes, matched[..., 1:])) * positive).sum()
    return (CLASS_WEIGHT * class_loss + BOX_WEIGHT * box_loss) / positive.sum().clamp(min=1)


def assign(points: Tensor, strides: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Which object each point answers for, by the module's rule.

    Args:
        points: (P, 2) centres.
        strides: (P,).
        targets: (B, M, 5), M at least 1.

    Returns:
        (B, P) row of `targets`, 0 where there is none; (B, P) float, 1 where the point answers for an object, else 0.
    """
    corners = targets[..., 1:]
    centres, sides = (corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]
    size = sides.clamp(min=1e-6).prod(dim=-1).sqrt()[..., None]
    unfit = (size / (PRIOR_CELLS * strides)).log2().abs()  # (B, M, P)
    at_level = unfit <= unfit.amin(dim=-1, keepdim=True) + SAME
    offsets = (points - centres[..., None, :]).abs()
    distance = (offsets.amax(dim=-1) / strides).masked_fill(~at_level, torch.inf)
    inside = (offsets <= sides[..., None, :] / 2).all(dim=-1)
    nearest = distance <= distance.amin(dim=-1, keepdim=True) + SAME
    claimed = (((distance <= REACH) & inside) | nearest) & (targets[..., :1] >= 0)
    price = areas(corners)[..., None].expand_as(claimed).masked_fill(~claimed, torch.inf)
    least, owner = price.min(dim=1)
    return owner, torch.isfinite(least).to(targets.dtype)
