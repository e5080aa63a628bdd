import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score
from nassay.estimators.proxies.naswot import code_kernel

POINTS = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]]).view(3, 1, 1, 2)
BATCH = Batch(POINTS, torch.tensor([0, 1, 0]))


class Net(nn.Module):
    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x.flatten(1) * 1.0)


def naswot(network: nn.Module, batch: Batch = BATCH) -> Estimate:
    return score(network, batch, ["naswot"])["naswot"]


RELUS = [nn.ReLU(), nn.ReLU(inplace=True), F.relu, torch.relu, torch.relu_, Tensor.relu, nn.ReLU6()]
OTHERS = [nn.SiLU(), nn.GELU(), nn.Hardswish(), nn.PReLU(), lambda x: x.clamp(min=0), lambda x: x.clamp_min(0)]


@pytest.mark.parametrize("activation", RELUS + OTHERS)
def test_determinant_of_agreeing_codes(activation: Callable[[Tensor], Tensor]) -> None:
    # codes 11, 10, 01: K = [[2, 1, 1], [1, 2, 0], [1, 0, 2]], det K = 8 - 2 - 2
    assert naswot(Net(activation)).value == pytest.approx(math.log(4))


def test_layers_add_up() -> None:
    twice = nn.Sequential(Net(torch.relu), Net(lambda x: torch.relu(x - 0.5)))  # the same codes again: 2 K
    assert naswot(twice).value == pytest.approx(math.log(2**3 * 4))


def test_kernel_of_maps_equals_the_count_of_agreeing_units() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 3, 4, 4)
    codes = (x > 0).flatten(1)
    kernel = (codes[:, None] == codes[None]).sum(-1).double()
    network = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
    found = naswot(network, Batch(x, torch.zeros(5, dtype=torch.int64)))
    assert found.value == pytest.approx(float(torch.logdet(kernel)))


def test_a_gate_or_a_clamp_elsewhere_is_no_activation() -> None:
    for function in (torch.sigmoid, lambda x: x.clamp(min=-3)):
        assert "no activation" in (naswot(Net(function)).reason or "")


def test_equal_codes_have_no_determinant() -> None:
    batch = Batch(1 + 0.1 * POINTS, BATCH.y)  # all positive
    assert "same activation code" in (naswot(Net(torch.relu), batch).reason or "")


def test_what_is_activated_twice_counts_twice() -> None:
    class Twice(nn.Module):
        def __init__(self, overwrites: bool) -> None:
            super().__init__()
            self.overwrites = overwrites

        def forward(self, x: Tensor) -> Tensor:
            y = torch.relu(x)
            x = x.clone() if not self.overwrites else x.mul_(-1).sub_(0.5)
            return (y + torch.relu(x)).flatten(1)

    x = torch.randn(3, 1, 8, 8)
    for overwrites, second in ((False, x), (True, -x - 0.5)):
        expected = torch.linalg.slogdet(code_kernel(x) + code_kernel(second))[1]
        batch = Batch(x.clone(), torch.zeros(3, dtype=torch.int64))
        assert score(Twice(overwrites), batch, ["naswot"])["naswot"].value == pytest.approx(float(expected))
