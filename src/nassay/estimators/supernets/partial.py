"""Partial channel connections: a choice works on a part of the channels, the others pass by.

PC-DARTS, Xu et al. 2020, arXiv:1907.05737, section 3.2, and the authors' code: with K = 4 a choice's options see the
first quarter of the channels; behind them the channels are shuffled, so that the next choice sees others. Where the
options halve the size, the channels that pass are max-pooled. Memory and time of a mixture fall to about a quarter.

Such a super-network's weights are not those of the space's networks: an option has a quarter of the channels. What is
chosen with it is trained alone.
"""

from math import gcd

import torch
from torch import Tensor
from torch.nn import functional

from nassay.estimators.supernets.choice import Choice, Held, Maps
from nassay.spaces.base import Options

PARTS = 4  # K of the paper; the largest common divisor with the channels where there are fewer


class PartialChoice(Choice):
    """All options of one choice, for a part of the channels.

    Args:
        held: see `Choice`.
        position: see `Choice`.
        options: see `Choice`.
        channels: of the input; as many go out.
    """

    def __init__(self, held: Held, position: int, options: Options, channels: int) -> None:
        self.parts = gcd(PARTS, channels)
        super().__init__(held, position, options, channels // self.parts)
        self.active = channels // self.parts

    @property
    def connects(self) -> bool:
        """Some channels always pass."""
        return True

    def forward(self, x: Maps) -> Maps:
        """(B, C, H, W) -> (B, C, H / stride, W / stride); what passes has the weight of all options together."""
        if isinstance(x, Tensor):
            return self._joined(super().forward(x[:, : self.active]), x)
        made = super().forward([level[:, : self.active] for level in x])
        return [self._joined(own, level) for own, level in zip(made, x, strict=True)]

    def _joined(self, made: Maps, x: Tensor) -> Tensor:
        """What the options made of a map beside what passes."""
        assert isinstance(made, Tensor)
        assert self.held.selection is not None
        passing, selected = x[:, self.active :], self.held.selection[self.position]
        if made.shape[-2:] != passing.shape[-2:]:
            passing = functional.max_pool2d(passing, 2, ceil_mode=True)
        if isinstance(selected, Tensor) and selected.is_floating_point():
            passing = selected.sum() * passing
        return functional.channel_shuffle(torch.cat([made, passing], 1), self.parts)
