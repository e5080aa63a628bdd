"""The frame of TransNAS-Bench-101's networks: a stem, modules of two cells each, pooling, a linear layer.

Duan et al. 2021, arXiv:2105.11871. A string such as `64-41414-1_02_333` or `64-1234-basic` has the first module's
channels, one digit a module and the cell. The digit 1 stands for a module that changes nothing, 2 for twice the
channels, 3 for half the resolution, 4 for both; its first cell does it. The stem halves the size twice.

The rules were read in the published code (which calls the networks encoders). The published sizes are those of 256x256
inputs. Smaller inputs than the strides need (a map of at least 4x4 at the end) lose strides: the first convolution's
goes first, then the second one's, then the last modules'; the parameters stay the same but for a shortcut where a
stride alone had made one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from nassay.spaces.blocks import halved_at, init_convolutions
from nassay.spaces.nb201 import relu_conv_bn

CHANNELS = 64
CELLS_PER_MODULE = 2
STEM = (-1, -2)  # the stem's convolutions in the order in which they keep their strides


@dataclass(frozen=True, slots=True)
class Module:
    """One module's changes."""

    doubles: bool
    halves: bool

    @property
    def digit(self) -> int:
        """1 nothing, 2 twice the channels, 3 half the resolution, 4 both."""
        return 1 + self.doubles + 2 * self.halves


@dataclass(frozen=True, slots=True)
class CellShape:
    """Channels and stride of one cell."""

    c_in: int
    c_out: int
    stride: int


class Stem(nn.Sequential):
    """Two 3x3 convolutions: (B, c_in, H, W) -> (B, c_out, H / 4, W / 4) where both have stride 2.

    Args:
        c_in: channels of the input.
        c_out: channels of the output; the first convolution has half as many.
        strides: of the two convolutions.
    """

    def __init__(self, c_in: int, c_out: int, strides: tuple[int, int]) -> None:
        inner = max(1, c_out // 2)
        super().__init__(
            nn.Conv2d(c_in, inner, 3, strides[0], 1, bias=False),
            nn.BatchNorm2d(inner),
            relu_conv_bn(inner, c_out, 3, stride=strides[1]),
        )
        init_convolutions(self)


def plan(
    modules: Sequence[Module], channels: int, input_shape: tuple[int, int, int]
) -> tuple[tuple[int, int], list[CellShape]]:
    """The stem's strides and the shape of every cell.

    Args:
        modules: the digits of the string.
        channels: of the first module's input.
        input_shape: (C, H, W) of one input.
    """
    order = [i for i, module in enumerate(modules) if module.halves]
    halved = halved_at([*order, *STEM], input_shape, most=len(order) + len(STEM))
    cells, c_in = [], channels
    for i, module in enumerate(modules):
        for j in range(CELLS_PER_MODULE):
            first = j == 0
            c_out = 2 * c_in if first and module.doubles else c_in
            cells.append(CellShape(c_in, c_out, 2 if first and i in halved else 1))
            c_in = c_out
    return (2 if STEM[1] in halved else 1, 2 if STEM[0] in halved else 1), cells
