"""The residual spaces of "On Network Design Spaces": Vanilla, ResNet, ResNeXt-A and ResNeXt-B.

Radosavovic et al. 2019, arXiv:1905.13214. Stages of equal blocks; the first block of each stage but the first one
halves the resolution. ResNet: 3x3 convolutions with a shortcut; Vanilla: the same without; ResNeXt: bottlenecks with
grouped 3x3 convolutions.

The blocks were read in the published code. The ImageNet stem of ResNeXt, with stride 8, is not in it: three 3x3
convolutions with 32, 64 and 64 channels is what the published parameters leave (56,480 in every network); batch norm
and ReLU behind each are an assumption. Verified: parameters and multiply-accumulates of all 1,288 ImageNet networks of
the published tables are equal (see tests/spaces/test_nds_residual.py).

Inputs of less than 64 pixels get CIFAR-10's stem, a 3x3 convolution, and lose strides, so that the last map stays at
least 4x4; the stages stay those of the ImageNet space.
"""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import chain_graph, conv_bn, halved_at, option_index, piece, scale_channels
from nassay.spaces.genotype import IMAGENET_SIDE
from nassay.spaces.resnet import ResidualBlock

# Stages in the order in which small inputs keep their strides.
DOWNSAMPLING_ORDER = (3, 4, 2)


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks of one output width in channels; `multiplier` and `groups` of a bottleneck, else 1."""

    depth: int
    width: int
    multiplier: float = 1.0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole network; the stem's width in channels."""

    stem: int
    stages: tuple[Stage, ...]


class GroupedBottleneck(nn.Module):
    """ReLU(shortcut(x) + 1x1, grouped 3x3 and 1x1 convolution of x).

    Args:
        c_in: input channels.
        c_out: output channels.
        inner: channels of the 3x3 convolution.
        groups: of the 3x3 convolution.
        stride: 1 or 2, of the 3x3 convolution and the shortcut.
    """

    def __init__(self, c_in: int, c_out: int, inner: int, groups: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_bn(c_in, inner, 1),
            conv_bn(inner, inner, 3, stride=stride, groups=groups),
            conv_bn(inner, c_out, 1, relu=False),
        )
        same = c_in == c_out and stride == 1
        self.shortcut = nn.Identity() if same else conv_bn(c_in, c_out, 1, stride=stride, relu=False)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
        return self.relu(self.shortcut(x) + self.layers(x))


def pooled_stem(c_in: int, c_out: int) -> nn.Module:
    """ResNet's ImageNet stem, a 7x7 convolution and max pooling: (B, c_in, H, W) -> (B, c_out, H / 4, W / 4)."""
    return nn.Sequential(conv_bn(c_in, c_out, 7, stride=2), nn.MaxPool2d(3, 2, 1))


def deep_stem(c_in: int, c_out: int) -> nn.Module:
    """Three 3x3 convolutions with stride 2: (B, c_in, H, W) -> (B, c_out, H / 8, W / 8)."""
    half = max(1, c_out // 2)
    layers = [conv_bn(c_in, half, 3, stride=2), conv_bn(half, c_out, 3, stride=2), conv_bn(c_out, c_out, 3, stride=2)]
    return nn.Sequential(*layers)


class ResidualSpace(Space):
    """Networks of stages of blocks.

    Sub-classes set `block`, the blocks' name in the published tables, `stem_stride`, and the options of every stage,
    each from small to large. The choices are the stem's width and for each stage its depth, width and, for
    bottlenecks, multiplier and groups.
    """

    block: ClassVar[str]
    stem_stride: ClassVar[int]
    num_stages: ClassVar[int]
    stem_widths: ClassVar[tuple[int, ...]]
    depths: ClassVar[tuple[int, ...]]
    widths: ClassVar[tuple[int, ...]]
    multipliers: ClassVar[tuple[float, ...]] = (1.0,)
    groups: ClassVar[tuple[int, ...]] = (1,)

    def __init__(self, input_shape: tuple[int, int, int] = (3, 32, 32), num_outputs: int = 10) -> None:
        super().__init__(input_shape, num_outputs)
        stage = tuple(len(known) for known in self._stage_options())
        self.options = (len(self.stem_widths), *stage * self.num_stages)

    def _stage_options(self) -> tuple[tuple[Any, ...], ...]:
        return self.depths, self.widths, self.multipliers, self.groups

    def plan(self, architecture: Architecture) -> Plan:
        """The architecture in readable terms.

        Raises:
            UserError: not a point of this space.
        """
        stem, *rest = self.check(architecture).choices
        known = self._stage_options()
        values = [known[i % len(known)][choice] for i, choice in enumerate(rest)]
        stages = (Stage(*values[i : i + len(known)]) for i in range(0, len(values), len(known)))
        return Plan(self.stem_widths[stem], tuple(stages))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and residual blocks; see `Space.layout`."""
        plan = self.plan(architecture)
        large = min(self.input_shape[1:]) >= IMAGENET_SIDE
        halved = frozenset(DOWNSAMPLING_ORDER) if large else halved_at(DOWNSAMPLING_ORDER, self.input_shape)
        c_in = scale_channels(plan.stem, width)
        stem = self._stem(c_in, large)
        blocks = []
        for i, stage in enumerate(plan.stages, start=1):
            c_out = scale_channels(stage.width, width)
            for j in range(stage.depth):
                blocks.append(self._block(c_in, c_out, stage, 2 if j == 0 and i in halved else 1))
                c_in = c_out
        return Layout(stem, tuple(blocks), piece(nn.Identity), c_in)

    def _stem(self, width: int, large: bool) -> Piece:
        if not large:
            return piece(conv_bn, self.input_shape[0], width, 3)
        return piece(pooled_stem if self.stem_stride == 4 else deep_stem, self.input_shape[0], width)

    def _block(self, c_in: int, c_out: int, stage: Stage, stride: int) -> Piece:
        if self.block == "res_bottleneck_block":
            inner = stage.groups * max(1, round(c_out * stage.multiplier / stage.groups))
            return piece(GroupedBottleneck, c_in, c_out, inner, stage.groups, stride)
        return piece(ResidualBlock, c_in, c_out, "basic", stride, self.block == "res_basic_block")

    def graph(self, architecture: Architecture) -> Graph:
        """The chain of stem and blocks, with an `add` node behind each block that has a shortcut."""
        stages = self.plan(architecture).stages
        shortcut = self.block != "double_plain_block"
        return chain_graph([("stem", False), *[(self.block, shortcut) for stage in stages for _ in range(stage.depth)]])

    def to_string(self, architecture: Architecture) -> str:
        """The network as the published tables describe it, a JSON object with sorted keys."""
        plan = self.plan(architecture)
        bottleneck = self.block == "res_bottleneck_block"
        stages = (Stage(1, plan.stem), *plan.stages)
        network = {
            "block_type": self.block,
            "bot_muls": [s.multiplier for s in stages] if bottleneck else [],
            "ds": [s.depth for s in stages],
            "num_gs": [s.groups for s in stages] if bottleneck else [],
            "ss": [self.stem_stride, 1] + [2] * (self.num_stages - 1),
            "ws": [s.width for s in stages],
        }
        return json.dumps(network, sort_keys=True)

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        try:
            network = json.loads(text)
            choices = [option_index("stem width", network["ws"][0], self.stem_widths)]
            ones = [1] * len(network["ws"])
            columns = (network["ds"], network["ws"], network["bot_muls"] or ones, network["num_gs"] or ones)
            for stage in list(zip(*columns, strict=True))[1:]:
                options = zip(("depth", "width", "multiplier", "groups"), stage, self._stage_options(), strict=True)
                choices += [option_index(*option) for option in options]
            architecture = self.check(Architecture(self.name, tuple(choices)))
            if json.loads(self.to_string(architecture)) == network:
                return architecture
            error = "another block, stride or stem"
        except (ValueError, KeyError, TypeError, IndexError, UserError) as caught:
            error = str(caught)
        raise UserError(
            f"{text!r} is not a network of {self.name!r} ({error}); they read {self.to_string(self.smallest())!r} "
            f"with depths {self.depths}, widths {self.widths}, multipliers {self.multipliers}, groups {self.groups}."
        )


RESNET_DEPTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24)
RESNET_WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@spaces.register("nds_resnet", paper="He et al. 2015, arXiv:1512.03385; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSResNet(ResidualSpace):
    """NDS's ResNet space for ImageNet: four stages of basic residual blocks."""

    name = "nds_resnet"
    block, stem_stride, num_stages = "res_basic_block", 4, 4
    stem_widths, depths, widths = (16, 32, 64), RESNET_DEPTHS, RESNET_WIDTHS


@spaces.register("nds_vanilla", paper="Radosavovic et al. 2019, arXiv:1905.13214")
class NDSVanilla(ResidualSpace):
    """NDS's Vanilla space for ImageNet: ResNet's without shortcuts."""

    name = "nds_vanilla"
    block, stem_stride, num_stages = "double_plain_block", 4, 4
    stem_widths, depths, widths = (16, 32, 64), RESNET_DEPTHS, RESNET_WIDTHS


@spaces.register("nds_resnext_a", paper="Xie et al. 2017, arXiv:1611.05431; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSResNeXtA(ResidualSpace):
    """NDS's ResNeXt-A space for ImageNet: three stages of bottlenecks, up to 256 channels and 4 groups."""

    name = "nds_resnext_a"
    block, stem_stride, num_stages = "res_bottleneck_block", 8, 3
    stem_widths, depths, widths = (64,), (1, 2, 4, 8, 16), (16, 32, 64, 128, 256)
    multipliers, groups = (0.25, 0.5, 1.0), (4, 2, 1)


@spaces.register("nds_resnext_b", paper="Xie et al. 2017, arXiv:1611.05431; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSResNeXtB(ResidualSpace):
    """NDS's ResNeXt-B space for ImageNet: three stages of bottlenecks, up to 1,024 channels and 16 groups."""

    name = "nds_resnext_b"
    block, stem_stride, num_stages = "res_bottleneck_block", 8, 3
    stem_widths, depths, widths = (64,), (1, 2, 4, 8, 16), (64, 128, 256, 512, 1024)
    multipliers, groups = (0.25, 0.5, 1.0), (16, 8, 4, 2, 1)
