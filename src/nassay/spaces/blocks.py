"""What the convolutional spaces share: the stride rule, channel rounding, small blocks, initialisation.

Shapes: B batch, C channels, H W space.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Graph, Piece

M = TypeVar("M", bound=nn.Module)

SMALLEST_FINAL_MAP = 4
MOST_DOWNSAMPLINGS = 5


def num_downsamplings(input_shape: tuple[int, int, int], most: int = MOST_DOWNSAMPLINGS) -> int:
    """How often a network halves its input: as often as the shorter side stays at least 4, at most `most` times.

    Every stride-2 layer is padded, so that a side of n becomes ceil(n / 2): an 8x8 input ends as 4x4, 32x32
    as 4x4, 33x21 as 9x6, 224x224 as 7x7.

    Args:
        input_shape: (C, H, W) of one input.
        most: the largest number of times.
    """
    side, times = min(input_shape[1:]), 0
    while times < most and -(-side // 2) >= SMALLEST_FINAL_MAP:
        side, times = -(-side // 2), times + 1
    return times


def halved_at(
    order: Sequence[int], input_shape: tuple[int, int, int], most: int = MOST_DOWNSAMPLINGS
) -> frozenset[int]:
    """The parts of a network whose first layer has stride 2: as many of `order` as the input size asks for.

    Args:
        order: parts of the network (0 the stem, i stage i) in the order in which strides are given out.
        input_shape: (C, H, W) of one input.
        most: the largest number of strides.
    """
    return frozenset(order[: num_downsamplings(input_shape, most)])


def option_index(what: str, value: float, known: Sequence[float]) -> int:
    """The index of a value among the options of a choice.

    Raises:
        UserError: there is no such option; the text names `what` and the options.
    """
    if value not in known:
        raise UserError(f"There is no {what} {value} here, only {', '.join(map(str, known))}.")
    return known.index(value)


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, at least one `divisor` (halves round up)."""
    return max(divisor, int(channels + divisor / 2) // divisor * divisor)


def scale_channels(channels: int, width: float) -> int:
    """A channel count at a width fidelity: `channels * width`, rounded, at least 1.

    Raises:
        UserError: `width` is not positive.
    """
    if width <= 0:
        raise UserError(f"width must be positive, found {width}.")
    return max(1, round(channels * width))


def spread_choice(options: int, size: float, rng: np.random.Generator) -> int:
    """An option index drawn around a size that several choices share: Binomial(options - 1, size).

    With `size` uniform on [0, 1] each choice alone is exactly uniform (beta-binomial, alpha = beta = 1), but
    all of them together run from the smallest networks to the largest. Independent choices would average out,
    and nearly all samples would have the same cost.

    Args:
        options: number of options, ordered small to large.
        size: in [0, 1].
        rng: source of randomness.
    """
    return int(rng.binomial(options - 1, size))


def conv_bn(
    c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, if asked, ReLU: (B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out),
    ]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class SqueezeExcite(nn.Module):
    """Channel gate from the pooled features (Hu et al. 2018, arXiv:1709.01507; hard sigmoid of MobileNetV3).

    Args:
        channels: channels of input and output.
        squeezed: channels of the bottleneck.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, squeezed, 1),
            nn.ReLU(),
            nn.Conv2d(squeezed, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), each channel multiplied by its gate in [0, 1]."""
        return x * self.gate(x)


def piece(make: Callable[..., nn.Module], *args: Any, **kwargs: Any) -> Piece:
    """A piece of a layout: `init_convolutions(make(*args, **kwargs))`, known by these arguments."""
    return Piece((make.__qualname__, *args, *kwargs.items()), lambda: init_convolutions(make(*args, **kwargs)))


def init_convolutions(module: M) -> M:
    """He-uniform initialisation of every convolution by its fan-out, groups respected; returns the module.

    Weights in +-sqrt(6 / (k_h * k_w * c_out / groups)), He et al. 2015, arXiv:1502.01852; biases become zero.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.weight[0, 0].numel() * layer.out_channels // layer.groups
            bound = (6 / fan_out) ** 0.5
            nn.init.uniform_(layer.weight, -bound, bound)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


def chain_graph(blocks: Sequence[tuple[str, bool]]) -> Graph:
    """The graph of a chain of blocks, each a label and whether an identity runs past it.

    An identity becomes an `add` node behind its block. Node 0 is `input`, the last node `output`.
    """
    labels, edges, last = ["input"], [], 0
    for label, residual in blocks:
        labels.append(label)
        here = len(labels) - 1
        edges.append((last, here))
        if residual:
            labels.append("add")
            edges += [(last, here + 1), (here, here + 1)]
        last = len(labels) - 1
    labels.append("output")
    return Graph(tuple(labels), (*edges, (last, len(labels) - 1)))
