import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nassay.estimators.proxies import Batch, score


def grasp(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float | None:
    return score(network, Batch(x, y), ["grasp"])["grasp"].value


def test_two_classes_and_one_weight_each() -> None:
    # p = sigma((u - v) x): g = (p - 1) x (1, -1), H = p (1 - p) x^2 [[1, -1], [-1, 1]], -w' H g as below
    u, v, x = 0.7, -0.4, 1.5
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    network[1].weight.data = torch.tensor([[u], [v]])
    p = 1 / (1 + math.exp(-(u - v) * x))
    expected = 2 * p * (1 - p) ** 2 * x**3 * (u - v)
    assert grasp(network, torch.full((1, 1, 1, 1), x), torch.tensor([0])) == pytest.approx(expected, rel=1e-5)


def test_where_scale_does_not_matter_it_is_the_squared_gradient() -> None:
    # f(c W) = f(W) for all c > 0: g(c W) = g(W) / c, hence H W = -g
    torch.manual_seed(0)
    x, y = torch.randn(6, 1, 1, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    layer = nn.Linear(4, 3, bias=False)
    norm = nn.BatchNorm1d(3, eps=1e-12, affine=False)
    loss = F.cross_entropy(norm(layer(x.flatten(1))), y)
    (gradient,) = torch.autograd.grad(loss, [layer.weight])
    assert grasp(nn.Sequential(nn.Flatten(), layer, norm), x, y) == pytest.approx(float(gradient.square().sum()), 1e-3)


def test_no_gradient_is_a_reason() -> None:
    class Unused(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)

    batch = Batch(torch.randn(3, 1, 1, 2), torch.tensor([0, 1, 1]))
    assert "no weight receives" in (score(Unused(2, 2), batch, ["grasp"])["grasp"].reason or "")
