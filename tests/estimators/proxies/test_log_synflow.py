import math

import pytest
import torch
from torch import nn

from nassay.estimators.proxies import Batch, score

BATCH = Batch(torch.zeros(2, 1, 1, 1), torch.tensor([0, 0]))


def chain(*weights: float) -> nn.Module:
    layers = [nn.Linear(1, 1, bias=False) for _ in weights]
    for layer, weight in zip(layers, weights, strict=True):
        layer.weight.data.fill_(weight)
    return nn.Sequential(nn.Flatten(), *layers)


def value(network: nn.Module) -> float | None:
    return score(network, BATCH, ["log_synflow"])["log_synflow"].value


def test_weights_times_log_gradients() -> None:
    # R = 2 * 3 * 5: dR/dw = 15, 10, 6
    expected = 2 * math.log(16) + 3 * math.log(11) + 5 * math.log(7)
    assert value(chain(2, -3, 5)) == pytest.approx(expected, rel=1e-6)


def test_gradients_beyond_float32_are_taken_in_float64() -> None:
    expected = 3 * 1e20 * math.log(1e40)
    assert value(chain(1e20, 1e20, 1e20)) == pytest.approx(expected, rel=1e-5)


def test_it_shares_the_pass_of_synflow() -> None:
    together = score(chain(2, -3, 5), BATCH, ["synflow", "log_synflow"])
    assert together["synflow"].value == pytest.approx(90)
    assert together["log_synflow"].value == value(chain(2, -3, 5))
