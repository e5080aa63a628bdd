import math

import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, score
from nassay.estimators.proxies.streams import generator

BATCH = Batch(torch.zeros(6, 1, 5, 5), torch.zeros(6, dtype=torch.int64))
SEED = 3


class Net(nn.Module):
    def __init__(self, *trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*trunk)

    def forward(self, x: Tensor) -> Tensor:
        return self.trunk(x).mean((2, 3))


def drawn() -> tuple[Tensor, Tensor, Tensor]:
    """The first weight, the input and the disturbance of a scoring with SEED."""
    shape = BATCH.x.shape
    weight = torch.randn(1, generator=generator(SEED, "weights"))
    x = torch.randn(shape, generator=generator(SEED, "noise"))
    return weight, x, torch.randn(shape, generator=generator(SEED, "perturbation"))


def zen(network: nn.Module) -> float | None:
    return score(network, BATCH, ["zen"], seed=SEED)["zen"].value


def test_without_batch_norm_it_is_the_log_of_the_change() -> None:
    weight, _, disturbance = drawn()
    change = (0.01 * weight.abs() * disturbance.abs()).sum((1, 2, 3)).mean()
    assert zen(Net(nn.Conv2d(1, 1, 1))) == pytest.approx(math.log(change), rel=1e-4)


def test_batch_norm_scaling_is_undone_by_its_running_variance() -> None:
    weight, x, disturbance = drawn()
    first, second = weight * x, weight * (x + 0.01 * disturbance)

    def normed(z: Tensor) -> Tensor:
        return (z - z.mean()) / (z.var(unbiased=False) + 1e-5).sqrt()

    change = (normed(first) - normed(second)).abs().sum((1, 2, 3)).mean()
    running = 0.9 * (0.9 + 0.1 * first.var()) + 0.1 * second.var()
    norm = nn.BatchNorm2d(1)
    norm.weight.data.fill_(9)  # reset by the initialisation
    expected = math.log(change) + math.log(running.sqrt())
    assert zen(Net(nn.Conv2d(1, 1, 1, bias=False), norm)) == pytest.approx(expected, rel=1e-4)


def test_the_trunk_of_a_foreign_module_is_its_last_map() -> None:
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            y = torch.relu(self.conv(x))
            gate = torch.relu(y.mean((2, 3), keepdim=True))  # a later activation, but without space
            return (y + gate).mean((2, 3))

    assert zen(Foreign()) == zen(Net(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU()))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Net(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, track_running_stats=False)), "running variance"),
        (nn.Sequential(nn.Flatten(), nn.Linear(25, 3)), "no feature map"),
    ],
)
def test_reasons(network: nn.Module, reason: str) -> None:
    assert reason in (score(network, BATCH, ["zen"])["zen"].reason or "")
