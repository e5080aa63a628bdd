import math

import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, score

K = 1e-5


class Energy(nn.Module):
    """Half the squared input: the gradient of a sample is the sample."""

    def forward(self, x: Tensor) -> Tensor:
        return (x**2).flatten(1).sum(1, keepdim=True) / 2


def jacob_cov(network: nn.Module, x: Tensor) -> tuple[float | None, str | None]:
    estimate = score(network, Batch(x, torch.zeros(len(x), dtype=torch.int64)), ["jacob_cov"])["jacob_cov"]
    return estimate.value, estimate.reason


def test_uncorrelated_gradients() -> None:
    # three centred orthogonal rows: the correlation matrix is the identity
    rows = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [2, -2, -2, 2]])
    rows[2] *= 1.5
    value, _ = jacob_cov(Energy(), rows.view(3, 1, 2, 2))
    assert value == pytest.approx(-3 * (math.log(1 + K) + 1 / (1 + K)), rel=1e-6)


def test_equal_gradients() -> None:
    # a linear network: all rows are its weights, eigenvalues (4, 0, 0, 0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
    value, _ = jacob_cov(network, torch.randn(4, 1, 2, 2))
    expected = -(math.log(4 + K) + 1 / (4 + K)) - 3 * (math.log(K) + 1 / K)
    assert value == pytest.approx(expected, rel=1e-4)


def test_two_correlated_gradients() -> None:
    rows = torch.tensor([[1.0, -1, 0, 0], [2.0, 0, -1, -1]])
    rho = 2 / (math.sqrt(2) * math.sqrt(6))
    expected = -sum(math.log(v + K) + 1 / (v + K) for v in (1 + rho, 1 - rho))
    assert jacob_cov(Energy(), rows.view(2, 1, 2, 2))[0] == pytest.approx(expected, rel=1e-5)


def test_a_constant_gradient_correlates_with_nothing() -> None:
    value, reason = jacob_cov(Energy(), torch.tensor([[1.0, 1.0], [1.0, 2.0]]).view(2, 1, 1, 2))
    assert value is None
    assert "constant" in (reason or "")


def test_one_input_is_too_few() -> None:
    assert "at least two" in (jacob_cov(Energy(), torch.randn(1, 1, 2, 2))[1] or "")
