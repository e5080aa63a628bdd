"""Inverted residual blocks in stages: the space of MobileNetV2, MobileNetV3 and once-for-all networks.

Sandler et al. 2018 (arXiv:1801.04381) for the block and the layout, Howard et al. 2019 (arXiv:1905.02244) for
squeeze-and-excitation, Cai et al. 2020 (arXiv:1908.09791) for the choices: kernel and expansion per block,
depth per stage. Here the widths of stem, stages and the last 1x1 convolution are choices as well, and every
activation is a ReLU. MobileNetV2's seventh stage (one block, 320 channels) is left out.

An architecture reads `mobile:stem16-w16[k3e1]-w24[k3e6,k5e6se]-...-tail320`: one bracket per stage.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from itertools import product

import numpy as np
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Choose, Graph, Layout, Space, spaces
from nassay.spaces.blocks import (
    SqueezeExcite,
    chain_graph,
    conv_bn,
    halved_at,
    make_divisible,
    option_index,
    piece,
    scale_channels,
    spread_choice,
)

KERNELS = (3, 5, 7)
EXPANSIONS = (1, 2, 3, 4, 6)
SQUEEZE_EXCITES = (False, True)
MAX_DEPTH = 4
STEM_WIDTHS = (8, 16, 24, 32)
STAGE_WIDTHS = (
    (8, 16),
    (8, 16, 24),
    (8, 16, 24, 32),
    (8, 16, 24, 32, 48, 64),
    (16, 24, 32, 48, 72, 96),
    (24, 40, 56, 80, 120, 160),
)
TAIL_WIDTHS = (40, 80, 160, 320, 640, 1280)

# Where the input is halved, in the order of use (small inputs use the first few): 0 is the stem, i stage i.
DOWNSAMPLING_ORDER = (4, 2, 6, 0, 3)

BLOCK_OPTIONS = (len(KERNELS), len(EXPANSIONS), len(SQUEEZE_EXCITES))
BLOCK_ASPECTS = ("kernel", "expansion", "gate")
STAGE_LENGTH = 2 + MAX_DEPTH * len(BLOCK_OPTIONS)
FIRST_STAGE = 2
STAGE_STARTS = tuple(FIRST_STAGE + i * STAGE_LENGTH for i in range(len(STAGE_WIDTHS)))

MOBILENET_V2_STEM, MOBILENET_V2_TAIL = 32, 1280
MOBILENET_V2_WIDTHS = (16, 24, 32, 64, 96, 160)
MOBILENET_V2_DEPTHS = (1, 2, 3, 4, 3, 3)
REFERENCE_MULTIPLIERS = (1.0, 0.75, 0.5, 0.35, 0.25, 0.125, 0.0625)


@dataclass(frozen=True)
class Block:
    """One inverted residual block: depthwise kernel size, expansion factor, squeeze-and-excitation or not."""

    kernel: int
    expansion: int
    squeeze_excite: bool

    def __str__(self) -> str:
        """Such as `k5e6se`."""
        return f"k{self.kernel}e{self.expansion}{'se' * self.squeeze_excite}"


@dataclass(frozen=True)
class Stage:
    """Blocks of one output width in channels."""

    width: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Plan:
    """A whole network in readable terms; widths in channels."""

    stem: int
    stages: tuple[Stage, ...]
    tail: int


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, gate, 1x1 projection; an identity past it where the shapes agree.

    Args:
        c_in: input channels.
        c_out: output channels.
        block: kernel, expansion, gate.
        stride: 1 or 2, of the depthwise convolution.
    """

    def __init__(self, c_in: int, c_out: int, block: Block, stride: int) -> None:
        super().__init__()
        hidden = c_in * block.expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if block.expansion > 1:
            layers["expand"] = conv_bn(c_in, hidden, 1)
        layers["depthwise"] = conv_bn(hidden, hidden, block.kernel, stride=stride, groups=hidden)
        if block.squeeze_excite:
            layers["gate"] = SqueezeExcite(hidden, make_divisible(hidden / 4))
        layers["project"] = conv_bn(hidden, c_out, 1, relu=False)
        self.layers = nn.Sequential(layers)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
        return x + self.layers(x) if self.residual else self.layers(x)


@spaces.register("mobile", paper="Sandler et al. 2018, arXiv:1801.04381; Cai et al. 2020, arXiv:1908.09791")
class Mobile(Space):
    """Mobile networks of inverted residual blocks, six stages of one to four blocks.

    The choices are (stem width, tail width) and for each stage (depth, width, then kernel, expansion and gate
    of each of four blocks); the choices of blocks beyond the depth are 0 in the canonical form.

    Strides follow the input size: it is halved `num_downsamplings(input_shape)` times, in the order of
    `DOWNSAMPLING_ORDER`, each time in the first block of a stage or in the stem.
    """

    name = "mobile"
    options = (len(STEM_WIDTHS), len(TAIL_WIDTHS)) + tuple(
        n for widths in STAGE_WIDTHS for n in (MAX_DEPTH, len(widths), *BLOCK_OPTIONS * MAX_DEPTH)
    )
    aspects = ("width", "width") + ("depth", "width", *BLOCK_ASPECTS * MAX_DEPTH) * len(STAGE_WIDTHS)
    elastic = True

    def plan(self, architecture: Architecture) -> Plan:
        """The architecture in readable terms.

        Raises:
            UserError: not a point of this space.
        """
        choices = self.check(architecture).choices
        stages = []
        for start, widths in zip(STAGE_STARTS, STAGE_WIDTHS, strict=True):
            depth, width = choices[start] + 1, choices[start + 1]
            blocks = (choices[start + 2 + 3 * i : start + 5 + 3 * i] for i in range(depth))
            stages.append(
                Stage(
                    widths[width],
                    tuple(Block(KERNELS[k], EXPANSIONS[e], SQUEEZE_EXCITES[s]) for k, e, s in blocks),
                )
            )
        return Plan(STEM_WIDTHS[choices[0]], tuple(stages), TAIL_WIDTHS[choices[1]])

    def architecture(self, plan: Plan) -> Architecture:
        """Inverse of `plan`.

        Raises:
            UserError: a width, kernel, expansion or depth that this space does not have.
        """
        if len(plan.stages) != len(STAGE_WIDTHS):
            raise UserError(f"A mobile network has {len(STAGE_WIDTHS)} stages, found {len(plan.stages)}.")
        choices = [
            option_index("stem width", plan.stem, STEM_WIDTHS),
            option_index("tail width", plan.tail, TAIL_WIDTHS),
        ]
        for stage, widths in zip(plan.stages, STAGE_WIDTHS, strict=True):
            choices.append(option_index("depth", len(stage.blocks), range(1, MAX_DEPTH + 1)))
            choices.append(option_index("stage width", stage.width, widths))
            for block in stage.blocks:
                choices.append(option_index("kernel", block.kernel, KERNELS))
                choices.append(option_index("expansion", block.expansion, EXPANSIONS))
                choices.append(int(block.squeeze_excite))
            choices += [0] * len(BLOCK_OPTIONS) * (MAX_DEPTH - len(stage.blocks))
        return Architecture(self.name, tuple(choices))

    def references(self) -> list[Architecture]:
        """MobileNetV2's layout (kernel 3, expansion 6, no gate) from multiplier 1.0 to the smallest widths.

        Each width is the space's nearest to MobileNetV2's; the tail is scaled as well.
        """
        found = [self._mobilenet_v2(multiplier) for multiplier in REFERENCE_MULTIPLIERS]
        return list(dict.fromkeys(found))

    def _mobilenet_v2(self, multiplier: float) -> Architecture:
        stages = []
        layout = zip(STAGE_WIDTHS, MOBILENET_V2_WIDTHS, MOBILENET_V2_DEPTHS, strict=True)
        for i, (widths, width, depth) in enumerate(layout):
            block = Block(3, 6 if i else 1, squeeze_excite=False)
            stages.append(Stage(_nearest(widths, width * multiplier), (block,) * depth))
        stem = _nearest(STEM_WIDTHS, MOBILENET_V2_STEM * multiplier)
        tail = _nearest(TAIL_WIDTHS, MOBILENET_V2_TAIL * multiplier)
        return self.architecture(Plan(stem, tuple(stages), tail))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem, inverted residual blocks and the last 1x1 convolution; see `Space.layout`."""
        plan = self.plan(architecture)
        halved = halved_at(DOWNSAMPLING_ORDER, self.input_shape)
        c_in = scale_channels(plan.stem, width)
        stem = piece(conv_bn, self.input_shape[0], c_in, 3, stride=2 if 0 in halved else 1)
        blocks = []
        for i, stage in enumerate(plan.stages, start=1):
            c_out = scale_channels(stage.width, width)
            for j, block in enumerate(stage.blocks):
                blocks.append(piece(InvertedResidual, c_in, c_out, block, 2 if j == 0 and i in halved else 1))
                c_in = c_out
        c_tail = scale_channels(plan.tail, width)
        return Layout(stem, tuple(blocks), piece(conv_bn, c_in, c_tail, 1), c_tail)

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The largest network, which has every other in it; see `Space.super_layout`."""
        del choose
        return self.layout(Architecture(self.name, tuple(n - 1 for n in self.options)), width=width)

    def shared_blocks(self, architecture: Architecture) -> tuple[int, ...]:
        """The first blocks of every stage of the largest network."""
        depths = [len(stage.blocks) for stage in self.plan(architecture).stages]
        return tuple(MAX_DEPTH * stage + i for stage, depth in enumerate(depths) for i in range(depth))

    def graph(self, architecture: Architecture) -> Graph:
        """The chain of stem, blocks and tail, with an `add` node behind each residual block."""
        plan = self.plan(architecture)
        halved = halved_at(DOWNSAMPLING_ORDER, self.input_shape)
        chain, c_in = [("stem", False)], plan.stem
        for i, stage in enumerate(plan.stages, start=1):
            for j, block in enumerate(stage.blocks):
                chain.append((str(block), c_in == stage.width and not (j == 0 and i in halved)))
                c_in = stage.width
        return chain_graph([*chain, ("tail", False)])

    def to_string(self, architecture: Architecture) -> str:
        """Such as `mobile:stem16-w16[k3e1]-w24[k3e6,k5e6se]-...-tail320`."""
        plan = self.plan(architecture)
        stages = [f"w{stage.width}[{','.join(map(str, stage.blocks))}]" for stage in plan.stages]
        return f"mobile:stem{plan.stem}-{'-'.join(stages)}-tail{plan.tail}"

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        found = re.fullmatch(r"mobile:stem(\d+)-((?:w\d+\[[^][]+\]-)+)tail(\d+)", text.strip())
        if not found:
            raise UserError(f"{text!r} is not a mobile network; they read {self.to_string(self.smallest())!r}.")
        stages = re.findall(r"w(\d+)\[([^][]+)\]", found[2])
        plan = Plan(
            int(found[1]),
            tuple(Stage(int(w), tuple(map(_parse_block, blocks.split(",")))) for w, blocks in stages),
            int(found[3]),
        )
        return self.architecture(plan)

    def canonical(self, architecture: Architecture) -> Architecture:
        """The same architecture with the unused choices of blocks beyond the depth at 0."""
        choices = list(self.check(architecture).choices)
        for start in STAGE_STARTS:
            unused = range(start + 2 + 3 * (choices[start] + 1), start + STAGE_LENGTH)
            choices[unused.start : unused.stop] = [0] * len(unused)
        return Architecture(self.name, tuple(choices))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A canonical architecture, every single choice uniform.

        Depths share one random size, so do widths and expansions: costs spread widely (see `spread_choice`).
        """
        depth, width, expansion = rng.random(3)
        sizes: list[float | None] = [width, width]
        for _ in STAGE_WIDTHS:
            sizes += [depth, width, *(None, expansion, None) * MAX_DEPTH]
        choices = (
            int(rng.integers(n)) if size is None else spread_choice(n, size, rng)
            for n, size in zip(self.options, sizes, strict=True)
        )
        return self.canonical(Architecture(self.name, tuple(choices)))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures that differ in one choice or by the last block of a stage, sorted."""
        here = self.canonical(architecture)
        active = set(_active_positions(here)) - set(STAGE_STARTS)
        near = {self._replace(here, i, option) for i in active for option in range(self.options[i])}
        for start in STAGE_STARTS:
            depth = here.choices[start] + 1
            if depth > 1:
                near.add(self._replace(here, start, depth - 2))
            if depth < MAX_DEPTH:
                near.update(self._lengthened(here, start, block) for block in product(*map(range, BLOCK_OPTIONS)))
        return sorted(near - {here})

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour: one choice in use gets another option; a depth grows or falls by one block."""
        here = self.canonical(architecture)
        active = _active_positions(here)
        i = active[rng.integers(len(active))]
        if i not in STAGE_STARTS:
            other = here.choices[i] + int(rng.integers(1, self.options[i]))
            return self._replace(here, i, other % self.options[i])
        depth = here.choices[i] + 1
        if depth == MAX_DEPTH or (depth > 1 and rng.random() < 0.5):
            return self._replace(here, i, depth - 2)
        return self._lengthened(here, i, tuple(int(rng.integers(n)) for n in BLOCK_OPTIONS))

    def _lengthened(self, here: Architecture, start: int, block: tuple[int, ...]) -> Architecture:
        """One more block at the end of the stage whose choices begin at `start`."""
        choices = list(here.choices)
        choices[start] += 1
        at = start + 2 + len(BLOCK_OPTIONS) * choices[start]
        choices[at : at + len(BLOCK_OPTIONS)] = block
        return Architecture(self.name, tuple(choices))


def _active_positions(architecture: Architecture) -> list[int]:
    """Positions of the choices that are in use: all but those of blocks beyond the depth."""
    positions = list(range(FIRST_STAGE))
    for start in STAGE_STARTS:
        used = 2 + len(BLOCK_OPTIONS) * (architecture.choices[start] + 1)
        positions += range(start, start + used)
    return positions


def _nearest(widths: tuple[int, ...], channels: float) -> int:
    return min(widths, key=lambda width: abs(width - channels))


def _parse_block(text: str) -> Block:
    found = re.fullmatch(r"k(\d+)e(\d+)(se)?", text)
    if not found:
        raise UserError(f"{text!r} is not a block of 'mobile'; blocks read k3e6 or k5e4se.")
    return Block(int(found[1]), int(found[2]), found[3] is not None)
