"""NAS-Bench-101: a cell of up to seven vertices and nine edges, three times three of them in three sizes.

Ying et al. 2019, arXiv:1902.09635. Operations sit on the vertices. A vertex runs its operation on the sum of its
inputs; the output is the concatenation of the vertices that feed it. Whatever comes from the cell's input passes a 1x1
convolution; an edge from input to output is added to the concatenation. The channels of the output are shared out
equally among the vertices that feed it, the first of them taking what is left over; any other vertex has as many as the
widest vertex that it feeds, and hands on only the first ones where a vertex has fewer.

The rules were read in the published TensorFlow code. Verified (see tests/spaces/test_nb101.py): parameters and
multiply-accumulates equal those that NAS-Bench-Suite-Zero publishes for its NAS-Bench-101 cells (500 rows); there are
423,624 different cells, as in the benchmark, and the fewest and the most parameters of all cells are the benchmark's,
227,274 and 49,979,274.

Two things differ. Max pooling between the stacks keeps odd borders, as TensorFlow's padding "same" does; the PyTorch
versions of the network drop them. Batch norm has PyTorch's momentum.
"""

import re
from collections.abc import Sequence
from math import isqrt

import numpy as np
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import conv_bn, piece, scale_channels
from nassay.spaces.nb101_cells import (
    MAX_EDGES,
    MAX_VERTICES,
    OPERATIONS,
    CellGraph,
    canonical,
    changes,
    pruned,
    repaired,
)

OUTPUT = MAX_VERTICES - 1
PAIRS = tuple((i, j) for i in range(MAX_VERTICES) for j in range(i + 1, MAX_VERTICES))
STACKS = 3
EXAMPLE = "011001000 input,conv3x3-bn-relu,output"


def vertex_channels(cell: CellGraph, c_in: int, c_out: int) -> list[int]:
    """Channels of every vertex, input and output included.

    Args:
        cell: the cell.
        c_in: channels of its input.
        c_out: channels of its output, at least as many as there are vertices that feed it.
    """
    last = [v for v in cell.sources(cell.output) if v]
    channels = [c_in] + [0] * len(cell.operations) + [c_out]
    for i, vertex in enumerate(last):
        channels[vertex] = c_out // len(last) + (i < c_out % len(last))
    for vertex in range(cell.output - 1, 0, -1):
        if vertex not in last:
            channels[vertex] = max(channels[j] for j in cell.targets(vertex))
    return channels


def _operation(name: str, channels: int) -> nn.Module:
    if name == "maxpool3x3":
        return nn.MaxPool2d(3, 1, 1)
    return conv_bn(channels, channels, 3 if name == "conv3x3-bn-relu" else 1)


def _first(x: Tensor, channels: int) -> Tensor:
    return x if x.shape[1] == channels else x[:, :channels]


class Cell(nn.Module):
    """The searched cell, behind a max pooling where the size is halved.

    Args:
        cell: the graph; its vertices are in topological order.
        c_in: channels of the input.
        c_out: channels of the output.
        halve: whether a 2x2 max pooling comes first.
    """

    def __init__(self, cell: CellGraph, c_in: int, c_out: int, halve: bool) -> None:
        super().__init__()
        self.cell = cell
        self.channels = vertex_channels(cell, c_in, c_out)
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True) if halve else nn.Identity()
        self.projections = nn.ModuleDict({str(v): conv_bn(c_in, self.channels[v], 1) for v in cell.targets(0)})
        self.operations = nn.ModuleDict(
            {str(v): _operation(OPERATIONS[op], self.channels[v]) for v, op in enumerate(cell.operations, start=1)}
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H, W), or half the size, rounded up."""
        x = self.pool(x)
        values = {0: x}
        for vertex in range(1, self.cell.output):
            terms = [_first(values[v], self.channels[vertex]) for v in self.cell.sources(vertex) if v]
            values[vertex] = self.operations[str(vertex)](self._sum(terms, vertex, x))
        last = [values[v] for v in self.cell.sources(self.cell.output) if v]
        return self._sum([torch.cat(last, 1)] if last else [], self.cell.output, x)

    def _sum(self, terms: list[Tensor], vertex: int, x: Tensor) -> Tensor:
        """The sum of the terms and of the projected input, if it has an edge to the vertex."""
        if str(vertex) in self.projections:
            terms = [*terms, self.projections[str(vertex)](x)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


@spaces.register("nb101", paper="Ying et al. 2019, arXiv:1902.09635")
class NB101(Space):
    """NAS-Bench-101, 423,624 different cells of up to seven vertices and nine edges.

    The choices are the 21 edges of a graph of seven vertices, row by row, and the operations of the five vertices
    between input and output. Every encoding stands for a cell (`nb101_cells.repaired`); in the canonical form nothing
    is pruned and unused vertices come last.

    Isomorphic cells are one architecture, as in the benchmark. Where three vertices feed the output, the order of the
    vertices decides which one has a channel less; `layout` keeps the order of the encoding that it is given.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs of the head.
        channels: channels of the first third of the network; the others have two and four times as many.
        cells: cells in each third.
    """

    name = "nb101"
    options = (2,) * len(PAIRS) + (len(OPERATIONS),) * (MAX_VERTICES - 2)

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_outputs: int = 10,
        channels: int = 128,
        cells: int = 3,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        if channels < 1 or cells < 1:
            raise UserError(f"channels and cells must be at least 1, found {channels=} {cells=}.")
        self.channels = channels
        self.cells = cells

    def cell(self, architecture: Architecture) -> CellGraph:
        """The cell of an architecture, pruned, its vertices in the order of the encoding.

        Raises:
            UserError: not a point of this space.
        """
        choices = self.check(architecture).choices
        edges = (pair for pair, choice in zip(PAIRS, choices[: len(PAIRS)], strict=True) if choice)
        return repaired(choices[len(PAIRS) :], edges)

    def architecture(self, cell: CellGraph) -> Architecture:
        """Inverse of `cell` for cells whose vertices are in topological order."""
        placed = {(i, OUTPUT if j == cell.output else j) for i, j in cell.edges}
        unused = MAX_VERTICES - 2 - len(cell.operations)
        return Architecture(self.name, (*(int(pair in placed) for pair in PAIRS), *cell.operations, *(0,) * unused))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and cells, the first one of the second and third stack behind a max pooling; see `Space.layout`."""
        cell = self.cell(architecture)
        stem_channels = c_in = max(MAX_VERTICES - 2, scale_channels(self.channels, width))
        blocks: list[Piece] = []
        for stack in range(STACKS):
            for i in range(self.cells):
                c_out = stem_channels << stack
                blocks.append(piece(Cell, cell, c_in, c_out, stack > 0 and i == 0))
                c_in = c_out
        return Layout(piece(conv_bn, self.input_shape[0], stem_channels, 3), tuple(blocks), piece(nn.Identity), c_in)

    def graph(self, architecture: Architecture) -> Graph:
        """The pruned cell."""
        cell = self.cell(architecture)
        labels = ("input", *(OPERATIONS[i] for i in cell.operations), "output")
        return Graph(labels, tuple(sorted(cell.edges)))

    def to_string(self, architecture: Architecture) -> str:
        """The pruned adjacency matrix, row by row, and the operations: `011001000 input,conv3x3-bn-relu,output`."""
        graph = self.graph(architecture)
        n = len(graph.labels)
        matrix = "".join(str(int((i, j) in graph.edges)) for i in range(n) for j in range(n))
        return f"{matrix} {','.join(graph.labels)}"

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`; vertices off every way from input to output are pruned.

        Raises:
            UserError: the text is not a cell of this space.
        """
        found = re.fullmatch(r"([01]+) (input,.*output)", text.strip())
        if not found:
            raise UserError(f"{text!r} is not a NAS-Bench-101 cell; they read {EXAMPLE!r}.")
        return self.from_matrix(found[1], found[2].split(","))

    def from_matrix(
        self, adjacency: str | Sequence[int] | Sequence[Sequence[int]], operations: Sequence[str]
    ) -> Architecture:
        """The architecture of a cell as the tables and the official release describe it.

        Args:
            adjacency: the n x n matrix, as rows, as one row-major sequence, or as a text of its zeros and ones.
            operations: names of the n vertices, `input` first and `output` last.

        Raises:
            UserError: not an upper triangular matrix with a name for each row; too many vertices or edges, another
                operation, or no way from input to output.
        """
        flat = np.array([int(c) for c in adjacency if c in "01"] if isinstance(adjacency, str) else adjacency).ravel()
        n = isqrt(flat.size)
        matrix = flat.reshape(n, n) if n * n == flat.size else np.ones((1, 1))
        names = list(operations[1:-1])
        if np.tril(matrix).any() or len(operations) != n or not set(names) <= set(OPERATIONS):
            raise UserError(
                f"{flat.tolist()} with {list(operations)} is not a NAS-Bench-101 cell; they read {EXAMPLE!r}, "
                f"an upper triangular matrix row by row, with the operations {', '.join(OPERATIONS)}."
            )
        edges = frozenset((int(i), int(j)) for i, j in zip(*np.nonzero(matrix), strict=True))
        cell = pruned(CellGraph(tuple(OPERATIONS.index(name) for name in names), edges))
        if cell is None or cell.output >= MAX_VERTICES or len(cell.edges) > MAX_EDGES:
            raise UserError(
                f"{flat.tolist()} is not a NAS-Bench-101 cell: pruned, it needs a way from input to output, at most "
                f"{MAX_VERTICES} vertices and {MAX_EDGES} edges."
            )
        return self.architecture(cell)

    def canonical(self, architecture: Architecture) -> Architecture:
        """The one encoding of all isomorphic cells: pruned, vertices in the order of `nb101_cells.canonical`."""
        return self.architecture(canonical(self.cell(architecture)))

    def smallest(self) -> Architecture:
        """One pooled projection to a quarter of the channels, pooled again three times: four vertices, eight edges."""
        edges = [(0, 1), (1, 2), (1, 3), (1, 4), *((v, OUTPUT) for v in range(1, 5))]
        return self.canonical(self.architecture(repaired((0,) * 5, edges)))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Every vertex's operation made smaller in proportion; no edge is cut."""
        cell = canonical(self.cell(architecture))
        operations = tuple(int((op + 0.5) * factor) for op in cell.operations)
        return self.architecture(canonical(CellGraph(operations, cell.edges)))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """The canonical form of a random graph: edges by fair coins, operations uniform, until it is a cell."""
        while True:
            choices = [int(rng.integers(n)) for n in self.options]
            edges = frozenset(pair for pair, choice in zip(PAIRS, choices[: len(PAIRS)], strict=True) if choice)
            cell = pruned(CellGraph(tuple(choices[len(PAIRS) :]), edges))
            if cell and len(cell.edges) <= MAX_EDGES:
                return self.architecture(canonical(cell))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures one step away (see `nb101_cells.changes`), sorted."""
        here = canonical(self.cell(architecture))
        near = {self.architecture(canonical(cell)) for cell in changes(here)}
        return sorted(near - {self.architecture(here)})

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """The outcome of a random step (see `nb101_cells.changes`)."""
        here = canonical(self.cell(architecture))
        steps = changes(here)
        while True:
            cell = canonical(steps[rng.integers(len(steps))])
            if cell != here:
                return self.architecture(cell)
