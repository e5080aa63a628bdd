"""Partial channel connections by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.choice import Choice, Held
from nassay.estimators.supernets.methods import super_network
from nassay.estimators.supernets.partial import PartialChoice
from nassay.spaces.darts import DARTSCells
from nassay.spaces.nb201 import NB201

IMAGES = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def choice(*options: nn.Module, channels: int = 8) -> tuple[PartialChoice, list[int]]:
    seen: list[int] = []

    def made(count: int) -> list[nn.Module]:
        seen.append(count)
        return list(options)

    return PartialChoice(Held(), 0, made, channels), seen


def test_a_quarter_of_the_channels_is_worked_on_and_all_are_shuffled() -> None:
    """Four groups of two: channel 2 g + j goes to 4 j + g. What passes has the weight of the edge."""
    partial, seen = choice(nn.Identity(), Doubled())
    partial.held.selection = [torch.tensor([0.25, 0.5])]
    mixed = torch.cat([(0.25 + 2 * 0.5) * IMAGES[:, :2], 0.75 * IMAGES[:, 2:]], 1)
    torch.testing.assert_close(partial(IMAGES), mixed[:, [0, 2, 4, 6, 1, 3, 5, 7]])
    assert seen == [2]


def test_on_a_path_the_other_channels_pass_as_they_are() -> None:
    partial, _ = choice(nn.Identity(), Doubled())
    partial.held.selection = [1]
    whole = torch.cat([2 * IMAGES[:, :2], IMAGES[:, 2:]], 1)
    torch.testing.assert_close(partial(IMAGES), whole[:, [0, 2, 4, 6, 1, 3, 5, 7]])


def test_a_list_of_maps_goes_through_map_by_map() -> None:
    partial, _ = choice(nn.Identity(), Doubled())
    partial.held.selection = [0]
    first, second = partial([IMAGES, IMAGES[..., :2]])
    torch.testing.assert_close(first, IMAGES[:, [0, 2, 4, 6, 1, 3, 5, 7]])
    torch.testing.assert_close(second, first[..., :2])


@pytest.mark.parametrize("side", [4, 3])
def test_what_passes_a_choice_that_halves_the_size_is_pooled(side: int) -> None:
    partial, _ = choice(nn.AvgPool2d(3, 2, 1))
    x = IMAGES[:, :, :side, :side]
    partial.held.selection = [0]
    pooled = functional.max_pool2d(x[:, 2:], 2, ceil_mode=True)
    found = partial(x)
    assert found.shape == (2, 8, 2, 2)
    torch.testing.assert_close(found[:, 1:4], pooled[:, 0::2])


@pytest.mark.parametrize(("channels", "active"), [(8, 2), (6, 3), (3, 3), (2, 1)])
def test_few_channels_are_cut_into_fewer_parts(channels: int, active: int) -> None:
    assert choice(nn.Identity(), channels=channels)[1] == [active]


@pytest.mark.parametrize("space", [NB201((3, 8, 8), 4, channels=8, cells=1), DARTSCells((3, 8, 8), 4, 4, 3)])
def test_its_super_network_runs_as_a_mixture_and_as_a_path(space: NB201 | DARTSCells) -> None:
    torch.manual_seed(0)
    network = super_network("pc_darts", space)
    assert all(isinstance(module, PartialChoice) for _, module in network.choices())
    x = torch.randn(2, *space.input_shape)
    for selection in ([torch.full((n,), 1 / n) for n in space.options], [1] * len(space.options)):
        assert network(x, selection).shape == (2, 4)
    weights = [sum(p.numel() for _, c in n.choices() for p in c.parameters()) for n in (network, SuperNet(space))]
    assert weights[0] < weights[1] / 3


def test_other_methods_have_whole_channels() -> None:
    network = super_network("darts", NB201((3, 8, 8), 4, channels=8, cells=1))
    assert all(type(module) is Choice for _, module in network.choices())
