import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score
from nassay.estimators.proxies.linear_regions import SIZE
from nassay.estimators.proxies.streams import generator

SEED = 3
BATCH = Batch(torch.zeros(2, 1, 9, 9), torch.zeros(2, dtype=torch.int64))


def regions(network: nn.Module, batch: Batch = BATCH) -> Estimate:
    return score(network, batch, ["linear_regions"], seed=SEED)["linear_regions"]


def ends(size: int = SIZE) -> tuple[Tensor, Tensor]:
    """The ends of the segment that a scoring with SEED looks at."""
    start, end = torch.randn(2, 1, size, size, generator=generator(SEED, "noise"))
    return start, end


def crossings(threshold: float) -> int:
    start, end = ends()
    return int(((start > threshold) != (end > threshold)).sum())


class Rectified(nn.Module):
    """Rectifiers with several thresholds for every pixel."""

    def __init__(self, *thresholds: float) -> None:
        super().__init__()
        self.thresholds = thresholds

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.relu(x - threshold) for threshold in self.thresholds], 1)


def test_every_unit_that_changes_its_sign_cuts_the_segment() -> None:
    assert regions(Rectified(0.0)).value == 1 + crossings(0.0)
    assert regions(Rectified(0.0, 0.5)).value == 1 + crossings(0.0) + crossings(0.5)


def test_units_that_change_at_the_same_place_count_once() -> None:
    class Copies(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x) + torch.relu(2 * x) + torch.relu(-x)

    assert regions(Copies()).value == 1 + crossings(0.0)


def test_a_deeper_unit_may_change_its_sign_twice() -> None:
    class Folded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(torch.relu(x) + torch.relu(-x) - 0.3)  # |x| - 0.3 is 0 at both 0.3 and -0.3

    assert regions(Folded()).value == 1 + crossings(0.0) + crossings(0.3) + crossings(-0.3)


def test_a_network_that_insists_on_its_input_size_is_given_it() -> None:
    network = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(81, 2))
    start, end = ends(9)
    assert regions(network).value == 1 + int(((start > 0) != (end > 0)).sum())


def test_so_is_one_that_looks_for_more_than_a_small_input_has() -> None:
    class Last(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x.unbind(2)[8])

    start, end = ends(9)
    row = torch.stack([start, end]).reshape(2, 9, 9)[:, 8]
    assert regions(Last()).value == 1 + int(((row[0] > 0) != (row[1] > 0)).sum())


@pytest.mark.parametrize("activation", [nn.LeakyReLU(), nn.PReLU(), nn.ReLU6(), nn.Hardtanh(0, 6)])
def test_other_piecewise_linear_activations(activation: nn.Module) -> None:
    assert regions(activation).value == 1 + crossings(0.0)


@pytest.mark.parametrize("activation", [nn.GELU(), nn.Tanh(), nn.Hardtanh(), nn.Identity()])
def test_without_a_kink_at_zero_it_is_not_defined(activation: nn.Module) -> None:
    assert "piecewise linear" in (regions(activation).reason or "")
