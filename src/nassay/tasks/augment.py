"""Random training-time changes for small images: shift, mirror, erase.

The rule, by (C, H, W): always a shift by up to an eighth of each side; a mirror for colour images (C >= 3) of
at least 24 pixels, never for grey ones, where it would turn digits and letters into others. Mirrored images move by
whole pixels, the others, of which there are half as many, by fractions (`benchmarks/augmentation.py`). Random erasing
(Zhong et al., AAAI 2020, arXiv:1708.04896) from 16 pixels on, for a quarter of the images.

Whole pixels are plain tensor indexing, because at this size a library's overhead is most of the price: in 60
alternating batches of 128 on one thread of a shared CPU, kornia 0.9 took a median of 7.6 ms at 3x32x32 where this
takes 4.1, and at 1x8x8 1.45 where whole pixels take 0.09; fractions take about three times that.
"""

import torch
from torch import Tensor
from torch.nn import functional

MIRROR_MIN_SIDE = 24
ERASE_MIN_SIDE = 16
ERASE_PROBABILITY = 0.25
ERASE_AREA = (0.02, 0.33)
ERASE_MAX_ASPECT = 3.3


def augment_images(x: Tensor) -> Tensor:
    """Shift, mirror and erase each image by the module's rule; draws come from torch's global CPU generator.

    Args:
        x: (N, C, H, W) standardised images, so that 0 is the channel's mean.

    Returns:
        A new tensor like `x`.
    """
    _, channels, height, width = x.shape
    smallest = min(height, width)
    x = shift_and_mirror(x) if channels >= 3 and smallest >= MIRROR_MIN_SIDE else shift(x)
    return erase(x) if smallest >= ERASE_MIN_SIDE else x


def shift_and_mirror(x: Tensor) -> Tensor:
    """Move each (C, H, W) image by up to max(1, side // 8) whole pixels, repeating its border; mirror half."""
    n, _, height, width = x.shape
    rows = _shifted(n, height)
    columns = _shifted(n, width)
    columns = torch.where(torch.rand(n, 1) < 0.5, width - 1 - columns, columns)
    moved = x.gather(2, rows.to(x.device)[:, None, :, None].expand_as(x))
    return moved.gather(3, columns.to(x.device)[:, None, None, :].expand_as(x))


def shift(x: Tensor) -> Tensor:
    """Move each (C, H, W) image by up to max(1, side // 8) pixels, in fractions of one, repeating its border."""
    n, _, height, width = x.shape
    moves = torch.eye(2, 3).repeat(n, 1, 1)
    for i, side in enumerate((width, height)):  # sides go from -1 to 1
        moves[:, i, 2] = (2 * torch.rand(n) - 1) * 2 * _reach(side) / side
    where = functional.affine_grid(moves, list(x.shape), align_corners=False)
    return functional.grid_sample(x, where.to(x), padding_mode="border", align_corners=False)


def _reach(side: int) -> int:
    """The farthest shift along a side, in pixels."""
    return max(1, side // 8)


def _shifted(n: int, side: int) -> Tensor:
    """(n, side) indices of the pixels that land on each position after one random shift per row."""
    reach = _reach(side)
    return (torch.arange(side) + torch.randint(-reach, reach + 1, (n, 1))).clamp(0, side - 1)


def erase(x: Tensor) -> Tensor:
    """Set a random box to 0 in a quarter of the images: 2 to 33 % of the area, sides up to 1:3.3."""
    n, _, height, width = x.shape
    area = torch.empty(n, 1).uniform_(*ERASE_AREA) * (height * width)
    aspect = ERASE_MAX_ASPECT ** torch.empty(n, 1).uniform_(-1, 1)
    rows = _interval((area * aspect).sqrt(), height)
    columns = _interval((area / aspect).sqrt(), width)
    box = rows[:, None, :, None] & columns[:, None, None, :]
    chosen = torch.rand(n, 1, 1, 1) < ERASE_PROBABILITY
    return x.masked_fill((box & chosen).to(x.device), 0.0)


def _interval(length: Tensor, side: int) -> Tensor:
    """(n, side) masks of a random interval of the given (n, 1) lengths, whole pixels from 1 to `side`."""
    pixels = length.round().clamp(1, side)
    start = (torch.rand_like(pixels) * (side - pixels + 1)).floor()
    position = torch.arange(side)
    return (position >= start) & (position < start + pixels)
