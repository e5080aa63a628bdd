import pytest
import torch
from torch import nn

from nassay.estimators.proxies import Batch, score

BATCH = Batch(torch.zeros(3, 1, 1, 2), torch.zeros(3, dtype=torch.int64))


def network(*norms: nn.Module) -> nn.Module:
    first, second = nn.Linear(2, 1), nn.Linear(1, 3)
    first.weight.data = torch.tensor([[3.0, -4.0]])
    second.weight.data = torch.tensor([[1.0], [2.0], [2.0]])
    return nn.Sequential(nn.Flatten(), first, *norms, second)


def test_norms_of_weight_tensors_are_added() -> None:
    assert score(network(), BATCH, ["l2_norm"])["l2_norm"].value == pytest.approx(5 + 3)


def test_norm_layers_and_biases_are_no_weights() -> None:
    norm = nn.BatchNorm1d(1)
    norm.weight.data.fill_(7)
    assert score(network(norm), BATCH, ["l2_norm"])["l2_norm"].value == pytest.approx(8)


def test_no_weights_is_a_reason() -> None:
    assert score(nn.Flatten(), BATCH, ["l2_norm"])["l2_norm"].reason == "the network has no weights"
