"""Random training-time changes of images together with their boxes: zoom, shift, mirror.

Each image is zoomed by a factor of 0.75 to 1.33, uniform in the logarithm, and shifted by up to an eighth of each side;
what comes in from outside is the image's mean (0 in standardised images). Colour images of at least 24 pixels are
mirrored half of the time, as `augment` has it for classification. Boxes move along and are cut at the border; those
of which less than 30 % is left are objects no more.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from nassay.tasks.augment import MIRROR_MIN_SIDE
from nassay.tasks.detection.box_data import NO_OBJECT
from nassay.tasks.detection.boxes import areas

MOST_ZOOM = 4 / 3
MOST_SHIFT = 1 / 8
LEAST_LEFT = 0.3


def augment_boxes(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Zoom, shift and mirror by the module's rule; draws come from torch's global CPU generator.

    Args:
        x: (N, C, H, W) standardised images.
        y: (N, M, 5) class and corners as fractions.

    Returns:
        New tensors like them.
    """
    n, channels, height, width = x.shape
    zoom = torch.empty(n, 1).uniform_(-math.log(MOST_ZOOM), math.log(MOST_ZOOM)).exp()
    shift = torch.empty(n, 2).uniform_(-MOST_SHIFT, MOST_SHIFT)
    factors = zoom.expand(n, 2).clone()
    if channels >= 3 and min(height, width) >= MIRROR_MIN_SIDE:
        factors[:, 0] *= torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    return _moved(x, factors.to(x.device), shift.to(x.device)), moved_boxes(y, factors.to(y.device), shift.to(y.device))


def _moved(x: Tensor, factors: Tensor, shift: Tensor) -> Tensor:
    """Images with the point p (fractions) taken from (p - 1/2 - shift) / factors + 1/2."""
    scale = 1 / factors
    offset = -2 * shift * scale  # grid_sample's coordinates run from -1 to 1
    zero = torch.zeros_like(scale[:, 0])
    rows = [torch.stack([scale[:, 0], zero, offset[:, 0]], 1), torch.stack([zero, scale[:, 1], offset[:, 1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def moved_boxes(y: Tensor, factors: Tensor, shift: Tensor) -> Tensor:
    """Boxes about whose centre of the image everything is scaled by (N, 2) factors, then shifted by (N, 2) fractions.

    A negative factor mirrors. Boxes are cut at the border; those of which less than 30 % is left become no objects.
    """
    kinds, corners = y[..., :1], y[..., 1:]
    moved = (corners - 0.5) * factors.repeat(1, 2)[:, None] + 0.5 + shift.repeat(1, 2)[:, None]
    first, second = moved[..., :2], moved[..., 2:]
    moved = torch.cat([torch.minimum(first, second), torch.maximum(first, second)], dim=-1)
    inside = moved.clamp(0, 1)
    kept = (kinds[..., 0] >= 0) & (areas(inside) >= LEAST_LEFT * areas(moved)) & (areas(inside) > 0)
    kept = kept[..., None]
    return torch.cat([torch.where(kept, kinds, NO_OBJECT), torch.where(kept, inside, 0.0)], dim=-1)
