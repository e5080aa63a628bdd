"""TransNAS-Bench-101, macro level: where a residual network doubles its channels and halves its resolution.

Duan et al. 2021, arXiv:2105.11871. Four to six modules of two residual blocks; one to three modules double the
channels, one to four halve the resolution (see `transnas`): 210 + 750 + 2,296 = 3,256 networks, as in the benchmark.

Verified: parameters and multiply-accumulates equal those that NAS-Bench-Suite-Zero publishes for the room layout task
(9 outputs, 256x256 inputs), 725 networks; the space has exactly the benchmark's networks (see
tests/spaces/test_transnas_macro.py).
"""

import re
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import chain_graph, init_convolutions, piece, scale_channels
from nassay.spaces.nb201 import relu_conv_bn
from nassay.spaces.transnas import CELLS_PER_MODULE, CHANNELS, CellShape, Module, Stem, plan

DEPTHS = (4, 5, 6)
MOST_DOUBLINGS = 3
MOST_HALVINGS = 4
IDLE = Module(doubles=False, halves=False)

Choices = tuple[int, ...]


def in_benchmark(modules: Sequence[Module]) -> bool:
    """Whether the benchmark has the network of these modules."""
    doublings, halvings = sum(m.doubles for m in modules), sum(m.halves for m in modules)
    return len(modules) in DEPTHS and 1 <= doublings <= MOST_DOUBLINGS and 1 <= halvings <= MOST_HALVINGS


class BasicBlock(nn.Module):
    """x + two times (ReLU, 3x3 convolution, batch norm); a 1x1 convolution and norm on x where the shapes differ.

    Args:
        shape: channels and stride of the block.
    """

    def __init__(self, shape: CellShape) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            relu_conv_bn(shape.c_in, shape.c_out, 3, shape.stride), relu_conv_bn(shape.c_out, shape.c_out, 3)
        )
        self.shortcut: nn.Module = nn.Identity()
        if shape.stride > 1 or shape.c_in != shape.c_out:
            projection = nn.Conv2d(shape.c_in, shape.c_out, 1, shape.stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(shape.c_out))
        init_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
        return self.shortcut(x) + self.layers(x)


@spaces.register("transnas_macro", paper="Duan et al. 2021, arXiv:2105.11871")
class TransNASMacro(Space):
    """TransNAS-Bench-101's macro-level space, 3,256 skeletons of residual networks.

    The choices are the number of modules and for each of six modules whether it doubles the channels and whether it
    halves the resolution. Encodings outside the benchmark stand for the next network inside: modules beyond the depth
    do nothing; of too many doublings or halvings the first ones count; a network without a doubling doubles in its last
    module, one without a halving halves where it first doubles.
    """

    name = "transnas_macro"
    options = (len(DEPTHS),) + (2, 2) * max(DEPTHS)
    searches_resolution = True

    def modules(self, architecture: Architecture) -> tuple[Module, ...]:
        """The modules of the network that an architecture stands for.

        Raises:
            UserError: not a point of this space.
        """
        return _modules(self.check(architecture).choices)

    def architecture(self, modules: tuple[Module, ...]) -> Architecture:
        """Inverse of `modules`, canonical."""
        return Architecture(self.name, _choices(modules))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and two residual blocks a module; see `Space.layout`."""
        channels = scale_channels(CHANNELS, width)
        strides, shapes = plan(self.modules(architecture), channels, self.input_shape)
        blocks = tuple(Piece(("block", shape), partial(BasicBlock, shape)) for shape in shapes)
        arguments = (self.input_shape[0], channels, strides)
        stem = Piece(("stem", *arguments), partial(Stem, *arguments))
        return Layout(stem, blocks, piece(nn.Identity), shapes[-1].c_out)

    def graph(self, architecture: Architecture) -> Graph:
        """The chain of stem and blocks, with an `add` node behind each block; `module4` begins a module of digit 4."""
        chain = [("stem", False)]
        for module in self.modules(architecture):
            chain += [(f"module{module.digit}", True)] + [("basic", True)] * (CELLS_PER_MODULE - 1)
        return chain_graph(chain)

    def to_string(self, architecture: Architecture) -> str:
        """The benchmark's own string, such as `64-1234-basic`."""
        digits = "".join(str(module.digit) for module in self.modules(architecture))
        return f"{CHANNELS}-{digits}-basic"

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        found = re.fullmatch(rf"{CHANNELS}-([1-4]{{{min(DEPTHS)},{max(DEPTHS)}}})-basic", text.strip())
        if found:
            modules = tuple(Module(digit in "24", digit in "34") for digit in found[1])
            if in_benchmark(modules):
                return self.architecture(modules)
        raise UserError(
            f"{text!r} is not a TransNAS-Bench-101 macro network; they read {self.to_string(self.smallest())!r}, four "
            "to six digits, of which one to three are 2 or 4 and one to four are 3 or 4."
        )

    def canonical(self, architecture: Architecture) -> Architecture:
        """The encoding that spells out the network's modules and leaves the unused ones at 0."""
        return self.architecture(self.modules(architecture))

    def smallest(self) -> Architecture:
        """`64-3334-basic`, which has the fewest multiply-accumulates; `64-1114-basic` has 1.3 % less parameters."""
        return self.architecture((*[Module(doubles=False, halves=True)] * 3, Module(doubles=True, halves=True)))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Fewer doublings in proportion, at least one; the last ones stay. Depth and halvings are kept."""
        modules = self.modules(architecture)
        doublings = [i for i, module in enumerate(modules) if module.doubles]
        kept = doublings[-max(1, int((len(doublings) + 0.5) * factor)) :]
        return self.architecture(tuple(Module(i in kept, module.halves) for i, module in enumerate(modules)))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A network of random depth, every module's two choices by a fair coin, until the benchmark has it."""
        while True:
            depth = DEPTHS[int(rng.integers(len(DEPTHS)))]
            modules = tuple(Module(*map(bool, coins)) for coins in rng.integers(2, size=(depth, 2)).tolist())
            if in_benchmark(modules):
                return self.architecture(modules)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All networks that differ in one module's doubling or halving, or by a last module that is idle, sorted."""
        return [Architecture(self.name, choices) for choices in _near(self.modules(architecture))]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour."""
        near = _near(self.modules(architecture))
        return Architecture(self.name, near[int(rng.integers(len(near)))])


@cache
def _modules(choices: Choices) -> tuple[Module, ...]:
    """The modules of the network that an encoding stands for."""
    depth, *bits = choices
    used = DEPTHS[depth]
    doublings = [i for i in range(used) if bits[2 * i]][:MOST_DOUBLINGS] or [used - 1]
    halvings = [i for i in range(used) if bits[2 * i + 1]][:MOST_HALVINGS] or doublings[:1]
    return tuple(Module(i in doublings, i in halvings) for i in range(used))


@cache
def _choices(modules: tuple[Module, ...]) -> Choices:
    """The canonical encoding of these modules."""
    bits = [bit for module in modules for bit in (int(module.doubles), int(module.halves))]
    unused = 2 * (max(DEPTHS) - len(modules))
    return (DEPTHS.index(len(modules)), *bits, *(0,) * unused)


@cache
def _near(modules: tuple[Module, ...]) -> tuple[Choices, ...]:
    """The canonical encodings of all neighbours, sorted."""
    near = [(*modules, IDLE)] + [modules[:-1]] * (modules[-1] == IDLE)
    for i, module in enumerate(modules):
        others = (Module(not module.doubles, module.halves), Module(module.doubles, not module.halves))
        near += [(*modules[:i], other, *modules[i + 1 :]) for other in others]
    return tuple(sorted(_choices(m) for m in near if in_benchmark(m)))
