"""Skip networks: three cells of 3x3 convolutions with skip connections inside, which are added or concatenated.

The space of FLASH (Li, Mandal, Ogras & Marculescu 2021, arXiv:2108.00568): a width multiplier, and for each of three
cells its depth and its number of skip connections, more than 63 billion configurations. The paper's text could not be
read: three cells, depths from 5 to 30 and a multiplier from 1 to 3 are remembered, not verified. Ours are the widths,
the steps of the multiplier, and the counting rule of skip connections:

- A layer reads the layer before it. A *skip connection* also leads the whole output of an earlier layer of the same
  cell, at least two layers back, to it: concatenated (as DenseNet does) or added (as ResNet does).
- A cell of d layers has room for (d - 1)(d - 2) / 2 of them. They are shared out over the layers in proportion to the
  layers that each could read, and spread evenly over those: a rule in the place of the paper's random draw, so that an
  architecture is one network.

An architecture reads `skip_concat:w1.4-d12s30-d8s10-d20s44`: the multiplier, and depth and skips of each cell.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Space, spaces
from nassay.spaces.blocks import conv_bn, halved_at, option_index, piece, scale_channels, spread_choice

BASE_WIDTHS = (8, 16, 32)  # channels of the cells at a multiplier of 1
NUM_CELLS = len(BASE_WIDTHS)
MULTIPLIERS = tuple(round(1 + tenth / 10, 1) for tenth in range(21))
DEPTHS = tuple(range(5, 31))
MOST_SKIPS = 70

# Where the input is halved, in the order of use (small inputs use the first few): 0 is the stem, i cell i.
DOWNSAMPLING_ORDER = (3, 2, 0, 1)


def room(depth: float) -> float:
    """How many skip connections a cell has room for: pairs of layers that are two or more apart."""
    return max(0.0, (depth - 1) * (depth - 2) / 2)


@dataclass(frozen=True, slots=True)
class SkipCell:
    """A cell: output channels of its layers, number of layers, number of skip connections."""

    width: int
    depth: int
    skips: int

    def __str__(self) -> str:
        """Such as `d12s30`."""
        return f"d{self.depth}s{self.skips}"


@lru_cache(maxsize=4096)
def skip_sources(depth: int, skips: int) -> tuple[tuple[int, ...], ...]:
    """The earlier layers that each layer of a cell reads beside the one before it, layers counted from 0.

    Of n skip connections, floor(n S_j) - floor(n S_(j-1)) end at layer j, where S_j is the share of all pairs that end
    at a layer up to j. Layer j could read the layers 0 to j - 2; k of them are those in the middle of k equal parts.
    """
    sources: list[tuple[int, ...]] = [(), ()]
    for layer in range(2, depth):
        pairs, before = layer * (layer - 1) // 2, (layer - 1) * (layer - 2) // 2
        count = skips * pairs // int(room(depth)) - skips * before // int(room(depth))
        sources.append(tuple((2 * k + 1) * (layer - 1) // (2 * count) for k in range(count)))
    return tuple(sources)


class CellBlock(nn.Module):
    """3x3 convolutions in a row with skip connections, each followed by batch norm and ReLU.

    Args:
        c_in: input channels.
        width: output channels of every layer.
        depth: number of layers.
        skips: number of skip connections, see `skip_sources`.
        concat: concatenate what a layer reads, else add it up.
        stride: 1 or 2, of the first layer.
    """

    def __init__(self, c_in: int, width: int, depth: int, skips: int, concat: bool, stride: int) -> None:
        super().__init__()
        self.sources, self.concat = skip_sources(depth, skips), concat
        read = [c_in, *(width * (1 + len(s) * concat) for s in self.sources[1:])]
        self.layers = nn.ModuleList(conv_bn(c, width, 3, stride=1 if j else stride) for j, c in enumerate(read))

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, width, H / stride, W / stride)."""
        outputs: list[Tensor] = []
        for layer, sources in zip(self.layers, self.sources, strict=True):
            skipped = [outputs[i] for i in sources]
            if skipped and self.concat:
                x = torch.cat([x, *skipped], 1)
            elif skipped:
                x = sum(skipped, x)
            x = layer(x)
            outputs.append(x)
        return x


class SkipNets(Space):
    """Networks of three cells with skip connections; sub-classes set `name` and `concat`.

    The choices are the width multiplier, then depth and number of skip connections of each cell. What exceeds a cell's
    `room` is left out: those encodings are the network with as many as there is room for.

    Attributes:
        concat: whether skip connections are concatenated, else added.
    """

    concat: ClassVar[bool]
    options = (len(MULTIPLIERS), *(len(DEPTHS), MOST_SKIPS + 1) * NUM_CELLS)

    def cells(self, architecture: Architecture, *, width: float = 1.0) -> tuple[SkipCell, ...]:
        """The cells in readable terms.

        Args:
            architecture: a point of this space.
            width: factor on every channel count (a fidelity, not a choice).

        Raises:
            UserError: not a point of this space.
        """
        multiplier, *rest = self.canonical(architecture).choices
        return tuple(
            SkipCell(scale_channels(round(base * MULTIPLIERS[multiplier]), width), DEPTHS[depth], skips)
            for base, depth, skips in zip(BASE_WIDTHS, rest[::2], rest[1::2], strict=True)
        )

    def canonical(self, architecture: Architecture) -> Architecture:
        """Skip connections without room left out."""
        choices = list(self.check(architecture).choices)
        for i in range(1, len(choices), 2):
            choices[i + 1] = min(choices[i + 1], int(room(DEPTHS[choices[i]])))
        return Architecture(self.name, tuple(choices))

    def strides(self) -> tuple[int, ...]:
        """Strides of the stem and of the first layer of each cell, 1 or 2, as the input size asks for."""
        halved = halved_at(DOWNSAMPLING_ORDER, self.input_shape)
        return tuple(2 if part in halved else 1 for part in range(1 + NUM_CELLS))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and cells; see `Space.layout`."""
        cells, strides = self.cells(architecture, width=width), self.strides()
        c_in = cells[0].width
        stem = piece(conv_bn, self.input_shape[0], c_in, 3, stride=strides[0])
        blocks = []
        for cell, stride in zip(cells, strides[1:], strict=True):
            blocks.append(piece(CellBlock, c_in, cell.width, cell.depth, cell.skips, self.concat, stride))
            c_in = cell.width
        return Layout(stem, tuple(blocks), piece(nn.Identity), c_in)

    def graph(self, architecture: Architecture) -> Graph:
        """One node for each layer, and before it an `add` or a `concat` node where skip connections end."""
        labels, edges = ["input", "stem"], [(0, 1)]
        for cell in self.cells(architecture):
            layers: list[int] = []
            for sources in skip_sources(cell.depth, cell.skips):
                if sources:
                    edges += [(i, len(labels)) for i in (*(layers[s] for s in sources), len(labels) - 1)]
                    labels.append("concat" if self.concat else "add")
                edges.append((len(labels) - 1, len(labels)))
                layers.append(len(labels))
                labels.append("conv_block")
        return Graph((*labels, "output"), (*edges, (len(labels) - 1, len(labels))))

    def to_string(self, architecture: Architecture) -> str:
        """Such as `skip_concat:w1.4-d12s30-d8s10-d20s44`."""
        here = self.canonical(architecture)
        return f"{self.name}:w{MULTIPLIERS[here.choices[0]]}-{'-'.join(map(str, self.cells(here)))}"

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        found = re.fullmatch(rf"{self.name}:w(\d\.\d)((?:-d\d+s\d+){{{NUM_CELLS}}})", text.strip())
        if not found:
            raise UserError(f"{text!r} is not a skip network; they read {self.to_string(self.smallest())!r}.")
        choices = [option_index("width multiplier", float(found[1]), MULTIPLIERS)]
        for depth, skips in re.findall(r"d(\d+)s(\d+)", found[2]):
            at_most = min(MOST_SKIPS, int(room(int(depth))))
            choices.append(option_index("depth", int(depth), DEPTHS))
            choices.append(option_index("number of skip connections", int(skips), range(at_most + 1)))
        return Architecture(self.name, tuple(choices))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A canonical architecture, every single choice uniform before it is cut to the room.

        Depths share one random size, so do numbers of skip connections: costs spread widely (see `spread_choice`).
        """
        depth, skips = rng.random(2)
        choices = [int(rng.integers(len(MULTIPLIERS)))]
        for _ in BASE_WIDTHS:
            choices += [spread_choice(len(DEPTHS), depth, rng), spread_choice(MOST_SKIPS + 1, skips, rng)]
        return self.canonical(Architecture(self.name, tuple(choices)))

    def _replace(self, architecture: Architecture, position: int, option: int) -> Architecture:
        """One choice changed; where that leaves no room for the skip connections, the architecture as it was."""
        choices = list(architecture.choices)
        choices[position] = option
        changed = Architecture(self.name, tuple(choices))
        return changed if self.canonical(changed) == changed else architecture


PAPER = "Li et al. 2021, arXiv:2108.00568"


@spaces.register("skip_concat", paper=PAPER)
class SkipConcat(SkipNets):
    """FLASH's skip networks with concatenation: three cells, their depths and skip connections, and a width."""

    name = "skip_concat"
    concat = True


@spaces.register("skip_add", paper=PAPER)
class SkipAdd(SkipNets):
    """FLASH's skip networks with addition: three cells, their depths and skip connections, and a width."""

    name = "skip_add"
    concat = False
