"""The memory layout in which a network computes."""

import torch
from torch import nn

SAFE_CHANNELS = 16


def memory_format(network: nn.Module) -> torch.memory_format:
    """Channels last, which is faster, unless that crashes.

    In it the backward pass of a strided 1x1 convolution that reads fewer than 16 channels corrupts memory on some maps,
    such as 60x80 (oneDNN as in torch 2.13): the process dies or hangs.
    """
    pointwise = (m for m in network.modules() if isinstance(m, nn.Conv2d) and set(m.kernel_size) == {1})
    risky = any(max(m.stride) > 1 and m.in_channels // m.groups < SAFE_CHANNELS for m in pointwise)
    return torch.contiguous_format if risky else torch.channels_last
