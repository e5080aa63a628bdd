import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score


def grad_sign(network: nn.Module, x: Tensor, y: list[int]) -> Estimate:
    return score(network, Batch(x, torch.tensor(y)), ["grad_sign"])["grad_sign"]


def test_signs_of_two_inputs() -> None:
    # error of class 0 is negative for label 0 and positive for label 1, of class 1 the other way round;
    # gradients error x': signs (-- / ++) for the first, (+- / -+) for the second input: sums (0 -2 / 0 2)
    x = torch.tensor([[1.0, 2.0], [0.5, -1.0]]).view(2, 1, 1, 2)
    assert grad_sign(nn.Sequential(nn.Flatten(), nn.Linear(2, 2)), x, [0, 1]).value == 4


def test_agreement_counts_by_the_number_of_inputs() -> None:
    x = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1)
    assert grad_sign(nn.Sequential(nn.Flatten(), nn.Linear(1, 2)), x, [0, 0, 0]).value == 3 * 2


def test_inputs_that_never_agree_are_a_reason() -> None:
    x = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    assert "agree" in (grad_sign(nn.Sequential(nn.Flatten(), nn.Linear(1, 2)), x, [0, 1]).reason or "")


def test_every_input_is_a_batch_of_its_own() -> None:
    torch.manual_seed(0)
    conv = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    network = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    x, y = torch.randn(4, 1, 5, 5), [0, 1, 1, 0]
    total: dict[str, Tensor] = {}
    for i in range(4):
        single = copy.deepcopy(network)
        F.cross_entropy(single(x[i : i + 1]), torch.tensor(y[i : i + 1])).backward()
        for name in ("0.0.weight", "3.weight"):
            total[name] = total.get(name, torch.zeros(())) + single.get_parameter(name).grad.sign()
    expected = sum(float(t.abs().sum()) for t in total.values())
    assert grad_sign(network, x, y).value == pytest.approx(expected)
