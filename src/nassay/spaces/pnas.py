"""PNAS: one cell of one to five blocks, the space that Progressive Neural Architecture Search grows through.

Liu et al. 2018, arXiv:1712.00559. A block is the sum of two operations, each on one of the two cells before or on an
earlier block of the cell; eight operations. With I inputs there are (8 I)^2 blocks, 136 different first ones; they grow
into 40,800 cells of two blocks, 31,620 different ones. A network has three times `cells` such cells. The first of the
second and of the last third halves the size, by operations of stride 2 on the cells before, and doubles the channels.
See `genotype` for cells and stem.

Verified: PNASNet-5 with three cells a third has the 3.2 million parameters (CIFAR-10, width 48) and 5.1 million
(ImageNet, width 54) of the published networks; that the output concatenates all blocks, not the unused ones alone, is
read in their code. What a cell that reads only one of the cells before does not need is not built: behind a cell that
reads the last one only nothing is carried past it, and of cells that read only the one before the last every other one
is left out.
"""

import re
from itertools import combinations_with_replacement
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import piece, scale_channels
from nassay.spaces.cell_operations import FactorizedReduce, cell_operation
from nassay.spaces.genotype import (
    IMAGENET_SIDE,
    NUM_INPUTS,
    CellPlan,
    Edge,
    NetworkPlan,
    Stem,
    all_nodes,
    canonical_edges,
    changed_edges,
    loose_ends,
    network_graph,
    network_layout,
)
from nassay.spaces.nb201 import relu_conv_bn

# PNASNet-5's cell, read in the code of the published networks; there 0 is the last cell, here it is 1.
PNASNET_5 = (
    "0:sep_conv_5x5+0:max_pool_3x3|1:sep_conv_7x7+1:max_pool_3x3|1:sep_conv_5x5+1:sep_conv_3x3|"
    "4:sep_conv_3x3+1:max_pool_3x3|0:sep_conv_3x3+1:skip_connect"
)


class ChainCell(nn.Module):
    """A cell that reads one cell only.

    Args:
        edges: (operation, source) pairs, two a block; sources 0 and 1 are the same here.
        c_in: channels of the input.
        channels: of each block.
        reduction: whether it halves the size.
        over_reduction: whether it reads past a cell that does.
    """

    def __init__(
        self, edges: tuple[Edge, ...], c_in: int, channels: int, reduction: bool, over_reduction: bool
    ) -> None:
        super().__init__()
        self.sources = [source for _, source in edges]
        self.prepare = FactorizedReduce(c_in, channels) if over_reduction else relu_conv_bn(c_in, channels, 1)
        self.edges = nn.ModuleList(
            cell_operation(name, channels, 2 if reduction and source < NUM_INPUTS else 1) for name, source in edges
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, blocks * channels, H, W), of half the size for each reduction."""
        nodes = [self.prepare(x)] * NUM_INPUTS
        for i in range(0, len(self.edges), 2):
            left, right = (self.edges[j](nodes[self.sources[j]]) for j in (i, i + 1))
            nodes.append(left + right)
        return torch.cat(nodes[NUM_INPUTS:], 1)


def _chain_stem(c_in: int, width: int, imagenet: bool) -> nn.Module:
    stem = Stem(c_in, width, imagenet)
    return nn.Sequential(stem.first, stem.second)


def chain_layout(plan: NetworkPlan, input_shape: tuple[int, int, int]) -> Layout:
    """The network of cells that read only the last cell, or only the one before it; see the module's text.

    Args:
        plan: the network; both cells are the same.
        input_shape: (C, H, W) of one input.
    """
    edges = plan.normal.edges
    hop = 1 if any(source == 1 for _, source in edges) else 2
    imagenet = min(input_shape[1:]) >= IMAGENET_SIDE
    reductions = (plan.depth // 3, 2 * plan.depth // 3)
    c_in = plan.width if imagenet else 3 * plan.width
    blocks: list[Piece] = []
    for i in range((plan.depth - 1) % hop, plan.depth, hop):
        channels = plan.width << sum(i >= r for r in reductions)
        over_reduction = hop == 2 and i - 1 in reductions
        blocks.append(piece(ChainCell, edges, c_in, channels, i in reductions, over_reduction))
        c_in = channels * len(plan.normal.concat)
    return Layout(piece(_chain_stem, input_shape[0], plan.width, imagenet), tuple(blocks), piece(nn.Identity), c_in)


@spaces.register("pnas", paper="Liu et al. 2018, arXiv:1712.00559")
class PNASSpace(Space):
    """PNAS: one cell of at most five blocks, used at two strides, that a progressive search grows block by block.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs of the head.
        blocks: the most blocks a cell may have; `sample` draws cells of so many.
        cells: cells of stride 1 in each third of the network.
        width: channels of a block in the first third.
    """

    name = "pnas"
    # as in `nds_pnas`, from small to large where they have stride 2
    operations: ClassVar[tuple[str, ...]] = (
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "dil_conv_3x3",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_7x1_1x7",
    )

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_outputs: int = 10,
        blocks: int = 5,
        cells: int = 2,
        width: int = 24,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        if min(blocks, cells, width) < 1:
            raise UserError(f"blocks, cells and width must be at least 1, found {blocks=} {cells=} {width=}.")
        self.blocks, self.cells, self.width = blocks, cells, width
        block_options = [n for i in range(blocks) for n in (len(self.operations), NUM_INPUTS + i) * 2]
        self.options = (blocks, *block_options)

    # Cells ------------------------------------------------------------------------------------------------------

    def edges(self, architecture: Architecture) -> tuple[Edge, ...]:
        """The cell as (operation, source) pairs, two a block; what lies behind the last block does not count.

        Raises:
            UserError: not a point of this space.
        """
        last, *rest = self.check(architecture).choices
        pairs = [(self.operations[op], source) for op, source in zip(rest[::2], rest[1::2], strict=True)]
        return tuple(pairs[: 2 * (last + 1)])

    def architecture(self, edges: tuple[Edge, ...]) -> Architecture:
        """The canonical architecture of a cell; its blocks may be in any order."""
        return self._encoding(canonical_edges(edges, self.operations))

    def _encoding(self, edges: tuple[Edge, ...]) -> Architecture:
        found = [n for name, source in edges for n in (self.operations.index(name), source)]
        unused = [0] * (len(self.options) - 1 - len(found))
        return Architecture(self.name, (len(edges) // 2 - 1, *found, *unused))

    def canonical(self, architecture: Architecture) -> Architecture:
        """The same cell with blocks and edges in the order of `genotype.canonical_edges`, zeros behind the last."""
        return self.architecture(self.edges(architecture))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A canonical cell of `blocks` blocks, every operation and source uniform."""
        choices = [int(rng.integers(n)) for n in self.options[1:]]
        return self.canonical(Architecture(self.name, (self.blocks - 1, *choices)))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """The first of the blocks, and smaller operations, in proportion; no source is changed."""
        edges = self.edges(self.canonical(architecture))
        kept = edges[: 2 * (int((len(edges) // 2 - 0.5) * factor) + 1)]
        smaller = [(self.operations[int((self.operations.index(name) + 0.5) * factor)], s) for name, s in kept]
        return self.architecture(tuple(smaller))

    def growth_steps(self, most: int) -> int:
        """A step a block."""
        del most
        return self.blocks

    def grown(
        self, architecture: Architecture | None, step: int, steps: int, rng: np.random.Generator, most: int
    ) -> list[Architecture]:
        """All canonical cells of one block more, one for each block that can be added; see `Space.grown`."""
        del step, steps  # the cell says how large it is
        edges = () if architecture is None else self.edges(architecture)
        blocks = self._next_blocks(edges)
        if len(blocks) > most:
            blocks = [blocks[i] for i in np.sort(rng.choice(len(blocks), most, replace=False))]
        return [self.architecture((*edges, *block)) for block in blocks]

    def _next_blocks(self, edges: tuple[Edge, ...]) -> list[tuple[Edge, Edge]]:
        """Every block that can follow, the two edges in one order; none behind a cell of `blocks` blocks."""
        if len(edges) == 2 * self.blocks:
            return []
        sources = range(NUM_INPUTS + len(edges) // 2)
        return list(combinations_with_replacement([(name, s) for name in self.operations for s in sources], 2))

    def words(self, architecture: Architecture) -> list[tuple[int, ...]]:
        """A word a block: its two sources and its two operations, as in the paper; see `Space.words`."""
        edges = self.edges(self.canonical(architecture))
        first = NUM_INPUTS + self.blocks - 1  # token of the first operation
        sources = [source for _, source in edges]
        operations = [first + self.operations.index(name) for name, _ in edges]
        return [(*sources[i : i + 2], *operations[i : i + 2]) for i in range(0, len(edges), 2)]

    @property
    def vocabulary(self) -> int:
        """Number of tokens: every source, every operation."""
        return NUM_INPUTS + self.blocks - 1 + len(self.operations)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical cells with another operation or source, with a block more, or without one, sorted."""
        here = self.canonical(architecture)
        return sorted({self.architecture(edges) for edges in self._changes(self.edges(here))} - {here})

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour; a change is drawn, so that cells with many more blocks to add mostly grow."""
        here = self.canonical(architecture)
        changes = self._changes(self.edges(here))
        while True:
            near = self.architecture(changes[rng.integers(len(changes))])
            if near != here:
                return near

    def _changes(self, edges: tuple[Edge, ...]) -> list[tuple[Edge, ...]]:
        more = [(*edges, *block) for block in self._next_blocks(edges)]
        return changed_edges(edges, self.operations) + more + _without_a_block(edges)

    # Networks ---------------------------------------------------------------------------------------------------

    def plan(self, architecture: Architecture, width: float = 1.0) -> NetworkPlan:
        """The network in readable terms, its channels times `width`."""
        edges = self.edges(architecture)
        cell = CellPlan(edges, all_nodes(edges))
        return NetworkPlan(cell, cell, 3 * self.cells, scale_channels(self.width, width))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and cells; see `Space.layout`. The encoding's order of blocks is kept."""
        plan = self.plan(architecture, width)
        read = {source for _, source in plan.normal.edges if source < NUM_INPUTS}
        return (network_layout if len(read) == NUM_INPUTS else chain_layout)(plan, self.input_shape)

    def graph(self, architecture: Architecture) -> Graph:
        """The cell twice, once for each stride; see `genotype.network_graph`."""
        return network_graph(self.plan(architecture))

    def to_string(self, architecture: Architecture) -> str:
        """Such as `0:sep_conv_3x3+1:skip_connect|2:max_pool_3x3+0:sep_conv_5x5`, a term a block.

        Source 0 is the cell before the last one, 1 the last one, 2 the first block.
        """
        terms = [f"{source}:{name}" for name, source in self.edges(architecture)]
        return "|".join(f"{left}+{right}" for left, right in zip(terms[::2], terms[1::2], strict=True))

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`; the blocks' order is kept.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        terms = [re.fullmatch(r"(\d):(\w+)", term) for term in re.split(r"[+|]", text.strip())]
        edges = tuple((term[2], int(term[1])) for term in terms if term and term[2] in self.operations)
        if len(edges) == len(terms) and len(edges) in range(2, 2 * self.blocks + 1, 2):
            found = self._encoding(edges)
            in_range = all(c < n for c, n in zip(found.choices, self.options, strict=True))
            if in_range and self.to_string(found) == text.strip():
                return found
        raise UserError(
            f"{text!r} is not a cell of {self.name!r}; they read {PNASNET_5!r}, at most {self.blocks} blocks of two "
            f"terms SOURCE:OPERATION, with the operations {', '.join(self.operations)}."
        )


def _without_a_block(edges: tuple[Edge, ...]) -> list[tuple[Edge, ...]]:
    """The cells without one of the blocks that no other reads; none of a cell of one block."""
    if len(edges) == 2:
        return []
    return [
        tuple((name, s - (s > node)) for name, s in edges[: 2 * (node - NUM_INPUTS)] + edges[2 * (node - 1) :])
        for node in loose_ends(edges)
    ]
