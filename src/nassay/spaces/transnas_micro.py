"""TransNAS-Bench-101, cell level: NAS-Bench-201's cell without its pooling, in five modules of two cells.

Duan et al. 2021, arXiv:2105.11871. Node i is the sum of one operation of each earlier node; in the first cell of a
module that halves, what comes from the cell's input has stride 2 and a skip becomes a `FactorizedReduce`. The network
is `64-41414` for every cell (see `transnas`).

Verified: parameters and multiply-accumulates equal those that NAS-Bench-Suite-Zero publishes for the scene task (47
outputs, 256x256 inputs), 711 cells (see tests/spaces/test_transnas_micro.py).
"""

import re
from functools import partial

from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import init_convolutions, piece, scale_channels
from nassay.spaces.cell_operations import FactorizedReduce
from nassay.spaces.nb201 import cell_graph, relu_conv_bn
from nassay.spaces.nb201_equivalence import EDGES, NONE, OUTPUT_NODE, SKIP, Choices, classes, one_edge_away
from nassay.spaces.transnas import CHANNELS, CellShape, Module, Stem, plan

OPERATIONS = ("none", "skip_connect", "conv_1x1", "conv_3x3")
MODULES = tuple(Module(digit == "4", digit == "4") for digit in "41414")
PREFIX = f"{CHANNELS}-{''.join(str(module.digit) for module in MODULES)}-"


def _operation(name: str, shape: CellShape) -> nn.Module:
    if name == "skip_connect":
        same = shape.stride == 1 and shape.c_in == shape.c_out
        return nn.Identity() if same else FactorizedReduce(shape.c_in, shape.c_out, shape.stride)
    return relu_conv_bn(shape.c_in, shape.c_out, 3 if name == "conv_3x3" else 1, shape.stride)


class Cell(nn.Module):
    """The searched cell; `none` edges have no module, a node without inputs is zero.

    Args:
        choices: operation index of each of the six edges.
        shape: channels and stride, which the edges from the input node apply.
    """

    def __init__(self, choices: Choices, shape: CellShape) -> None:
        super().__init__()
        self.shape = shape
        inner = CellShape(shape.c_out, shape.c_out, 1)
        self.edges = nn.ModuleDict(
            {
                f"{target}<-{source}": _operation(OPERATIONS[choice], inner if source else shape)
                for (target, source), choice in zip(EDGES, choices, strict=True)
                if choice != NONE
            }
        )
        init_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
        nodes = [x]
        for target in range(1, OUTPUT_NODE + 1):
            terms = [self.edges[e](nodes[s]) for s in range(target) if (e := f"{target}<-{s}") in self.edges]
            nodes.append(sum(terms[1:], terms[0]) if terms else self._zeros(x))
        return nodes[OUTPUT_NODE]

    def _zeros(self, x: Tensor) -> Tensor:
        """Zeros of the output's shape that stay connected to the input: its gradient is then zero, not missing."""
        step = self.shape.stride
        return (x[:, :1, ::step, ::step] * 0).expand(-1, self.shape.c_out, -1, -1)


@spaces.register("transnas_micro", paper="Duan et al. 2021, arXiv:2105.11871")
class TransNASMicro(Space):
    """TransNAS-Bench-101's cell-level space, 4,096 cells of six edges with four operations each."""

    name = "transnas_micro"
    options = (len(OPERATIONS),) * len(EDGES)

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and ten cells; see `Space.layout`. The encoding is built as it is, dead edges included."""
        choices = self.check(architecture).choices
        channels = 2 * scale_channels(CHANNELS // 2, width)
        strides, shapes = plan(MODULES, channels, self.input_shape)
        blocks = tuple(Piece(("cell", choices, shape), partial(Cell, choices, shape)) for shape in shapes)
        arguments = (self.input_shape[0], channels, strides)
        stem = Piece(("stem", *arguments), partial(Stem, *arguments))
        return Layout(stem, blocks, piece(nn.Identity), shapes[-1].c_out)

    def graph(self, architecture: Architecture) -> Graph:
        """The cell with operations as nodes: those on a way from input to output, `none` left out."""
        return cell_graph(self.check(architecture).choices, OPERATIONS)

    def to_string(self, architecture: Architecture) -> str:
        """The benchmark's own string, such as `64-41414-1_02_333`: the operations by target node."""
        digits = "".join(map(str, self.check(architecture).choices))
        return f"{PREFIX}{digits[0]}_{digits[1:3]}_{digits[3:]}"

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        found = re.fullmatch(rf"{PREFIX}([0-3])_([0-3]{{2}})_([0-3]{{3}})", text.strip())
        if not found:
            raise UserError(
                f"{text!r} is not a TransNAS-Bench-101 cell; they read {self.to_string(self.smallest())!r} "
                f"with the operations {', '.join(f'{i} {name}' for i, name in enumerate(OPERATIONS))}."
            )
        return Architecture(self.name, tuple(int(digit) for digit in "".join(found.groups())))

    def canonical(self, architecture: Architecture) -> Architecture:
        """The first encoding, in lexicographic order, of the same computation; see `nb201_equivalence`."""
        return Architecture(self.name, _classes()[0][self.check(architecture).choices])

    def smallest(self) -> Architecture:
        """The cell that only passes its input on."""
        return Architecture(self.name, (NONE, NONE, NONE, SKIP, NONE, NONE))

    @property
    def unfixed(self) -> tuple[int, ...]:
        """Identities, as in NAS-Bench-201; see `Space.unfixed`."""
        return (SKIP,) * len(EDGES)

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Every edge's operation made cheaper in proportion, down to the identity: nothing is cut."""
        choices = tuple(c and max(SKIP, int((c + 0.5) * factor)) for c in self.check(architecture).choices)
        return self.canonical(Architecture(self.name, choices))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures one edge away from any encoding of this one, sorted."""
        near = one_edge_away(self.canonical(architecture).choices, len(OPERATIONS), _classes())
        return [Architecture(self.name, choices) for choices in near]


def _classes() -> tuple[dict[Choices, Choices], dict[Choices, list[Choices]]]:
    return classes(len(OPERATIONS), reduces=True)
