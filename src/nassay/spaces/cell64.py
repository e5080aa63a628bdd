"""A space of 64 networks, small enough to train each alone: made to study what weight sharing does to rankings.

Zhang et al. 2020, "Deeper Insights into Weight Sharing in Neural Architecture Search", arXiv:2001.01431: a cell of an
input and two inner nodes, each the sum of one operation of every earlier node; 4 operations on 3 edges. The cell's
output holds both inner nodes side by side, as in the authors' code (the paper says their sum); the last operation is
dilated 5x5, as there (the paper's figure says 3x3). Norms inside cells have no weights.
"""

import re
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Choose, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import conv_bn, piece, scale_channels
from nassay.spaces.cell_operations import cell_operation
from nassay.spaces.nb201 import relu_conv_bn

OPERATIONS = ("max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5")
BY_COST = (0, 3, 1, 2)  # operations from the smallest to the largest, at 16 channels
EDGES = ((1, 0), (2, 0), (2, 1))  # (target, source)
STEM_FACTOR = 3  # channels of the stem for one of a cell
NODES = 2


class Cell(nn.Module):
    """ReLU, 1x1 convolution and norm, then two nodes: (B, c_in, H, W) -> (B, 2 channels, H, W).

    Args:
        operation: makes the module of an edge, from its position and the number of channels.
        c_in: channels of the input.
        channels: of a node.
    """

    def __init__(self, operation: Callable[[int, int], nn.Module], c_in: int, channels: int) -> None:
        super().__init__()
        self.first = relu_conv_bn(c_in, channels, 1)
        self.edges = nn.ModuleDict({f"{t}<-{s}": operation(i, channels) for i, (t, s) in enumerate(EDGES)})
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.affine, module.weight, module.bias = False, None, None  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, 2 channels, H, W)."""
        nodes = [self.first(x)]
        for target in range(1, NODES + 1):
            terms = [self.edges[f"{target}<-{source}"](nodes[source]) for source in range(target)]
            nodes.append(sum(terms[1:], terms[0]))
        return torch.cat(nodes[1:], 1)


def _operation(name: str, channels: int) -> nn.Module:
    module = cell_operation(name, channels, 1)
    return nn.Sequential(module, nn.BatchNorm2d(channels)) if name.startswith("max_pool") else module


def _operations(channels: int) -> list[nn.Module]:
    return [_operation(name, channels) for name in OPERATIONS]


def _stem(c_in: int, c_out: int) -> nn.Module:
    """Two 3x3 convolutions, each with norm, no ReLU: (B, c_in, H, W) -> (B, c_out, H, W)."""
    return nn.Sequential(conv_bn(c_in, c_out, 3, relu=False), conv_bn(c_out, c_out, 3, relu=False))


@spaces.register("cell64", paper="Zhang et al. 2020, arXiv:2001.01431")
class Cell64(Space):
    """The 64 networks of the weight-sharing study.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs of the head.
        channels: of a node of a cell.
        cells: how many cells follow each other.
    """

    name = "cell64"
    options = (len(OPERATIONS),) * len(EDGES)

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_outputs: int = 10,
        channels: int = 16,
        cells: int = 4,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        if channels < 1 or cells < 1:
            raise UserError(f"channels and cells must be at least 1, found {channels=} {cells=}.")
        self.channels, self.cells = channels, cells

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and cells of one size; see `Space.layout`."""
        choices = self.check(architecture).choices
        return self._layout(("cell", choices), lambda edge, c: _operation(OPERATIONS[choices[edge]], c), width)

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The same network with all operations on every edge; see `Space.super_layout`."""
        return self._layout(("super cell",), lambda edge, c: choose(edge, _operations, c), width)

    def _layout(self, key: tuple[object, ...], operation: Callable[[int, int], nn.Module], width: float) -> Layout:
        c = scale_channels(self.channels, width)
        inputs = [STEM_FACTOR * c] + [NODES * c] * (self.cells - 1)
        blocks = tuple(Piece((*key, c_in, c), partial(Cell, operation, c_in, c)) for c_in in inputs)
        arguments = (self.input_shape[0], STEM_FACTOR * c)
        return Layout(Piece(("stem", *arguments), partial(_stem, *arguments)), blocks, piece(nn.Identity), NODES * c)

    def graph(self, architecture: Architecture) -> Graph:
        """The cell with operations as nodes."""
        labels = [OPERATIONS[c] for c in self.check(architecture).choices]
        return Graph(("input", *labels, "output"), ((0, 1), (0, 2), (1, 3), (1, 4), (2, 4), (3, 4)))

    def to_string(self, architecture: Architecture) -> str:
        """The study's own string, a digit from 1 to 4 for each edge, such as `434`."""
        return "".join(str(c + 1) for c in self.check(architecture).choices)

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        if not re.fullmatch("[1-4]{3}", text.strip()):
            raise UserError(f"{text!r} is not a cell64 network; they read '434', a digit from 1 to 4 an edge.")
        return Architecture(self.name, tuple(int(digit) - 1 for digit in text.strip()))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Every edge's operation made cheaper in proportion."""
        ranks = (BY_COST.index(c) for c in self.check(architecture).choices)
        return Architecture(self.name, tuple(BY_COST[int((rank + 0.5) * factor)] for rank in ranks))

    @property
    def sums(self) -> tuple[tuple[int, ...], ...]:
        """The edges into each node."""
        return tuple(tuple(i for i, (t, _) in enumerate(EDGES) if t == node) for node in range(1, NODES + 1))

    def networks(self) -> list[Architecture]:
        """All 64 in lexicographic order, which is that of the published tables."""
        return [Architecture(self.name, (i // 16, i // 4 % 4, i % 4)) for i in range(64)]
