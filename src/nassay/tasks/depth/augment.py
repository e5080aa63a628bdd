"""Random training-time changes of images and their depth together, after Eigen et al. 2014 (arXiv:1406.2283).

Mirror: half of the images, from left to right. Zoom: by s, uniform in 1..1.25, at a random place; depth is divided by
s, because what looks s times larger to the same camera is s times nearer. Colour: each channel of the standardised
image times a factor in 0.8..1.2. Images are sampled bilinear, depth by the nearest pixel, so that no depth is invented
between two surfaces or beside a missing pixel.
"""

import torch
from torch import Tensor
from torch.nn import functional

MOST_ZOOM = 1.25
COLOUR = 0.2


def augment_depth(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror, zoom and colour; draws come from torch's global CPU generator.

    Args:
        x: (N, C, H, W) standardised images.
        y: (N, H, W) depth, 0 where missing.

    Returns:
        New tensors like `x` and `y`.
    """
    n, channels = x.shape[:2]
    zoom = 1 + (MOST_ZOOM - 1) * torch.rand(n)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    shift = (1 - 1 / zoom)[:, None] * (2 * torch.rand(n, 2) - 1)  # what is seen stays inside the picture
    factors = 1 + COLOUR * (2 * torch.rand(n, channels, 1, 1) - 1)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = mirror / zoom, 1 / zoom, shift
    grid = functional.affine_grid(theta.to(x.device), list(x.shape), align_corners=False)
    seen = functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    depth = functional.grid_sample(y[:, None], grid, mode="nearest", padding_mode="border", align_corners=False)[:, 0]
    return seen * factors.to(x.device), depth / zoom[:, None, None].to(y.device)
