"""The operations of NASNet-like cells: separable and dilated convolutions, poolings, skips that halve the size.

Liu et al. 2018, arXiv:1806.09055 (DARTS), for the separable and dilated convolutions and `FactorizedReduce`;
Radosavovic et al. 2019, arXiv:1905.13214 (NDS), for the list of them all. Each maps (B, C, H, W) to
(B, C, ceil(H / stride), ceil(W / stride)).
"""

import re

import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.spaces.nb201 import relu_conv_bn


class FactorizedReduce(nn.Module):
    """ReLU, two 1x1 convolutions side by side, the second one shifted by a pixel, batch norm.

    Args:
        c_in: channels of the input.
        c_out: channels of the output; the first convolution makes half of them, rounded down.
        stride: of both.
    """

    def __init__(self, c_in: int, c_out: int, stride: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(c_in, c_out // 2, 1, stride, bias=False)
        self.second = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, ceil(H / stride), ceil(W / stride))."""
        return self.of_rectified(torch.relu(x))

    def of_rectified(self, x: Tensor) -> Tensor:
        """The same for what has gone through a ReLU already."""
        even = self.second.stride[0] == 2 and not any(side % 2 for side in x.shape[-2:])  # what is padded is not read
        shifted = (x if even else functional.pad(x, (0, 1, 0, 1)))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.first(x), self.second(shifted)], 1))


def separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    """ReLU, depthwise convolution, 1x1 convolution, batch norm."""
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]


def _row_and_column(channels: int, kernel: int, stride: int) -> nn.Module:
    """ReLU, a 1 x k and a k x 1 convolution, batch norm."""
    half = kernel // 2
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, half), bias=False),
        nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (half, 0), bias=False),
        nn.BatchNorm2d(channels),
    )


def cell_operation(name: str, channels: int, stride: int) -> nn.Module:
    """An operation by its name in the DARTS and NDS code, such as `sep_conv_5x5` or `max_pool_3x3`, but not `none`.

    Args:
        name: the operation.
        channels: of input and output.
        stride: 1 or 2.
    """
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    found = re.fullmatch(r"([a-z_]+?)_(\d)x\d(?:_\dx(\d))?", name)
    assert found, f"no operation is called {name!r}"
    kind, kernel = found[1], int(found[3] or found[2])
    if found[3]:
        return _row_and_column(channels, int(found[3]), stride)
    match kind:
        case "conv":
            return relu_conv_bn(channels, channels, kernel, stride)
        case "sep_conv":
            return nn.Sequential(*separable(channels, kernel, stride), *separable(channels, kernel, 1))
        case "dil_conv":
            return nn.Sequential(*separable(channels, kernel, stride, dilation=2))
        case "dil_sep_conv":
            return nn.Sequential(*separable(channels, kernel, stride, 2), *separable(channels, kernel, 1, 2))
        case "max_pool":
            return nn.MaxPool2d(kernel, stride, kernel // 2)
        case _:
            return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
