"""NAS-Bench-201: a cell of four nodes and six edges, repeated in three sizes.

Dong & Yang 2020, arXiv:2001.00326. Node i is the sum of one operation of each earlier node; the network is a
stem, three times `cells` cells with a residual reduction between them, batch norm and ReLU, pooling, a linear
layer.

The parameters equal those of the published table for every architecture. One thing is added: the shortcut of
a reduction pools with `ceil_mode`, so that odd sizes work; even sizes are not changed by it.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Choose, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import scale_channels
from nassay.spaces.nb201_equivalence import (
    EDGES,
    NONE,
    OPERATIONS,
    OUTPUT_NODE,
    SKIP,
    Choices,
    classes,
    live_edges,
    one_edge_away,
)

# What an edge costs, as a rank: pooling has no parameters and less work than any convolution.
COST_RANK = {"none": 0, "skip_connect": 1, "avg_pool_3x3": 2, "nor_conv_1x1": 3, "nor_conv_3x3": 4}


def relu_conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution without bias, batch norm: (B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
    )


def _operation(name: str, channels: int) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return relu_conv_bn(channels, channels, 3 if name == "nor_conv_3x3" else 1)


class Cell(nn.Module):
    """The searched cell; `none` edges have no module, a node without inputs is zero.

    Args:
        choices: operation index of each of the six edges.
        channels: channels of input and output.
    """

    def __init__(self, choices: Choices, channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{target}<-{source}": _operation(OPERATIONS[choice], channels)
                for (target, source), choice in zip(EDGES, choices, strict=True)
                if choice != NONE
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        nodes = {0: x}
        for target in range(1, OUTPUT_NODE + 1):
            for source in range(target):
                if (edge := f"{target}<-{source}") in self.edges and connects(self.edges[edge]):
                    # Zeros that stay connected to the input: its gradient is then zero, not missing.
                    term = self.edges[edge](nodes[source] if source in nodes else x * 0)
                    nodes[target] = nodes[target] + term if target in nodes else term
        return nodes[OUTPUT_NODE] if OUTPUT_NODE in nodes else x * 0


def connects(edge: nn.Module) -> bool:
    """Whether an edge is there; in a super-network that is as it is selected."""
    found: bool = getattr(edge, "connects", True)
    return found


class Zero(nn.Module):
    """No connection, in a super-network: zeros that stay connected to the input."""

    connects = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> zeros of the same shape."""
        return x * 0


class SuperCell(Cell):
    """The cell with all operations on every edge.

    Args:
        choose: see `Space.super_layout`.
        options: how many of the operations an edge has.
        channels: channels of input and output.
    """

    def __init__(self, choose: Choose, options: int, channels: int) -> None:
        nn.Module.__init__(self)
        names = OPERATIONS[:options]
        self.edges = nn.ModuleDict(
            {
                f"{target}<-{source}": choose(position, partial(_operations, names), channels)
                for position, (target, source) in enumerate(EDGES)
            }
        )


def _operations(names: Sequence[str], channels: int) -> list[nn.Module]:
    return [Zero() if name == OPERATIONS[NONE] else _operation(name, channels) for name in names]


class Reduction(nn.Module):
    """Residual block that halves the size: (B, c_in, H, W) -> (B, c_out, ceil(H / 2), ceil(W / 2))."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(relu_conv_bn(c_in, c_out, 3, stride=2), relu_conv_bn(c_out, c_out, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, ceil(H / 2), ceil(W / 2))."""
        return self.shortcut(x) + self.convolutions(x)


def cell_graph(choices: Choices, operations: Sequence[str]) -> Graph:
    """The graph of a cell of four nodes, its live operations as nodes.

    Args:
        choices: operation index of each of the six edges.
        operations: names of the operations.
    """
    live = sorted(live_edges(choices))
    ends = [(0, -1)] + [EDGES[i] for i in live] + [(-1, OUTPUT_NODE)]
    edges = tuple(
        (a, b)
        for a, (target, _) in enumerate(ends)
        for b, (_, source) in enumerate(ends)
        if target == source and target >= 0
    )
    return Graph(("input", *(operations[choices[i]] for i in live), "output"), edges)


def _stem(c_in: int, c_out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out))


def norm_relu(channels: int) -> nn.Module:
    """Batch norm and ReLU: (B, channels, H, W) -> the same."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())


@spaces.register("nb201", paper="Dong & Yang 2020, arXiv:2001.00326")
class NB201(Space):
    """NAS-Bench-201, 15,625 cells of six edges with five operations each.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs of the head.
        channels: channels of the first third of the network; the others have two and four times as many.
        cells: cells in each third.
    """

    name = "nb201"
    options = (len(OPERATIONS),) * len(EDGES)

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_outputs: int = 10,
        channels: int = 16,
        cells: int = 5,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        if channels < 1 or cells < 1:
            raise UserError(f"channels and cells must be at least 1, found {channels=} {cells=}.")
        self.channels = channels
        self.cells = cells

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem, cells with reductions between the thirds, and the last norm and ReLU; see `Space.layout`.

        The encoding is built as it is, dead edges included; its canonical form has none.
        """
        choices = self.check(architecture).choices
        return self._layout(lambda c: Piece(("cell", choices, c), partial(Cell, choices, c)), width)

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The same network with all operations on every edge; see `Space.super_layout`."""
        options = self.options[0]
        return self._layout(lambda c: Piece(("super cell", c), partial(SuperCell, choose, options, c)), width)

    def _layout(self, cell: Callable[[int], Piece], width: float) -> Layout:
        """The network around the cells of so many channels."""
        c = scale_channels(self.channels, width)
        blocks: list[Piece] = []
        for channels in (c, 2 * c, 4 * c):
            if blocks:
                blocks.append(Piece(("reduction", channels), partial(Reduction, channels // 2, channels)))
            blocks += [cell(channels)] * self.cells
        stem = Piece(("stem", self.input_shape[0], c), partial(_stem, self.input_shape[0], c))
        return Layout(stem, tuple(blocks), Piece(("tail", 4 * c), partial(norm_relu, 4 * c)), 4 * c)

    def graph(self, architecture: Architecture) -> Graph:
        """The cell with operations as nodes: those on a way from input to output, `none` left out."""
        return cell_graph(self.check(architecture).choices, OPERATIONS)

    def to_string(self, architecture: Architecture) -> str:
        """NAS-Bench-201's own string, such as `|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|...|`."""
        terms = [
            f"{OPERATIONS[choice]}~{source}|"
            for (_, source), choice in zip(EDGES, self.check(architecture).choices, strict=True)
        ]
        return f"|{terms[0]}+|{''.join(terms[1:3])}+|{''.join(terms[3:])}"

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        names = re.findall(r"(\w+)~\d", text)
        if all(name in OPERATIONS for name in names) and len(names) == len(EDGES):
            found = Architecture(self.name, tuple(OPERATIONS.index(name) for name in names))
            if self.to_string(found) == text.strip():
                return found
        raise UserError(
            f"{text!r} is not a NAS-Bench-201 cell; they read {self.to_string(self.smallest())!r} "
            f"with the operations {', '.join(OPERATIONS)}."
        )

    def canonical(self, architecture: Architecture) -> Architecture:
        """The first encoding, in lexicographic order, of the same computation; see `nb201_equivalence`."""
        return Architecture(self.name, classes()[0][self.check(architecture).choices])

    def smallest(self) -> Architecture:
        """The cell that only passes its input on."""
        return Architecture(self.name, (NONE, NONE, NONE, SKIP, NONE, NONE))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Every edge's operation made cheaper in proportion, down to the identity: nothing is cut."""
        by_cost = sorted(range(len(OPERATIONS)), key=lambda i: COST_RANK[OPERATIONS[i]])
        ranks = (by_cost.index(c) for c in self.check(architecture).choices)
        skip = by_cost.index(SKIP)
        choices = tuple(by_cost[min(r, max(skip, int((r + 0.5) * factor)))] for r in ranks)
        return self.canonical(Architecture(self.name, choices))

    @property
    def sums(self) -> tuple[tuple[int, ...], ...]:
        """The edges into each node."""
        return tuple(tuple(i for i, (t, _) in enumerate(EDGES) if t == node) for node in range(1, OUTPUT_NODE + 1))

    @property
    def unfixed(self) -> tuple[int, ...]:
        """Identities: an edge that is not fixed yet passes its input on, so that the others can be judged."""
        return (SKIP,) * len(EDGES)

    def is_dead(self, architecture: Architecture) -> bool:
        """Whether no way leads from the cell's input to its output: the network's output is constant."""
        return not live_edges(self.check(architecture).choices)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures one edge away from any encoding of this one, sorted."""
        near = one_edge_away(self.canonical(architecture).choices, len(OPERATIONS), classes())
        return [Architecture(self.name, choices) for choices in near]
