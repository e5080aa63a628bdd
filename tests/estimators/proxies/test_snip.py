import pytest
import torch
from torch import nn

from nassay.estimators.proxies import Batch, score


def test_sum_of_weight_times_gradient() -> None:
    x, y = torch.tensor([[1.0, 2.0], [0.5, -1.0]]), torch.tensor([0, 1])
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    logits = network[1](x).detach()
    gradient = (torch.softmax(logits, 1) - torch.eye(2)[y]).T @ x / 2
    expected = (network[1].weight.detach() * gradient).abs().sum()
    found = score(network, Batch(x.view(2, 1, 1, 2), y), ["snip"])["snip"]
    assert found.value == pytest.approx(float(expected), rel=1e-5)


def test_a_zero_weight_costs_nothing() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    network[1].weight.data = torch.tensor([[0.0], [1.0]])
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([0, 0])
    expected = (torch.sigmoid(x) * x).mean()  # |w_2 dL/dw_2|, softmax of (0, x)
    found = score(network, Batch(x.view(2, 1, 1, 1), y), ["snip"])["snip"]
    assert found.value == pytest.approx(float(expected), rel=1e-5)
