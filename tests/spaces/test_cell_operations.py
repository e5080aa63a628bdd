"""Operations of NASNet-like cells: parameters and sizes by hand, shifted convolutions."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from nassay.spaces.cell_operations import FactorizedReduce, cell_operation
from nassay.spaces.nds import CELL_FAMILIES

C = 6
# What an operation has at stride 1 besides norms of 2 C each: (weights, norms); a depthwise kernel has k * k * C.
SIZES = {
    "max_pool_3x3": (0, 0),
    "max_pool_7x7": (0, 0),
    "avg_pool_3x3": (0, 0),
    "skip_connect": (0, 0),
    "conv_1x1": (C * C, 1),
    "conv_3x3": (9 * C * C, 1),
    "conv_3x1_1x3": (6 * C * C, 1),
    "conv_7x1_1x7": (14 * C * C, 1),
    "dil_conv_3x3": (9 * C + C * C, 1),
    "dil_conv_5x5": (25 * C + C * C, 1),
    "sep_conv_3x3": (2 * (9 * C + C * C), 2),
    "sep_conv_7x7": (2 * (49 * C + C * C), 2),
    "dil_sep_conv_3x3": (2 * (9 * C + C * C), 2),
}


@pytest.mark.parametrize(("name", "size"), SIZES.items())
@pytest.mark.parametrize("stride", [1, 2])
def test_params_and_sizes_by_hand(name: str, size: tuple[int, int], stride: int) -> None:
    operation = cell_operation(name, C, stride)
    weights, norms = (C * C, 1) if (name, stride) == ("skip_connect", 2) else size
    assert sum(p.numel() for p in operation.parameters()) == weights + norms * 2 * C
    assert operation(torch.randn(2, C, 7, 8)).shape == (2, C, *((7, 8) if stride == 1 else (4, 4)))


def test_a_dilated_convolution_reads_every_other_pixel() -> None:
    convolution = next(m for m in cell_operation("dil_conv_5x5", C, 1).modules() if isinstance(m, nn.Conv2d))
    assert (convolution.dilation, convolution.padding, convolution.groups) == ((2, 2), (4, 4), C)


def test_average_pooling_leaves_the_border_out() -> None:
    x = torch.ones(1, C, 4, 4)
    assert torch.equal(cell_operation("avg_pool_3x3", C, 1)(x), x)


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_factorized_reduce_takes_two_grids_of_pixels(size: tuple[int, int]) -> None:
    module, x = FactorizedReduce(4, 7).eval(), torch.randn(2, 4, *size)
    grown = functional.pad(torch.relu(x), (0, 1, 0, 1))
    even = functional.conv2d(torch.relu(x)[:, :, ::2, ::2], module.first.weight)
    odd = functional.conv2d(grown[:, :, 1::2, 1::2], module.second.weight)
    assert (even.shape[1], odd.shape[1]) == (3, 4)
    torch.testing.assert_close(module(x), module.norm(torch.cat([even, odd], 1)))


@pytest.mark.parametrize("space", CELL_FAMILIES.values())
def test_operations_of_every_family_are_there_and_in_order_of_params(space: type) -> None:
    names = [name for name in space.operations if name != "none"]
    for channels, stride in ((32, 1), (32, 2), (96, 2)):
        sizes = [sum(p.numel() for p in cell_operation(name, channels, stride).parameters()) for name in names]
        assert sizes == sorted(sizes)
