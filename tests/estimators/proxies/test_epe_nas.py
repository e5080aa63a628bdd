import math

import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score

K = 1e-5
PAIR = [[1.0, -1, 0, 0], [2.0, 0, -1, -1]]
RHO = 2 / (math.sqrt(2) * math.sqrt(6))
OTHER = [[1.0, 1, -1, -1], [1.0, -1, 1, -1]]  # uncorrelated


class Energy(nn.Module):
    """The squared input, spread over a number of outputs: the gradient of a sample is along the sample."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        return (x**2).flatten(1).sum(1, keepdim=True).expand(-1, self.outputs)


def epe_nas(rows: list[list[float]], labels: list[int], outputs: int = 10) -> Estimate:
    batch = Batch(torch.tensor(rows).view(-1, 1, 2, 2), torch.tensor(labels))
    return score(Energy(outputs), batch, ["epe_nas"])["epe_nas"]


def test_few_classes_add_their_log_correlations() -> None:
    pair = 2 * math.log(1 + K) + 2 * math.log(RHO + K)
    other = 2 * math.log(1 + K) + 2 * math.log(K)
    found = epe_nas([*PAIR, *OTHER], [7, 7, 2, 2]).value
    assert found == pytest.approx(abs(pair) + abs(other), rel=1e-4)


def test_a_class_with_one_sample_correlates_with_itself() -> None:
    pair = 2 * math.log(1 + K) + 2 * math.log(RHO + K)
    assert epe_nas([*PAIR, OTHER[0]], [7, 7, 2]).value == pytest.approx(abs(pair) + math.log(1 + K), rel=1e-4)


def test_many_classes_are_compared() -> None:
    pair = math.log(1 + K) + math.log(RHO + K)  # per sample
    other = math.log(1 + K) + math.log(K)
    found = epe_nas([*PAIR, *OTHER, [3.0, 1, 1, 0]], [7, 7, 2, 2, 5], outputs=101).value
    assert found == pytest.approx(2 * abs(pair - other) / 2, rel=1e-4)  # the class with one sample is left out


def test_many_classes_of_one_sample_each_are_a_reason() -> None:
    assert "two samples" in (epe_nas(PAIR, [0, 1], outputs=101).reason or "")


def test_a_constant_gradient_is_a_reason() -> None:
    assert "constant" in (epe_nas([[1.0, 1, 1, 1], PAIR[0]], [3, 3]).reason or "")
