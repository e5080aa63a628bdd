"""Average pooling as a depthwise convolution: on a CPU, for large channels-last maps, several times faster.

Forward and backward are each one convolution with a constant kernel and, where the padding does not count, one product
with a constant map. Values are those of `avg_pool2d` up to rounding.
"""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Pair = tuple[int, int]
PRECISIONS = (torch.float32, torch.bfloat16)  # those with a fast convolution
LARGE = 2**17  # elements; for smaller maps the convolution's fixed price is larger


def avg_pool2d(
    x: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """As `torch.nn.functional.avg_pool2d`, and by it where a convolution is not faster.

    Args:
        x: (B, C, H, W).
        kernel_size: height and width of a window.
        stride: the kernel's size by default; a convolution takes over where it is 1.
        padding: of zeros, at most half of the kernel.
        ceil_mode: whether windows may begin that end outside; of no consequence where the stride is 1.
        count_include_pad: whether the padding counts in the mean.
        divisor_override: in place of the window's size.
    """
    if not _pays(x, stride) or divisor_override is not None:
        return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    kernel, padded = _pair(kernel_size), _pair(padding)
    pooled = F.conv2d(x, _kernel(x.shape[1], kernel, x.dtype), padding=padded, groups=x.shape[1])
    if count_include_pad or padded == (0, 0):
        return pooled
    return pooled.mul_(_shares((x.shape[2], x.shape[3]), kernel, padded, x.dtype))


def _pays(x: Tensor, stride: Any) -> bool:
    plain = x.ndim == 4 and x.device.type == "cpu" and x.dtype in PRECISIONS and x.numel() >= LARGE
    return plain and stride in (1, (1, 1)) and x.is_contiguous(memory_format=torch.channels_last)


def _pair(value: int | tuple[int, ...]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


@lru_cache(maxsize=64)
def _kernel(channels: int, kernel: Pair, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):
        return torch.full((channels, 1, *kernel), 1 / (kernel[0] * kernel[1]), dtype=dtype)


@lru_cache(maxsize=64)
def _shares(size: Pair, kernel: Pair, padding: Pair, dtype: torch.dtype) -> Tensor:
    """(1, 1, H', W'): elements of a window, over those that lie inside."""
    with torch.inference_mode(False):
        return (1 / F.avg_pool2d(torch.ones(1, 1, *size), kernel, 1, padding)).to(dtype)
