"""The six information paths of OPANAS, each from a pyramid of feature maps to another of the same shapes.

Liang et al. 2021, arXiv:2103.04507; the formulas are those of the authors' published modules. A pyramid is a list of
maps (B, C, H_l, W_l), the finest first. Written x_l for what comes in and y_l for what goes out, with convolutions 3x3
without norm or activation:

- top-down (TD): y_last = conv(x_last), y_l = conv_l(x_l + up(y_(l+1)));
- bottom-up (BU): y_0 = conv(x_0), y_l = conv_l(x_l + down(y_(l-1)));
- fusing-splitting (FS): a is the sum of the finer half of the levels (the larger half), brought down to the coarsest of
  them, b that of the coarser half, brought up to the finest of them; A = conv([a, up(b)]), B = conv([down(a), b]) of
  concatenations; the finer levels get A, brought up, the coarser ones B, brought down. The published modules have four
  levels: a = x_1 + down(x_0);
- scale-equalizing (SE): y_l = ReLU(conv_same(x_l) + conv_finer(x_(l-1)) + up(conv_coarser(x_(l+1)))), three kernels
  shared by all levels, the one for finer maps of stride 2 (the pyramid convolution of SEPC, arXiv:2005.03101);
- skip_connect: y = x; none: y = 0.

`up` is nearest interpolation, `down` 2x2 max pooling of stride 2; both end at the other map's size, whatever that is.

What differs: plain convolutions in the place of deformable ones, which at the start compute the same; and no bias, so
that what leads on from a node that nothing reaches is exactly zero.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from nassay.errors import UserError

Maps = list[Tensor]

# From small to large, by multiply-accumulates at three levels or more
PATHS = ("none", "skip_connect", "FS", "TD", "BU", "SE")
NONE, SKIP, FS, TD, BU, SE = range(len(PATHS))

SE_DEVIATION = 0.01  # of the normal distribution that the kernels of SE are drawn from


def up(x: Tensor, like: Tensor) -> Tensor:
    """Nearest interpolation: (B, C, H, W) -> (B, C, *size of `like`); a map of that size as it is."""
    return x if _size(x) == _size(like) else interpolate(x, size=_size(like), mode="nearest")


def down(x: Tensor, like: Tensor) -> Tensor:
    """2x2 max pooling, an odd last row or column by itself: (B, C, H, W) -> (B, C, *size of `like`), see `up`."""
    return x if _size(x) == _size(like) else up(max_pool2d(x, 2, 2, ceil_mode=True), like)


def added(pyramids: list[Maps]) -> Maps:
    """The sum of pyramids of the same shapes, level by level."""
    return [sum(level[1:], level[0]) for level in zip(*pyramids, strict=True)]


def zeros(maps: Maps) -> Maps:
    """Zeros of the same shapes that stay connected to the input."""
    return [x * 0 for x in maps]


def _size(x: Tensor) -> tuple[int, int]:
    """(H, W) as numbers, which they stay in an exported network."""
    return int(x.shape[-2]), int(x.shape[-1])


def _conv(c_in: int, c_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)


class Nothing(nn.Module):
    """The path `none`."""

    def forward(self, maps: Maps) -> Maps:
        """Zeros of the same shapes, connected to the input: its gradient is then zero, not missing."""
        return zeros(maps)


class _ConvForEachLevel(nn.Module):
    """A path with a convolution of its own for each map.

    Args:
        channels: of every map.
        levels: number of maps.
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(channels, channels) for _ in range(levels))


class TopDown(_ConvForEachLevel):
    """The path TD; see `_ConvForEachLevel`."""

    def forward(self, maps: Maps) -> Maps:
        """From the coarsest map to the finest; shapes stay."""
        outputs = [self.convs[-1](maps[-1])]
        for level in reversed(range(len(maps) - 1)):
            outputs.insert(0, self.convs[level](maps[level] + up(outputs[0], maps[level])))
        return outputs


class BottomUp(_ConvForEachLevel):
    """The path BU; see `_ConvForEachLevel`."""

    def forward(self, maps: Maps) -> Maps:
        """From the finest map to the coarsest; shapes stay."""
        outputs = [self.convs[0](maps[0])]
        for level in range(1, len(maps)):
            outputs.append(self.convs[level](maps[level] + down(outputs[-1], maps[level])))
        return outputs


class FusingSplitting(nn.Module):
    """The path FS.

    Args:
        channels: of every map.
        shared: whether both convolutions are one; they are in the authors' code.
    """

    def __init__(self, channels: int, shared: bool = True) -> None:
        super().__init__()
        first = _conv(2 * channels, channels)
        self.convs = nn.ModuleList([first] if shared else [first, _conv(2 * channels, channels)])

    def forward(self, maps: Maps) -> Maps:
        """Two fused maps, split to all levels; shapes stay. A single level is both halves."""
        half = (len(maps) + 1) // 2
        finer, coarser = maps[:half], maps[half:] or maps
        a, b = finer[0], coarser[-1]
        for x in finer[1:]:
            a = x + down(a, x)
        for x in reversed(coarser[:-1]):
            b = x + up(b, x)
        fused_a = self.convs[0](torch.cat([a, up(b, a)], 1))
        outputs = [self.convs[-1](torch.cat([down(a, b), b], 1))]
        for x in maps[half + 1 :]:
            outputs.append(down(outputs[-1], x))
        return [up(fused_a, x) for x in finer] + outputs[: len(maps) - half]


class ScaleEqualizing(nn.Module):
    """The path SE.

    Args:
        channels: of every map.
        levels: number of maps; a single one has no neighbours.
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.same = _conv(channels, channels)
        self.finer = _conv(channels, channels, stride=2) if levels > 1 else nn.Identity()
        self.coarser = _conv(channels, channels) if levels > 1 else nn.Identity()
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=SE_DEVIATION)

    def forward(self, maps: Maps) -> Maps:
        """Each map and its neighbours; shapes stay."""
        outputs = [self.same(x) for x in maps]
        for level, (fine, coarse) in enumerate(pairwise(maps)):
            outputs[level] = outputs[level] + up(self.coarser(coarse), fine)
            outputs[level + 1] = outputs[level + 1] + up(self.finer(fine), coarse)
        return [output.relu() for output in outputs]


def information_path(name: str, channels: int, levels: int, *, shared: bool = True) -> nn.Module:
    """A path's module, freshly initialised by torch's defaults, SE from a normal distribution.

    Args:
        name: one of `PATHS`.
        channels: of every map.
        levels: number of maps.
        shared: see `FusingSplitting`.

    Raises:
        UserError: there is no such path.
    """
    if name not in PATHS:
        raise UserError(f"There is no information path {name!r}, only {', '.join(PATHS)}.")
    if name == "TD":
        return TopDown(channels, levels)
    if name == "BU":
        return BottomUp(channels, levels)
    if name == "FS":
        return FusingSplitting(channels, shared)
    if name == "SE":
        return ScaleEqualizing(channels, levels)
    return nn.Identity() if name == "skip_connect" else Nothing()
