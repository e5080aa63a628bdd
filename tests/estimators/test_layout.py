"""Which networks compute in channels last, and that those whose backward pass would crash in it do not."""

import pytest
import torch
from torch import nn

from nassay.estimators.layout import memory_format


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(8, 24, 1, stride=2), torch.contiguous_format),
        (nn.Conv2d(15, 24, 1, stride=(1, 2)), torch.contiguous_format),
        (nn.Conv2d(32, 32, 1, stride=2, groups=4), torch.contiguous_format),
        (nn.Conv2d(16, 24, 1, stride=2), torch.channels_last),
        (nn.Conv2d(8, 24, 1), torch.channels_last),
        (nn.Conv2d(8, 24, 3, stride=2), torch.channels_last),
        (nn.Linear(8, 8), torch.channels_last),
    ],
)
def test_layout_by_the_layers(layer: nn.Module, expected: torch.memory_format) -> None:
    assert memory_format(nn.Sequential(nn.ReLU(), layer)) == expected


def test_the_backward_pass_that_crashes_in_channels_last_ends() -> None:
    network = nn.Conv2d(8, 24, 1, stride=2, bias=False)
    x = torch.ones(4, 8, 60, 80).contiguous(memory_format=memory_format(network)).requires_grad_()
    network.to(memory_format=memory_format(network))  # type: ignore[call-overload]
    for _ in range(30):
        found, _ = torch.autograd.grad(network(x).sum(), [x, network.weight])
    expected = network.weight.detach().sum((0, 2, 3))
    torch.testing.assert_close(found[0, :, 0, 0], expected)
    assert not found[:, :, 1::2].any()
