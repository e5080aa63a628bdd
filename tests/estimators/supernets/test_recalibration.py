import copy

import pytest
import torch
from torch import nn

from nassay.estimators.supernets.recalibration import recalibrated


@pytest.fixture
def network() -> nn.Module:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    network[0].running_mean.fill_(7.0)
    network[1].eval()
    return network


def test_statistics_are_the_plain_mean_over_batches(network: nn.Module) -> None:
    batches = [torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([[4.0, 5.0], [10.0, 5.0]])]
    with recalibrated(network, network, batches):
        assert network[0].running_mean.tolist() == [(1 + 7) / 2, (2 + 5) / 2]
        assert network[0].running_var.tolist() == [(2 + 18) / 2, (2 + 0) / 2]
        assert not any(m.training for m in network.modules())


def test_everything_is_as_before_afterwards_even_after_an_error(network: nn.Module) -> None:
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ZeroDivisionError), recalibrated(network, network, [torch.randn(4, 2)]):
        raise ZeroDivisionError
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert [m.training for m in network.modules()] == [True, True, False]
    assert network[0].momentum == 0.1


def test_weights_get_no_gradients(network: nn.Module) -> None:
    with recalibrated(network, network, [torch.randn(4, 2)]):
        pass
    assert all(p.grad is None for p in network.parameters())
