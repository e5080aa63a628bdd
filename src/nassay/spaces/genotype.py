"""Cells of a genotype, as in NASNet and its successors, and the networks made of them.

A cell has two inputs, the outputs of the two cells before it, each brought to the cell's channels by a 1x1 convolution.
A node is the sum of two operations on earlier nodes; the output is the concatenation of some nodes. A network has
`normal` cells and, at one and two thirds of its depth, a `reduce` cell, in which operations on the inputs have stride
2 and the channels are doubled. Zoph et al. 2018, arXiv:1707.07012; the network is that of Liu et al. 2018,
arXiv:1806.09055 (DARTS), which Radosavovic et al. 2019, arXiv:1905.13214 (NDS), use for all families.

A network is a chain here, so that every block maps one tensor to one tensor: a block's output is the next cell's first
input, already brought to that cell's channels and size, beside the cell's own output. Nothing is computed twice, and
outputs and parameters are those of the network with two inputs a cell.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nassay.spaces.base import Graph, Layout, Piece
from nassay.spaces.blocks import piece
from nassay.spaces.cell_operations import FactorizedReduce, cell_operation
from nassay.spaces.isomorphism import orderings
from nassay.spaces.nb201 import relu_conv_bn

NUM_INPUTS = 2
NONE = "none"
IMAGENET_SIDE = 64  # inputs of at least this side have the ImageNet stem, which halves the size three times

Edge = tuple[str, int]


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One cell.

    Attributes:
        edges: (operation, source) pairs, two for each node; sources 0 and 1 are the cell's inputs, 2 the first node.
        concat: the sources that make up the output, sorted.
    """

    edges: tuple[Edge, ...]
    concat: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A network: `depth` cells, the first ones with `width` channels a node."""

    normal: CellPlan
    reduce: CellPlan
    depth: int
    width: int


def loose_ends(edges: Sequence[Edge]) -> tuple[int, ...]:
    """The nodes that no other node uses."""
    used = {source for _, source in edges}
    return tuple(i for i in range(NUM_INPUTS, NUM_INPUTS + len(edges) // 2) if i not in used)


def all_nodes(edges: Sequence[Edge]) -> tuple[int, ...]:
    """All nodes but the inputs."""
    return tuple(range(NUM_INPUTS, NUM_INPUTS + len(edges) // 2))


def canonical_edges(edges: Sequence[Edge], rank: Sequence[str]) -> tuple[Edge, ...]:
    """The same cell with its nodes, and the two edges of each node, in an order that isomorphic cells share.

    `none` computes zero from any source, so that its source becomes 0.

    Args:
        edges: two for each node, the nodes in any order.
        rank: the operations, in the order that sorts a node's edges.
    """
    edges = [(name, 0 if name == NONE else source) for name, source in edges]
    known = {0: "x", 1: "y"}

    def expression(node: int) -> str:
        if node not in known:
            terms = sorted(f"{name}({expression(source)})" for name, source in node_edges(edges, node))
            known[node] = f"[{'+'.join(terms)}]"
        return known[node]

    nodes = all_nodes(edges)

    def numbered(order: list[int]) -> list[tuple[int, int]]:
        number = {0: 0, 1: 1} | {nodes[old]: nodes[new] for new, old in enumerate(order)}
        pairs = (node_edges(edges, nodes[old]) for old in order)
        return [edge for pair in pairs for edge in sorted((rank.index(name), number[s]) for name, s in pair)]

    best = min(numbered(order) for order in orderings([expression(node) for node in nodes]))
    return tuple((rank[index], source) for index, source in best)


def node_edges(edges: Sequence[Edge], node: int) -> Sequence[Edge]:
    """The two edges of a node, 2 being the first one."""
    return edges[2 * (node - NUM_INPUTS) : 2 * (node - NUM_INPUTS) + 2]


def changed_edges(edges: Sequence[Edge], operations: Sequence[str]) -> list[tuple[Edge, ...]]:
    """Every cell in which one edge has another operation or another source, the nodes in any order.

    `none` has no source: it changes to any operation on any source. No node becomes its own ancestor.
    """
    found = []
    for i, (old, old_source) in enumerate(edges):
        node = NUM_INPUTS + i // 2
        sources = [s for s in range(NUM_INPUTS + len(edges) // 2) if not _depends(edges, s, node)]
        for name in operations:
            for source in sources:
                if old == NONE or name == old or source == old_source:
                    found.append((*edges[:i], (name, source), *edges[i + 1 :]))
    return found


def _depends(edges: Sequence[Edge], node: int, on: int) -> bool:
    return node == on or (
        node >= NUM_INPUTS and any(_depends(edges, source, on) for _, source in node_edges(edges, node))
    )


class Stem(nn.Module):
    """The network's first two feature maps, side by side, the first one brought to the first cell's input.

    For ImageNet two and three 3x3 convolutions with stride 2; for smaller inputs one and the same 3x3 convolution with
    three times the width.

    Args:
        c_in: channels of the input.
        width: channels a node in the first cell.
        imagenet: which one.
    """

    def __init__(self, c_in: int, width: int, imagenet: bool) -> None:
        super().__init__()
        if imagenet:
            half = max(1, width // 2)
            first = [nn.Conv2d(c_in, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)]
            self.first = nn.Sequential(*first, relu_conv_bn(half, width, 3, 2))
            self.second: nn.Module = relu_conv_bn(width, width, 3, 2)
            self.prepare: nn.Module = FactorizedReduce(width, width)
        else:
            self.first = nn.Sequential(nn.Conv2d(c_in, 3 * width, 3, 1, 1, bias=False), nn.BatchNorm2d(3 * width))
            self.second = nn.Identity()
            self.prepare = relu_conv_bn(3 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, width + channels of the second map, H / 8, W / 8), or full size."""
        first = self.first(x)
        return torch.cat([self.prepare(first), self.second(first)], 1)


class ChainedCell(nn.Module, ABC):
    """What every cell does; see the module's text for the form of input and output.

    Args:
        edges: makes the operations by their names.
        c_in: channels of the output of the cell before.
        channels: of each node.
        reduction: whether it halves the size.
        c_next: channels of the next cell's nodes; 0 for the last cell, whose output stands alone.
    """

    concat: Sequence[int]

    def __init__(
        self, edges: Callable[[], dict[str, nn.Module]], c_in: int, channels: int, reduction: bool, c_next: int
    ) -> None:
        super().__init__()
        self.channels, self.stride = channels, 2 if reduction else 1
        self.second = relu_conv_bn(c_in, channels, 1)
        self.edges = nn.ModuleDict(edges())
        self.prepare: nn.Module | None = None
        if c_next:
            self.prepare = FactorizedReduce(c_in, c_next) if reduction else relu_conv_bn(c_in, c_next, 1)

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """The cell's two inputs, and the first input of the next cell if there is one."""
        before = x[:, self.channels :]
        return x[:, : self.channels], self.second(before), None if self.prepare is None else self.prepare(before)

    @abstractmethod
    def terms(self, node: int, nodes: Sequence[Tensor]) -> list[Tensor]:
        """What is added up in a node, 2 being the first one, from the inputs and the nodes before."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels + c_in, H, W) -> (B, c_next + nodes in the concatenation * channels, H / stride, W / stride)."""
        *nodes, prepared = self.inputs(x)
        while len(nodes) <= self.concat[-1]:
            terms = self.terms(len(nodes), nodes)
            nodes.append(sum(terms[1:], terms[0]) if terms else nodes[0][:, :, :: self.stride, :: self.stride] * 0)
        output = [nodes[i] for i in self.concat]
        return torch.cat(output if prepared is None else [prepared, *output], 1)


class Cell(ChainedCell):
    """A cell of a plan.

    Args:
        plan: the cell.
        c_in: see `ChainedCell`.
        channels: see `ChainedCell`.
        reduction: see `ChainedCell`.
        c_next: see `ChainedCell`.
    """

    def __init__(self, plan: CellPlan, c_in: int, channels: int, reduction: bool, c_next: int) -> None:
        stride = 2 if reduction else 1
        self.plan, self.concat = plan, plan.concat

        def edges() -> dict[str, nn.Module]:
            return {
                str(i): cell_operation(name, channels, stride if source < NUM_INPUTS else 1)
                for i, (name, source) in enumerate(plan.edges)
                if name != NONE
            }

        super().__init__(edges, c_in, channels, reduction, c_next)

    def terms(self, node: int, nodes: Sequence[Tensor]) -> list[Tensor]:
        """Both operations, without `none`."""
        first = 2 * (node - NUM_INPUTS)
        pair = enumerate(self.plan.edges[first : first + 2], start=first)
        return [self.edges[str(i)](nodes[source]) for i, (name, source) in pair if name != NONE]


def network_graph(plan: NetworkPlan) -> Graph:
    """The normal cell and behind it the reduction cell; see `cells_graph`."""
    return cells_graph(
        [([node_edges(c.edges, node) for node in all_nodes(c.edges)], c.concat) for c in (plan.normal, plan.reduce)]
    )


def cells_graph(cells: Sequence[tuple[Sequence[Sequence[Edge]], Sequence[int]]]) -> Graph:
    """Two cells in a row, operations as nodes, `none` and what has no input left out.

    Both inputs of the normal cell are the graph's input, both inputs of the reduction cell the normal cell's output.

    Args:
        cells: of the normal and the reduction cell the edges of each node, and the nodes that make up the output.
    """
    labels, edges, last = ["input"], [], 0
    for (cell, concat), output in zip(cells, ("concat", "output"), strict=True):
        nodes = [[last], [last]]
        for inputs in cell:
            made = []
            for name, source in inputs:
                if name != NONE and nodes[source]:
                    made.append(len(labels))
                    edges += [(i, len(labels)) for i in nodes[source]]
                    labels.append(name)
            nodes.append(made)
        last = len(labels)
        labels.append(output)
        edges += [(i, last) for node in concat for i in nodes[node]]
        if all(j != last for _, j in edges):
            return Graph(("input", "output"), ())
    return Graph(tuple(labels), tuple(edges))


def network_layout(plan: NetworkPlan, input_shape: tuple[int, int, int]) -> Layout:
    """Stem and cells of a network; the ImageNet version for inputs of at least 64 pixels.

    Args:
        plan: the network.
        input_shape: (C, H, W) of one input.
    """

    def cell(c_in: int, channels: int, reduction: bool, c_next: int) -> Piece:
        return piece(Cell, plan.reduce if reduction else plan.normal, c_in, channels, reduction, c_next)

    return cell_chain(cell, plan.depth, plan.width, (len(plan.normal.concat), len(plan.reduce.concat)), input_shape)


def cell_chain(
    make: Callable[[int, int, bool, int], Piece],
    depth: int,
    width: int,
    nodes: tuple[int, int],
    input_shape: tuple[int, int, int],
) -> Layout:
    """Stem and cells, the reduction cells at one and two thirds of the depth.

    Args:
        make: a cell, from the arguments of `Cell` behind the plan.
        depth: how many cells.
        width: channels a node of the first ones.
        nodes: how many make up the output of a normal and of a reduction cell.
        input_shape: (C, H, W) of one input.
    """
    imagenet = min(input_shape[1:]) >= IMAGENET_SIDE
    reductions = (depth // 3, 2 * depth // 3)
    channels = [width << sum(i >= r for r in reductions) for i in range(depth)]
    c_in = width if imagenet else 3 * width
    blocks: list[Piece] = []
    for i, (here, after) in enumerate(zip(channels, [*channels[1:], 0], strict=True)):
        blocks.append(make(c_in, here, i in reductions, after))
        c_in = here * nodes[i in reductions]
    return Layout(piece(Stem, input_shape[0], width, imagenet), tuple(blocks), piece(nn.Identity), c_in)
