"""Plain convolutional networks whose layers have any width, down to none: depth becomes a special case of width.

Channel-level bypass connections of NetAdaptV2, Yang et al. 2021, arXiv:2104.00031, section 2.2 (the formulas as we
remember them, not verified): a layer with C inputs that keeps M of its T filters puts out max(B, M) channels, B =
min(C, T); channels 0..M-1 are the filters', channels M..B-1 are the input's own. With no filter the layer is the
identity. Here C = T within a stage, so the channels stay and only the filters, and their cost, fall.
"""

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Choose, Graph, Layout, Piece, Space, spaces
from nassay.spaces.blocks import chain_graph, conv_bn, halved_at, init_convolutions, piece, scale_channels

STAGES = 3
LAYERS = 4  # with bypass in each stage, behind the one that makes its channels
BASE = 32  # channels of the first stage, twice as many in each later one
EIGHTHS = (0, 1, 2, 3, 4, 6, 8)  # filters of a layer in eighths of its channels


class LeadingNorm(nn.BatchNorm2d):
    """Batch norm of as many leading channels as the input has: (B, M, H, W) -> the same, M at most `num_features`."""

    def forward(self, x: Tensor) -> Tensor:
        """Statistics and weights of the other channels are left alone."""
        here = slice(x.shape[1])
        assert self.running_mean is not None
        assert self.running_var is not None
        factor = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            factor = 1.0 / float(self.num_batches_tracked) if factor is None else factor
        return functional.batch_norm(
            x,
            self.running_mean[here],
            self.running_var[here],
            self.weight[here],
            self.bias[here],
            self.training,
            factor or 0.0,
            self.eps,
        )


class Filters(nn.Module):
    """What the filters of a layer are: convolution and norm, without the last ones where only some are wanted.

    Args:
        channels: of the input.
        filters: how many there are.
    """

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
        self.norm = LeadingNorm(filters)

    def forward(self, x: Tensor, filters: int) -> Tensor:
        """(B, C, H, W) -> (B, filters, H, W), the first of them, with ReLU."""
        return torch.relu(self.norm(functional.conv2d(x, self.convolution.weight[:filters], padding=1)))


class Bypass(nn.Module):
    """A layer that keeps the first M filters and lets the other channels pass: (B, C, H, W) -> (B, C, H, W).

    Args:
        own: the filters; several widths of one layer share them.
        filters: M, at least 1.
    """

    def __init__(self, own: Filters, filters: int) -> None:
        super().__init__()
        self.own, self.filters = own, filters

    def forward(self, x: Tensor) -> Tensor:
        """The filters' channels, then the input's."""
        return torch.cat([self.own(x, self.filters), x[:, self.filters :]], 1)


def filters_of(option: int, channels: int) -> int:
    """How many filters an option keeps: so many eighths of the channels, rounded up."""
    return -(-EIGHTHS[option] * channels // 8)


def _layer(option: int, channels: int) -> nn.Module:
    filters = filters_of(option, channels)
    return Bypass(init_convolutions(Filters(channels, filters)), filters) if filters else nn.Identity()


def _layers(channels: int) -> list[nn.Module]:
    """All widths of a layer, on shared filters: the wider one's first filters are the narrower one's."""
    own = init_convolutions(Filters(channels, channels))
    widths = [filters_of(option, channels) for option in range(len(EIGHTHS))]
    return [Bypass(own, filters) if filters else nn.Identity() for filters in widths]


@spaces.register("bypass", paper="Yang et al. 2021, arXiv:2104.00031")
class BypassSpace(Space):
    """Three stages of four layers each, every layer with 0 to 8 eighths of its filters."""

    name = "bypass"
    options = (len(EIGHTHS),) * (STAGES * LAYERS)
    aspects = ("width",) * (STAGES * LAYERS)

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem, and in each stage a layer that makes its channels and those with bypass; see `Space.layout`."""
        choices = self.check(architecture).choices
        return self._layout(lambda i, c: Piece(("bypass", choices[i], c), partial(_layer, choices[i], c)), width)

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The same network with all widths of every layer, on shared filters; see `Space.super_layout`."""
        return self._layout(lambda i, c: Piece(("super bypass", c), partial(choose, i, _layers, c)), width)

    def _layout(self, layer: Callable[[int, int], Piece], width: float) -> Layout:
        halved = halved_at(range(1, STAGES + 1), self.input_shape)
        c_in = scale_channels(BASE // 2, width)
        stem = piece(conv_bn, self.input_shape[0], c_in, 3)
        blocks: list[Piece] = []
        for stage in range(STAGES):
            c = scale_channels(BASE * 2**stage, width)
            blocks.append(piece(conv_bn, c_in, c, 3, stride=2 if stage + 1 in halved else 1))
            blocks += [layer(stage * LAYERS + i, c) for i in range(LAYERS)]
            c_in = c
        return Layout(stem, tuple(blocks), piece(nn.Identity), c_in)

    def graph(self, architecture: Architecture) -> Graph:
        """The chain of layers, those without filters left out; behind one that lets channels pass is an `add` node."""
        chain = [("stem", False)]
        for i, option in enumerate(self.check(architecture).choices):
            if i % LAYERS == 0:
                chain.append(("stage", False))
            if EIGHTHS[option]:
                chain.append((f"conv_3x3_{EIGHTHS[option]}", EIGHTHS[option] < 8))
        return chain_graph(chain)

    def canonical(self, architecture: Architecture) -> Architecture:
        """The same network with the layers without filters, which are none, behind the others of their stage."""
        choices = self.check(architecture).choices
        stages = [choices[i : i + LAYERS] for i in range(0, len(choices), LAYERS)]
        return Architecture(self.name, tuple(c for stage in stages for c in sorted(stage, key=lambda c: c == 0)))

    def to_string(self, architecture: Architecture) -> str:
        """The filters in eighths, such as `bypass:8640-8888-4200`."""
        digits = "".join(str(EIGHTHS[c]) for c in self.check(architecture).choices)
        return "bypass:" + "-".join(digits[i : i + LAYERS] for i in range(0, len(digits), LAYERS))

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        stage = f"[{''.join(map(str, EIGHTHS))}]{{{LAYERS}}}"
        if not re.fullmatch(f"bypass:{'-'.join([stage] * STAGES)}", text.strip()):
            raise UserError(
                f"{text!r} is not a network of bypass; they read 'bypass:8640-8888-4200', the filters of each layer in "
                f"eighths, one of {', '.join(map(str, EIGHTHS))}."
            )
        digits = [int(d) for d in text if d.isdigit()]
        return Architecture(self.name, tuple(EIGHTHS.index(d) for d in digits))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All networks with one layer of another width, or one layer more or less."""
        here = self.canonical(architecture).choices
        stages = [tuple(filter(None, here[i : i + LAYERS])) for i in range(0, len(here), LAYERS)]
        near = {
            (*stages[:i], changed, *stages[i + 1 :]) for i, stage in enumerate(stages) for changed in _one_change(stage)
        }
        padded = (tuple(c for stage in n for c in (*stage, *[0] * (LAYERS - len(stage)))) for n in near)
        return sorted({Architecture(self.name, choices) for choices in padded} - {self.canonical(architecture)})

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour."""
        near = self.neighbors(architecture)
        return near[int(rng.integers(len(near)))]


def _one_change(stage: tuple[int, ...]) -> list[tuple[int, ...]]:
    """A stage's layers with one of them of another width, left out, or put in."""
    places, widths = range(len(stage)), range(1, len(EIGHTHS))
    other = [(*stage[:i], width, *stage[i + 1 :]) for i in places for width in widths]
    without = [(*stage[:i], *stage[i + 1 :]) for i in places]
    gaps = range(len(stage) + 1) if len(stage) < LAYERS else range(0)
    return other + without + [(*stage[:i], width, *stage[i:]) for i in gaps for width in widths]
