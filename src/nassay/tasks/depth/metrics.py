"""Metrics of depth estimation (Eigen et al., NeurIPS 2014, arXiv:1406.2283), over the pixels that have a depth.

Each is computed for every image over its valid pixels, then averaged over the images that have any, as on NYU Depth.
No median scaling: a network that gets the scale wrong is wrong.
"""

import torch
from torch import Tensor

from nassay.tasks.depth.losses import sized

NAMES = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "log10")
RATIO = 1.25
_AT_ONCE = 64  # images; bounds the memory


def depth_metrics(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """All metrics; each NaN if an output is not finite or no pixel has a depth.

    Args:
        outputs: (N, 1, H', W') metres; resized to the targets' size, bilinear.
        targets: (N, H, W) metres, 0 where missing.

    Returns:
        delta1, delta2, delta3: share of pixels with max(p / t, t / p) below 1.25, 1.25^2, 1.25^3; abs_rel: mean
        |p - t| / t; rmse: root of the mean squared error in metres; log10: mean |log10 p - log10 t|.
    """
    if not torch.isfinite(outputs).all() or not (targets > 0).any():
        return dict.fromkeys(NAMES, float("nan"))
    rows = [
        _of_images(sized(outputs[i : i + _AT_ONCE].float(), targets.shape[-2:]), targets[i : i + _AT_ONCE])
        for i in range(0, len(targets), _AT_ONCE)
    ]
    means = torch.cat(rows).mean(dim=0)
    return dict(zip(NAMES, means.tolist(), strict=True))


def _of_images(prediction: Tensor, target: Tensor) -> Tensor:
    """(images with a valid pixel, metrics) float64."""
    found = (target > 0).any(dim=2).any(dim=1)
    prediction, target = prediction[found].double(), target[found].double()
    valid = target > 0
    target = torch.where(valid, target, 1.0)
    count = valid.sum(dim=(1, 2))

    def mean(values: Tensor) -> Tensor:
        return torch.where(valid, values, 0.0).sum(dim=(1, 2)) / count

    ratio = torch.maximum(prediction / target, target / prediction)
    deltas = [mean((ratio < RATIO**power).double()) for power in (1, 2, 3)]
    error = prediction - target
    logs = prediction.log10() - target.log10()
    return torch.stack([*deltas, mean(error.abs() / target), mean(error.square()).sqrt(), mean(logs.abs())], dim=1)
