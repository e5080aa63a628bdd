import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, score

X, Y = torch.tensor([[1.0, 2.0, 0.0], [0.5, -1.0, 0.0]]), torch.tensor([0, 1])
BATCH = Batch(X.view(2, 1, 1, 3), Y)


def linear() -> nn.Linear:
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data = torch.tensor([[1.0, -0.5, 2.0], [0.25, 1.0, -1.0]])
    return layer


def test_mean_over_deviation_of_the_two_halves() -> None:
    # each half is one input: dL/dW = (softmax(W x) - onehot(y)) x'; the third column never differs and is left out
    layer = linear()
    error = torch.softmax(layer(X).detach(), 1) - torch.eye(2)[Y]
    first, second = error[0].outer(X[0]), error[1].outer(X[1])
    ratios = [
        (abs(a) + abs(b)) / 2 / (abs(a - b) / 2)
        for a, b in zip(first[:, :2].flatten().tolist(), second[:, :2].flatten().tolist(), strict=True)
    ]
    found = score(nn.Sequential(nn.Flatten(), layer), BATCH, ["zico"])["zico"].value
    assert found == pytest.approx(math.log(sum(ratios)), rel=1e-5)


def test_layers_are_added_as_logarithms_and_those_that_never_differ_are_left_out() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.also, self.unused = linear(), linear(), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = x.flatten(1)
            return self.used(x) + self.also(x) - self.also(x).detach() + 0 * self.unused(x).sum(1, keepdim=True)

    alone = score(nn.Sequential(nn.Flatten(), linear()), BATCH, ["zico"])["zico"].value
    assert alone is not None
    assert score(Twice(), BATCH, ["zico"])["zico"].value == pytest.approx(2 * alone, rel=1e-5)


def test_each_half_has_its_own_batch_statistics() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 3))
    batch = Batch(torch.randn(7, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1, 2, 0])).in_own_order()
    gradients = []
    for part in (slice(3), slice(3, None)):
        half = copy.deepcopy(network)
        F.cross_entropy(half(batch.x[part]), batch.y[part]).backward()
        gradients.append(half[2].weight.grad)
    first, second = gradients
    expected = ((first.abs() + second.abs()) / (first - second).abs()).sum().log()
    assert score(network, batch, ["zico"])["zico"].value == pytest.approx(float(expected), rel=1e-4)


def test_one_input_is_too_few() -> None:
    batch = Batch(X[:1].view(1, 1, 1, 3), Y[:1])
    estimate = score(nn.Sequential(nn.Flatten(), linear()), batch, ["zico"])["zico"]
    assert "at least two" in (estimate.reason or "")
