"""Losses of depth estimation; pixels without a target do not count.

Shapes: predictions (B, H, W), targets (B, H, W) with 0 for missing, both in the same unit.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

VARIANCE_FOCUS = 0.5
BERHU_SHARE = 0.2
_TINY = 1e-6  # under the root: its derivative stays finite where a prediction is perfect

Loss = Callable[[Tensor, Tensor], Tensor]


def sized(outputs: Tensor, size: torch.Size) -> Tensor:
    """(B, 1, H', W') outputs as (B, H, W), bilinear where the size differs."""
    if outputs.shape[-2:] != size:
        outputs = functional.interpolate(outputs, size, mode="bilinear", align_corners=False)
    return outputs[:, 0]


def scale_invariant_log(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over images of sqrt(mean d^2 - 0.5 (mean d)^2), d = ln prediction - ln target over an image's valid pixels.

    An error that is a factor common to all pixels costs less than one of its shape. Eigen et al., NeurIPS 2014,
    arXiv:1406.2283; the root as in Lee et al., arXiv:1907.10326 (there over the batch, with 0.85 instead of 0.5 and
    times 10; remembered, not read again). Images without a valid pixel do not count.
    """
    valid = target > 0
    count = valid.sum(dim=(1, 2))
    difference = prediction.log() - torch.where(valid, target, 1.0).log()
    difference = torch.where(valid, difference, 0.0)
    n = count.clamp(min=1)
    mean, square = difference.sum(dim=(1, 2)) / n, difference.square().sum(dim=(1, 2)) / n
    root = (square - VARIANCE_FOCUS * mean.square() + _TINY).sqrt()
    return (root * (count > 0)).sum() / (count > 0).sum().clamp(min=1)


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of |prediction - target| over all valid pixels, as FastDepth trains (arXiv:1903.03273)."""
    return _mean((prediction - target).abs(), target)


def berhu(prediction: Tensor, target: Tensor) -> Tensor:
    """Reverse Huber loss over all valid pixels: |e| up to c, (e^2 + c^2) / 2c above, c = max |e| / 5.

    Laina et al., 3DV 2016, arXiv:1606.00373; the maximum is the batch's.
    """
    error = torch.where(target > 0, (prediction - target).abs(), 0.0)
    c = (BERHU_SHARE * error.detach().max()).clamp(min=_TINY)
    return _mean(torch.where(error <= c, error, (error.square() + c.square()) / (2 * c)), target)


def _mean(errors: Tensor, target: Tensor) -> Tensor:
    valid = target > 0
    return torch.where(valid, errors, 0.0).sum() / valid.sum().clamp(min=1)


LOSSES: dict[str, Loss] = {"scale_invariant_log": scale_invariant_log, "l1": l1, "berhu": berhu}
