import math

import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score
from nassay.estimators.proxies.meco import smallest_eigenvalue

BATCH = Batch(torch.zeros(2, 1, 6, 6), torch.zeros(2, dtype=torch.int64))
ORTHOGONAL = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1]])


def meco(network: nn.Module) -> Estimate:
    return score(network, BATCH, ["meco"])["meco"]


class Scale(nn.Module):
    """One channel: its correlation matrix is (1), so that every map counts 1."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def test_uncorrelated_channels() -> None:
    assert smallest_eigenvalue(5 * ORTHOGONAL.view(2, 2, 2) + 1) == pytest.approx(1)


def test_two_correlated_channels() -> None:
    first, second = torch.tensor([1.0, -1, 0, 0, 0]), torch.tensor([2.0, 0, -1, -1, 0])
    rho = 2 / math.sqrt(2 * 6)
    assert smallest_eigenvalue(torch.stack([first, second]).view(2, 1, 5)) == pytest.approx(1 - rho)


def test_dependent_channels_have_none() -> None:
    mixed = torch.cat([ORTHOGONAL, ORTHOGONAL.sum(0, keepdim=True)])
    assert smallest_eigenvalue(mixed.view(3, 2, 2)) == pytest.approx(0, abs=1e-7)
    assert smallest_eigenvalue(torch.cat([ORTHOGONAL, torch.full((1, 4), 0.1)]).view(3, 2, 2)) == 0  # constant
    assert smallest_eigenvalue(torch.randn(4, 2, 2)) == 0  # as many channels as positions


def test_maps_are_added() -> None:
    assert meco(nn.Sequential(Scale(), Scale(), Scale())).value == pytest.approx(3)


def test_nesting_and_passing_on_do_not_count() -> None:
    network = nn.Sequential(nn.Sequential(nn.Sequential(Scale()), nn.Identity()), nn.Identity(), Scale())
    assert meco(network).value == pytest.approx(2)


def test_what_works_in_place_puts_out_a_map_of_its_own() -> None:
    assert meco(nn.Sequential(Scale(), nn.ReLU(inplace=True))).value == pytest.approx(2)


def test_a_network_that_insists_on_its_input_size_is_given_it() -> None:
    assert meco(nn.Sequential(Scale(), nn.Flatten(), nn.Linear(36, 3))).value == pytest.approx(1)


def test_the_reference_size_is_64() -> None:
    class Size(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[2:] == (64, 64)
            return 2 * x

    assert meco(Size()).value == pytest.approx(1)


def test_without_maps_there_is_a_reason() -> None:
    assert "(B, C, H, W)" in (meco(nn.Sequential(nn.Flatten(), nn.Linear(36, 3))).reason or "")
