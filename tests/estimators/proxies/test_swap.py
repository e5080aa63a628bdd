import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score


class Units(nn.Module):
    """Every input pixel through a rectifier, and through another; then all of them side by side."""

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.relu(x), F.relu(x + self.shift)], 1).flatten(1)


def swap(network: nn.Module, rows: Tensor) -> Estimate:
    batch = Batch(rows[:, None, None], torch.zeros(len(rows), dtype=torch.int64))
    return score(network, batch, ["swap"])["swap"]


ROWS = torch.tensor([[1.0, 1.0, 1.0], [2.0, -1.0, 2.0], [-1.0, 1.0, -2.0]])


def test_distinct_patterns_over_the_inputs() -> None:
    # the units' patterns are 110, 101, 110: two
    assert swap(Units(), ROWS).value == 2


def test_another_layer_adds_its_new_patterns_only() -> None:
    # shifted by 1.5 the patterns are 111, 111, 110
    assert swap(Units(1.5), ROWS).value == 3


def test_sixteen_inputs_are_looked_at() -> None:
    # unit i is positive for input i alone: 16 patterns, and one of the units of the other four inputs
    assert swap(Units(), 2 * torch.eye(20) - 1).value == 17


def test_only_maps_count() -> None:
    network = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert "(B, C, H, W)" in (swap(network, ROWS).reason or "")


@pytest.mark.parametrize("activation", [nn.GELU(), nn.SiLU(), nn.PReLU()])
def test_other_activations_count_by_the_sign_of_their_input(activation: nn.Module) -> None:
    assert swap(activation, ROWS).value == 2


def test_weights_are_drawn_anew() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
    network[0].weight.data.zero_()
    assert swap(network, ROWS).value == 2
