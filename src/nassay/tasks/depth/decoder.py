"""A light decoder: from a trunk's feature maps to a depth for each pixel.

After FastDepth (Wofk et al., ICRA 2019, arXiv:1903.03273), the network that NetAdaptV2 searched on NYU Depth: from the
coarsest map up, a depthwise 5x5 and a pointwise convolution, then nearest upsampling, and the encoder's map of that
size is added. Here maps are brought to one width by 1x1 convolutions, so that the decoder fits every space; its last
map has half the input's side, the rest is left to bilinear upsampling (remembered, not read again; the constant width
and the scaled softplus are this library's).
"""

import math

from torch import Tensor, nn
from torch.nn import functional

from nassay.spaces.base import Pyramid, Shape
from nassay.spaces.blocks import init_convolutions
from nassay.spaces.network import PyramidHead

WIDTH = 32  # channels of the decoder
KERNEL = 5
LEAST_DEPTH_M = 1e-3  # a tenth of what cameras resolve; keeps logarithms finite


class DepthHead(PyramidHead):
    """Feature maps, finest first, to (B, 1, H', W') depth in metres, always positive; H', W' of the finest map used.

    Maps finer than half the input are not used, unless there is no other.

    Args:
        pyramid: shapes of the maps.
        input_shape: (C, H, W) of the network's inputs.
        typical_m: depth in metres where the last convolution gives 0: softplus(0) typical_m / ln 2.
    """

    def __init__(self, pyramid: Pyramid, input_shape: Shape, typical_m: float) -> None:
        super().__init__()
        self.scale = typical_m / math.log(2)
        coarse = [i for i, (_, height, _) in enumerate(pyramid.shapes) if 2 * height <= input_shape[1] + 1]
        self.levels = coarse or [len(pyramid.shapes) - 1]
        self.lateral = nn.ModuleList(nn.Conv2d(pyramid.shapes[i][0], WIDTH, 1, bias=False) for i in self.levels)
        self.norm = nn.ModuleList(nn.BatchNorm2d(WIDTH) for _ in self.levels)
        self.mix = nn.ModuleList(_separable() for _ in self.levels)
        init_convolutions(self)
        self.last = nn.Conv2d(WIDTH, 1, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Decode from the coarsest map to the finest that is used."""
        x: Tensor | None = None
        for i in reversed(range(len(self.levels))):
            here = self.norm[i](self.lateral[i](maps[self.levels[i]]))
            if x is not None:
                here = here + functional.interpolate(x, here.shape[-2:], mode="nearest")
            x = self.mix[i](functional.relu(here))
        return functional.softplus(self.last(x)) * self.scale + LEAST_DEPTH_M


def _separable() -> nn.Sequential:
    """Depthwise 5x5 and pointwise convolution, each with batch norm and ReLU, of the decoder's width."""
    return nn.Sequential(
        nn.Conv2d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2, groups=WIDTH, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        nn.Conv2d(WIDTH, WIDTH, 1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
    )
