"""Residual networks in four stages of basic or bottleneck blocks.

He et al. 2015, arXiv:1512.03385 (post-activation blocks, projection shortcuts where the shapes differ; a
network without shortcuts is `plain`, as there). Every convolution is 3x3 or 1x1, the stem is a single 3x3
convolution, and a stride-2 first block stands for the max pooling.

An architecture reads `resnet:stem32-basic64x2-basic128x2-plain-bottleneck256x3-basic512x1`: kind, width in
output channels and depth of each stage.
"""

import re
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Choose, Graph, Layout, Space, spaces
from nassay.spaces.blocks import (
    chain_graph,
    conv_bn,
    halved_at,
    option_index,
    piece,
    scale_channels,
    spread_choice,
)

KINDS = ("bottleneck", "basic")  # at the same output width, a bottleneck block is the smaller one
MAX_DEPTH = 4
STEM_WIDTHS = (8, 16, 32, 64)
STAGE_WIDTHS = (
    (8, 16, 24, 32, 48, 64),
    (8, 16, 32, 48, 64, 128),
    (16, 32, 64, 96, 128, 256),
    (32, 64, 96, 128, 256, 512),
)
STAGE_ASPECTS = ("depth", "width", "kind", "shortcut")
STAGE_LENGTH = len(STAGE_ASPECTS)

# Where the input is halved, in the order of use (small inputs use the first few): 0 is the stem, i stage i.
DOWNSAMPLING_ORDER = (3, 4, 2, 0, 1)


@dataclass(frozen=True)
class Stage:
    """Blocks of one kind: output width in channels, number of blocks, with or without shortcuts."""

    kind: str
    width: int
    depth: int
    shortcuts: bool

    def __str__(self) -> str:
        """Such as `basic64x2` or `plain-bottleneck256x3`."""
        return f"{'' if self.shortcuts else 'plain-'}{self.kind}{self.width}x{self.depth}"


@dataclass(frozen=True)
class Plan:
    """A whole network in readable terms; the stem's width in channels."""

    stem: int
    stages: tuple[Stage, ...]


class ResidualBlock(nn.Module):
    """ReLU(layers(x) + shortcut(x)), or ReLU(layers(x)) without a shortcut.

    Args:
        c_in: input channels.
        c_out: output channels.
        kind: `basic`, two 3x3 convolutions, or `bottleneck`, 1x1, 3x3 and 1x1 with c_out / 4 channels
        between. stride: 1 or 2, of the first 3x3 convolution and of the shortcut.
        shortcut: whether there is one; a 1x1 projection where the shapes differ.
    """

    def __init__(self, c_in: int, c_out: int, kind: str, stride: int, shortcut: bool) -> None:
        super().__init__()
        if kind == "basic":
            self.layers = nn.Sequential(conv_bn(c_in, c_out, 3, stride=stride), conv_bn(c_out, c_out, 3, relu=False))
        else:
            inner = max(1, c_out // 4)
            self.layers = nn.Sequential(
                conv_bn(c_in, inner, 1),
                conv_bn(inner, inner, 3, stride=stride),
                conv_bn(inner, c_out, 1, relu=False),
            )
        self.shortcut: nn.Module | None = None
        if shortcut:
            same = c_in == c_out and stride == 1
            self.shortcut = nn.Identity() if same else conv_bn(c_in, c_out, 1, stride=stride, relu=False)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
        y = self.layers(x)
        return self.relu(y if self.shortcut is None else y + self.shortcut(x))


@spaces.register("resnet", paper="He et al. 2015, arXiv:1512.03385")
class ResNet(Space):
    """Residual networks, four stages of one to four basic or bottleneck blocks, with or without shortcuts.

    The choices are the stem's width and for each stage (depth, width, kind, shortcuts). The input is halved
    `num_downsamplings(input_shape)` times, in the order of `DOWNSAMPLING_ORDER`.
    """

    name = "resnet"
    options = (len(STEM_WIDTHS),) + tuple(n for widths in STAGE_WIDTHS for n in (MAX_DEPTH, len(widths), len(KINDS), 2))
    aspects = ("width", *STAGE_ASPECTS * len(STAGE_WIDTHS))
    elastic = True

    def plan(self, architecture: Architecture) -> Plan:
        """The architecture in readable terms.

        Raises:
            UserError: not a point of this space.
        """
        stem, *rest = self.check(architecture).choices
        stages = []
        for i, widths in enumerate(STAGE_WIDTHS):
            depth, width, kind, shortcuts = rest[i * STAGE_LENGTH : (i + 1) * STAGE_LENGTH]
            stages.append(Stage(KINDS[kind], widths[width], depth + 1, bool(shortcuts)))
        return Plan(STEM_WIDTHS[stem], tuple(stages))

    def architecture(self, plan: Plan) -> Architecture:
        """Inverse of `plan`.

        Raises:
            UserError: a width or depth that this space does not have.
        """
        choices = [option_index("stem width", plan.stem, STEM_WIDTHS)]
        for stage, widths in zip(plan.stages, STAGE_WIDTHS, strict=True):
            choices += [
                option_index("depth", stage.depth, range(1, MAX_DEPTH + 1)),
                option_index("stage width", stage.width, widths),
                KINDS.index(stage.kind),
                int(stage.shortcuts),
            ]
        return Architecture(self.name, tuple(choices))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and residual blocks; see `Space.layout`."""
        plan = self.plan(architecture)
        halved = halved_at(DOWNSAMPLING_ORDER, self.input_shape)
        c_in = scale_channels(plan.stem, width)
        stem = piece(conv_bn, self.input_shape[0], c_in, 3, stride=2 if 0 in halved else 1)
        blocks = []
        for i, stage in enumerate(plan.stages, start=1):
            c_out = scale_channels(stage.width, width)
            for j in range(stage.depth):
                stride = 2 if j == 0 and i in halved else 1
                blocks.append(piece(ResidualBlock, c_in, c_out, stage.kind, stride, stage.shortcuts))
                c_in = c_out
        return Layout(stem, tuple(blocks), piece(nn.Identity), c_in)

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The largest blocks of both kinds, the kinds of a stage behind each other; see `Space.super_layout`.

        The first block of a stage has a projection, which a network uses where its own shapes differ.
        """
        del choose
        halved = halved_at(DOWNSAMPLING_ORDER, self.input_shape)
        c_in = scale_channels(STEM_WIDTHS[-1], width)
        stem = piece(conv_bn, self.input_shape[0], c_in, 3, stride=2 if 0 in halved else 1)
        blocks = []
        for i, widths in enumerate(STAGE_WIDTHS, start=1):
            c_out = scale_channels(widths[-1], width)
            for kind in KINDS:
                blocks.append(piece(_first_block, c_in, c_out, kind, 2 if i in halved else 1))
                blocks += [piece(ResidualBlock, c_out, c_out, kind, 1, True)] * (MAX_DEPTH - 1)
            c_in = c_out
        return Layout(stem, tuple(blocks), piece(nn.Identity), c_in)

    def shared_blocks(self, architecture: Architecture) -> tuple[int, ...]:
        """The first blocks of the kind of every stage."""
        found: list[int] = []
        for i, stage in enumerate(self.plan(architecture).stages):
            start = (i * len(KINDS) + KINDS.index(stage.kind)) * MAX_DEPTH
            found += range(start, start + stage.depth)
        return tuple(found)

    def graph(self, architecture: Architecture) -> Graph:
        """The chain of stem and blocks, with an `add` node behind each block that has a shortcut."""
        stages = self.plan(architecture).stages
        blocks = [(stage.kind, stage.shortcuts) for stage in stages for _ in range(stage.depth)]
        return chain_graph([("stem", False), *blocks])

    def to_string(self, architecture: Architecture) -> str:
        """Such as `resnet:stem32-basic64x2-basic128x2-plain-bottleneck256x3-basic512x1`."""
        plan = self.plan(architecture)
        return f"resnet:stem{plan.stem}-{'-'.join(map(str, plan.stages))}"

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        stage = rf"-(plain-)?({'|'.join(KINDS)})(\d+)x(\d+)"
        found = re.fullmatch(rf"resnet:stem(\d+)((?:{stage}){{{len(STAGE_WIDTHS)}}})", text.strip())
        if not found:
            raise UserError(f"{text!r} is not a residual network; they read {self.to_string(self.smallest())!r}.")
        stages = (
            Stage(kind, int(width), int(depth), not plain) for plain, kind, width, depth in re.findall(stage, found[2])
        )
        return self.architecture(Plan(int(found[1]), tuple(stages)))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A canonical architecture, every single choice uniform.

        Depths share one random size, so do widths: costs spread widely (see `spread_choice`).
        """
        depth, width = rng.random(2)
        choices = [spread_choice(len(STEM_WIDTHS), width, rng)]
        for widths in STAGE_WIDTHS:
            choices += [spread_choice(MAX_DEPTH, depth, rng), spread_choice(len(widths), width, rng)]
            choices += [int(rng.integers(len(KINDS))), int(rng.integers(2))]
        return self.canonical(Architecture(self.name, tuple(choices)))


def _first_block(c_in: int, c_out: int, kind: str, stride: int) -> ResidualBlock:
    """A block with a projection, whatever its shapes."""
    block = ResidualBlock(c_in, c_out, kind, stride, True)
    block.shortcut = conv_bn(c_in, c_out, 1, stride=stride, relu=False)
    return block
