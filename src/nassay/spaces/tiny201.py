"""A small cousin of NAS-Bench-201 whose every network was trained by this project: see `estimators.tables.embedded`.

The cell of Dong & Yang 2020, arXiv:2001.00326, without pooling; the network is the first third of NAS-Bench-201's,
a stem and two such cells of eight channels at full size: without a reduction, what it can do depends on its cell alone.
4,096 encodings of 1,011 different networks, each trained on 8x8 images within seconds on one core.
"""

from collections.abc import Callable
from itertools import product

from nassay.spaces.base import Architecture, Layout, Piece, spaces
from nassay.spaces.blocks import piece, scale_channels
from nassay.spaces.nb201 import NB201, norm_relu
from nassay.spaces.nb201_equivalence import EDGES, OPERATIONS, SKIP

NUM_OPERATIONS = OPERATIONS.index("avg_pool_3x3")  # none, skip_connect, nor_conv_1x1, nor_conv_3x3


@spaces.register("tiny201", paper="after Dong & Yang 2020, arXiv:2001.00326")
class Tiny201(NB201):
    """NAS-Bench-201's cell without pooling, twice, at one size: the space of the embedded benchmark.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs of the head.
        channels: channels of the whole network.
        cells: how many cells follow each other.
    """

    name = "tiny201"
    options = (NUM_OPERATIONS,) * len(EDGES)

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (1, 8, 8),
        num_outputs: int = 10,
        channels: int = 8,
        cells: int = 2,
    ) -> None:
        super().__init__(input_shape, num_outputs, channels, cells)

    def _layout(self, cell: Callable[[int], Piece], width: float) -> Layout:
        """The first third of NAS-Bench-201's network, and its last norm and ReLU."""
        whole = super()._layout(cell, width)
        channels = scale_channels(self.channels, width)
        return Layout(whole.stem, whole.blocks[: self.cells], piece(norm_relu, channels), channels)

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Every edge's operation made cheaper in proportion, down to the identity: nothing is cut."""
        choices = (min(c, max(SKIP, int((c + 0.5) * factor))) for c in self.check(architecture).choices)
        return self.canonical(Architecture(self.name, tuple(choices)))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures one edge away from any encoding of this one, sorted."""
        return [near for near in super().neighbors(architecture) if max(near.choices) < NUM_OPERATIONS]

    def networks(self) -> list[Architecture]:
        """Every network of the space once, sorted: all canonical architectures."""
        every = (Architecture(self.name, choices) for choices in product(*map(range, self.options)))
        return [encoding for encoding in every if self.canonical(encoding) == encoding]
