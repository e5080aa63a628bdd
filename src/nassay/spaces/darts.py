"""DARTS's cells as a space to search in: an operation, or none, on every edge of a normal and of a reduction cell.

Liu et al. 2018, arXiv:1806.09055: a cell has two inputs and four nodes; every node adds up one operation of each
earlier one, `none` cuts the edge. What a search ends in, and what is drawn here, keeps two edges into each node. The
encoding holds all fourteen edges, as the super-network has them all at once; cells with other numbers of inputs are
points of the space, too, so that a path through the super-network is one. Two of its networks that differ only in
the order of their nodes count as two.

The network is that of `genotype`, 8 cells of 16 channels as in the authors' search. Against their super-network: norms
have weights and poolings have no norm, as in the networks that are trained alone.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, product

import numpy as np
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Choose, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import piece, scale_channels
from nassay.spaces.cell_operations import FactorizedReduce, cell_operation
from nassay.spaces.discretisation import Alternatives, scored
from nassay.spaces.genotype import NONE, NUM_INPUTS, ChainedCell, cell_chain, cells_graph
from nassay.spaces.nb201 import connects
from nassay.spaces.nds_cells import NDSDARTS

OPERATIONS = NDSDARTS.operations  # from small to large where they have stride 2
NODES = 4
KEPT = 2  # edges into each node of a cell that a search ends in
EDGES = tuple((node, source) for node in range(NUM_INPUTS, NUM_INPUTS + NODES) for source in range(node))
FEWEST_CELLS = 3  # so that there are cells of both kinds

Operation = Callable[[int, int, int], nn.Module]
Node = tuple[int, ...]  # the option of each edge into a node


class Zero(nn.Module):
    """No connection, in a super-network: zeros of the output's size that stay connected to the input."""

    connects = False

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, ceil(H / stride), ceil(W / stride))."""
        return x[:, :, :: self.stride, :: self.stride] * 0


class Cell(ChainedCell):
    """A cell with a module on each edge that is there.

    Args:
        operation: makes the module of an edge, from its position in `EDGES`, the number of channels and the stride.
        present: the positions of the edges that are there.
        c_in: see `ChainedCell`.
        channels: see `ChainedCell`.
        reduction: see `ChainedCell`.
        c_next: see `ChainedCell`.
    """

    concat = tuple(range(NUM_INPUTS, NUM_INPUTS + NODES))

    def __init__(
        self, operation: Operation, present: Sequence[int], c_in: int, channels: int, reduction: bool, c_next: int
    ) -> None:
        def edges() -> dict[str, nn.Module]:
            names = {i: _name(*EDGES[i]) for i in present}
            return {name: operation(i, channels, _stride(EDGES[i][1], reduction)) for i, name in names.items()}

        super().__init__(edges, c_in, channels, reduction, c_next)
        if isinstance(self.prepare, nn.Sequential):
            self.prepare = self.prepare[1:]  # its ReLU is that of the second input

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """See `ChainedCell.inputs`; what a search keeps for its backward pass is less, the values are the same.

        One ReLU for both, and a copy of the first input, so that a pooling keeps that alone and not all of `x`.
        """
        relu, *rest = self.second
        rectified = second = relu(x[:, self.channels :])
        for layer in rest:
            second = layer(second)
        prepare = self.prepare.of_rectified if isinstance(self.prepare, FactorizedReduce) else self.prepare
        return x[:, : self.channels].clone(), second, None if prepare is None else prepare(rectified)

    def terms(self, node: int, nodes: Sequence[Tensor]) -> list[Tensor]:
        """The operations on all edges into the node that are there."""
        present = ((name, x) for source, x in enumerate(nodes) if (name := _name(node, source)) in self.edges)
        return [self.edges[name](x) for name, x in present if connects(self.edges[name])]


def _name(node: int, source: int) -> str:
    return f"{node}<-{source}"


def _stride(source: int, reduction: bool) -> int:
    return 2 if reduction and source < NUM_INPUTS else 1


def _cell(choices: tuple[int, ...], c_in: int, channels: int, reduction: bool, c_next: int) -> Cell:
    """The cell of one option an edge."""
    present = [i for i, option in enumerate(choices) if OPERATIONS[option] != NONE]

    def operation(i: int, channels: int, stride: int) -> nn.Module:
        return cell_operation(OPERATIONS[choices[i]], channels, stride)

    return Cell(operation, present, c_in, channels, reduction, c_next)


def _super_cell(choose: Choose, c_in: int, channels: int, reduction: bool, c_next: int) -> Cell:
    """The cell with all options on every edge."""
    first = len(EDGES) if reduction else 0  # the position of its first edge's choice

    def operation(i: int, channels: int, stride: int) -> nn.Module:
        return choose(first + i, partial(_options, stride), channels)

    return Cell(operation, range(len(EDGES)), c_in, channels, reduction, c_next)


def _options(stride: int, channels: int) -> list[nn.Module]:
    return [Zero(stride) if name == NONE else cell_operation(name, channels, stride) for name in OPERATIONS]


@spaces.register("darts", paper="Liu et al. 2018, arXiv:1806.09055")
class DARTSCells(Space):
    """DARTS's normal and reduction cell, an operation or none on each of fourteen edges.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs of the head.
        channels: of a node of the first cells; doubled twice.
        cells: how many follow each other, at least 3; those at one and two thirds are reduction cells.
    """

    name = "darts"
    options = (len(OPERATIONS),) * (2 * len(EDGES))

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        num_outputs: int = 10,
        channels: int = 16,
        cells: int = 8,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        if channels < 1 or cells < FEWEST_CELLS:
            raise UserError(f"channels must be at least 1, cells {FEWEST_CELLS}, found {channels=} {cells=}.")
        self.channels, self.cells = channels, cells

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and cells; see `Space.layout` and `genotype`."""
        cells = _halves(self.check(architecture).choices)
        return self._layout(lambda *cell: piece(_cell, cells[cell[2]], *cell), width)  # cell[2]: whether it reduces

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The same network with all operations on every edge; see `Space.super_layout`."""
        return self._layout(partial(piece, _super_cell, choose), width)

    def _layout(self, make: Callable[[int, int, bool, int], Piece], width: float) -> Layout:
        channels = scale_channels(self.channels, width)
        return cell_chain(make, self.cells, channels, (NODES, NODES), self.input_shape)

    def graph(self, architecture: Architecture) -> Graph:
        """The normal and the reduction cell, one behind the other; see `genotype.cells_graph`."""
        cells = [_nodes(cell) for cell in _halves(self.check(architecture).choices)]
        named = [[[(OPERATIONS[o], source) for source, o in enumerate(node)] for node in cell] for cell in cells]
        return cells_graph([(cell, Cell.concat) for cell in named])

    def to_string(self, architecture: Architecture) -> str:
        """Both cells, node by node, such as `normal |sep_conv_3x3~0|max_pool_3x3~1|+...| reduce |...|`."""
        cells = [_nodes(cell) for cell in _halves(self.check(architecture).choices)]
        return " ".join(f"{kind} {_text(cell)}" for kind, cell in zip(("normal", "reduce"), cells, strict=True))

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        choices = [0] * len(self.options)
        kinds = re.fullmatch(r"normal (\S*) reduce (\S*)", text.strip())
        for half, cell in enumerate(kinds.groups() if kinds else ()):
            for node, edges in enumerate(cell.split("+"), start=NUM_INPUTS):
                for name, source in re.findall(r"(\w+)~(\d)", edges):
                    if name in OPERATIONS and (edge := (node, int(source))) in EDGES:
                        choices[half * len(EDGES) + EDGES.index(edge)] = OPERATIONS.index(name)
        found = Architecture(self.name, tuple(choices))
        if self.to_string(found) != text.strip():
            raise UserError(
                f"{text!r} is not a network of darts; they read {self.to_string(self.smallest())!r} with the "
                f"operations {', '.join(OPERATIONS[1:])}."
            )
        return found

    def smallest(self) -> Architecture:
        """A chain of skips behind both inputs; in the reduction cell behind their poolings, which have no weights."""
        skip, pool = OPERATIONS.index("skip_connect"), OPERATIONS.index("max_pool_3x3")
        kept = [source >= node - KEPT for node, source in EDGES]
        normal = [skip if k else 0 for k in kept]
        reduce = [(pool if s < NUM_INPUTS else skip) if k else 0 for k, (_, s) in zip(kept, EDGES, strict=True)]
        return Architecture(self.name, (*normal, *reduce))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Every operation made smaller in proportion; no edge is moved or cut."""
        choices = (min(c, max(1, int((c + 0.5) * factor))) for c in self.check(architecture).choices)
        return Architecture(self.name, tuple(choices))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Two edges into each node and their operations, all uniform."""
        choices: list[int] = []
        for node in _sizes():
            edges = np.zeros(node, dtype=int)
            edges[rng.permutation(node)[:KEPT]] = rng.integers(1, len(OPERATIONS), size=KEPT)
            choices += edges.tolist()
        return Architecture(self.name, tuple(choices))

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Each node from one of two parents, by a fair coin."""
        parents = [[n for cell in _halves(self.check(p).choices) for n in _nodes(cell)] for p in (a, b)]
        coins = rng.integers(2, size=len(parents[0]))
        nodes = (pair[coin] for *pair, coin in zip(*parents, coins, strict=True))
        return Architecture(self.name, tuple(c for node in nodes for c in node))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All networks with another operation on one edge, or one edge moved to another source, sorted."""
        nodes = [n for cell in _halves(self.check(architecture).choices) for n in _nodes(cell)]
        near = {
            tuple(c for n in (*nodes[:i], changed, *nodes[i + 1 :]) for c in n)
            for i, node in enumerate(nodes)
            for changed in _one_change(node)
        }
        return sorted({Architecture(self.name, choices) for choices in near} - {architecture})

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour."""
        near = self.neighbors(architecture)
        return near[int(rng.integers(len(near)))]

    @property
    def sums(self) -> tuple[tuple[int, ...], ...]:
        """The edges into each node."""
        starts = np.cumsum([0, *_sizes()])
        return tuple(tuple(range(a, b)) for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))

    def alternatives(self, chances: Sequence[np.ndarray]) -> list[Alternatives]:
        """DARTS's rule: of each node's edges the two whose strongest operation but `none` is the likeliest."""
        found = []
        for group in self.sums:
            known = [scored(chances[i])[1:] for i in group]
            found.append(
                [
                    (tuple(dict(zip(pair, ops, strict=True)).get(i, 0) for i in range(len(group))), a + b)
                    for pair in combinations(range(len(group)), KEPT)
                    for ops, (a, b) in _pairs(known, pair)
                ]
            )
        return found


def _pairs(
    known: Sequence[Sequence[tuple[int, float]]], pair: tuple[int, ...]
) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """All operations on some edges, and the logarithms of their chances."""
    return [tuple(zip(*chosen, strict=True)) for chosen in product(*(known[i] for i in pair))]  # type: ignore[misc]


def _sizes() -> list[int]:
    """How many edges lead into each node, of both cells."""
    return list(range(NUM_INPUTS, NUM_INPUTS + NODES)) * 2


def _halves(choices: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The choices of the normal and of the reduction cell."""
    return choices[: len(EDGES)], choices[len(EDGES) :]


def _nodes(cell: tuple[int, ...]) -> list[Node]:
    """The choices of a cell, node by node."""
    return [tuple(c for c, (node, _) in zip(cell, EDGES, strict=True) if node == wanted) for wanted in Cell.concat]


def _text(cell: Sequence[Node]) -> str:
    nodes = ("".join(f"{OPERATIONS[o]}~{source}|" for source, o in enumerate(node) if o) for node in cell)
    return "|" + "+|".join(nodes)


def _one_change(node: Node) -> list[Node]:
    """Another operation on an edge, or the edge moved; where a node has less than two edges, one more."""
    every = range(1, len(OPERATIONS))
    found = [_with(node, {i: op}) for i, old in enumerate(node) if old for op in every]
    free = [i for i, old in enumerate(node) if not old]
    removed = [i for i, old in enumerate(node) if old] if sum(map(bool, node)) >= KEPT else [None]
    return found + [_with(node, {gone: 0, i: op}) for gone in removed for i in free for op in every]


def _with(node: Node, changes: dict[int | None, int]) -> Node:
    return tuple(changes.get(i, option) for i, option in enumerate(node))
