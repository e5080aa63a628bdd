"""Standardisation per channel, as a module that an export can bake in front of the network."""

import numpy as np
import torch
from torch import Tensor, nn

from nassay.tasks.image_data import scale_of


class Normalizer(nn.Module):
    """(x - mean) / std for each channel.

    Args:
        mean: C means of the raw input (pixels scaled to 0..1, or raw floats).
        std: C standard deviations, each positive.

    Shapes: (N, C, H, W) float32 to the same.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise a batch."""
        return (x - self.mean) / self.std


def channel_statistics(x: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of (N, C, H, W) images, after scaling uint8 to 0..1.

    Two passes in float64, 256 images at a time. A channel that never changes gets the standard deviation 1.
    """
    per_channel = x.shape[0] * x.shape[2] * x.shape[3]
    chunks = range(0, len(x), 256)
    mean = sum(x[i : i + 256].sum(axis=(0, 2, 3), dtype=np.float64) for i in chunks) / per_channel
    center = mean.reshape(1, -1, 1, 1)
    squares = sum(((x[i : i + 256] - center) ** 2).sum(axis=(0, 2, 3)) for i in chunks) / per_channel
    std = np.sqrt(squares) * scale_of(x)
    return (mean * scale_of(x)).tolist(), np.where(std > 0, std, 1.0).tolist()
