"""NAS-Bench-Macro: eight layers, each an identity or one of two inverted residual blocks.

Su et al. 2021, arXiv:2103.11922. Stages of two, three and three layers; the first layer of each halves the resolution
and doubles the channels, and there an identity is a 1x1 convolution with batch norm. A 3x3 convolution with 32 channels
comes before, a 1x1 convolution with 1,280 channels behind.

The rules were read in the published code. Verified: parameters equal the published ones for all 6,561 networks,
multiply-accumulates for a sample of them (see tests/spaces/test_nb_macro.py).

Inputs smaller than 32x32 lose strides, so that the last map stays at least 4x4.
"""

import re
from collections.abc import Sequence
from functools import cache
from itertools import chain, combinations, product

import numpy as np

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Space, spaces
from nassay.spaces.blocks import chain_graph, conv_bn, halved_at, piece, scale_channels
from nassay.spaces.mobile import Block, InvertedResidual

OPERATIONS = ("id", "mb3_k3", "mb6_k5")  # from small to large
BLOCKS = (None, Block(3, 3, squeeze_excite=False), Block(5, 6, squeeze_excite=False))
STAGES = ((0, 1), (2, 3, 4), (5, 6, 7))  # layers of each stage
STEM_CHANNELS = 32
TAIL_CHANNELS = 1280
DOWNSAMPLING_ORDER = (2, 3, 1)  # stages in the order in which they keep their strides

Choices = tuple[int, ...]


def _placed(layers: Sequence[int], places: Sequence[int], length: int) -> list[int]:
    """Layers at the given places, identities elsewhere."""
    at = dict(zip(places, layers, strict=True))
    return [at.get(i, 0) for i in range(length)]


@spaces.register("nb_macro", paper="Su et al. 2021, arXiv:2103.11922")
class NBMacro(Space):
    """NAS-Bench-Macro, 6,561 networks of eight layers with three options each.

    Behind the first layer of a stage an identity is no layer at all, so that its place in the stage does not matter: in
    the canonical form the identities come last. 3,969 networks are different.
    """

    name = "nb_macro"
    options = (len(OPERATIONS),) * sum(map(len, STAGES))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem, the layers that are no plain identity, and the last 1x1 convolution; see `Space.layout`."""
        choices = self.check(architecture).choices
        halved = halved_at(DOWNSAMPLING_ORDER, self.input_shape)
        c_in = scale_channels(STEM_CHANNELS, width)
        stem = piece(conv_bn, self.input_shape[0], c_in, 3)
        blocks = []
        for i, layers in enumerate(STAGES, start=1):
            for layer in layers:
                first = layer == layers[0]
                c_out, stride = (2 if first else 1) * c_in, 2 if first and i in halved else 1
                block = BLOCKS[choices[layer]]
                if block:
                    blocks.append(piece(InvertedResidual, c_in, c_out, block, stride))
                elif first:
                    blocks.append(piece(conv_bn, c_in, c_out, 1, stride=stride, relu=False))
                c_in = c_out
        c_tail = scale_channels(TAIL_CHANNELS, width)
        return Layout(stem, tuple(blocks), piece(conv_bn, c_in, c_tail, 1), c_tail)

    def graph(self, architecture: Architecture) -> Graph:
        """The chain of stem, layers and tail, an `add` node behind each residual block; plain identities left out."""
        choices = self.check(architecture).choices
        firsts = {layers[0] for layers in STAGES}
        chain = [(OPERATIONS[c], c > 0 and i not in firsts) for i, c in enumerate(choices) if c or i in firsts]
        return chain_graph([("stem", False), *chain, ("tail", False)])

    def to_string(self, architecture: Architecture) -> str:
        """The benchmark's own string, a digit a layer: 0 identity, 1 expansion 3 and kernel 3, 2 expansion 6 and 5."""
        return "".join(map(str, self.check(architecture).choices))

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        if not re.fullmatch(r"[0-2]{8}", text.strip()):
            raise UserError(
                f"{text!r} is not a NAS-Bench-Macro network; they read '02012100', a digit 0, 1 or 2 a layer."
            )
        return Architecture(self.name, tuple(map(int, text.strip())))

    def canonical(self, architecture: Architecture) -> Architecture:
        """The same network with the identities of each stage, but for its first layer, behind the other layers."""
        return Architecture(self.name, _in_order(self.check(architecture).choices))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All networks with one layer more, less or of another kind; see `Space.neighbors`.

        A layer may come between two others, so every order of a stage's identities is changed in turn.
        """
        near = _one_layer_away(self.canonical(architecture).choices)
        return [Architecture(self.name, choices) for choices in near]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour."""
        near = _one_layer_away(self.canonical(architecture).choices)
        return Architecture(self.name, near[int(rng.integers(len(near)))])


@cache
def _in_order(choices: Choices) -> Choices:
    """The canonical encoding of the same network."""
    ordered = list(choices)
    for first, *rest in STAGES:
        layers = [choices[i] for i in rest]
        ordered[first + 1 : first + 1 + len(rest)] = sorted(layers, key=lambda c: c == 0)
    return tuple(ordered)


@cache
def _one_layer_away(canonical: Choices) -> tuple[Choices, ...]:
    """The canonical encodings of all neighbours, sorted."""
    options = range(len(OPERATIONS))
    near = {
        _in_order((*same[:i], option, *same[i + 1 :]))
        for same in _encodings(canonical)
        for i in range(len(same))
        for option in options
    }
    return tuple(sorted(near - {canonical}))


def _encodings(canonical: Choices) -> list[Choices]:
    """Every encoding of the same network."""
    stages = []
    for first, *rest in STAGES:
        layers = [canonical[i] for i in rest]
        kept = [c for c in layers if c]
        places = combinations(range(len(rest)), len(kept))
        stages.append([(canonical[first], *_placed(kept, where, len(rest))) for where in places])
    return [tuple(chain(*layers)) for layers in product(*stages)]
