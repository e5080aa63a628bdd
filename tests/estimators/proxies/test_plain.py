import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, score

X, Y = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.25]]), torch.tensor([0, 1, 1])
BATCH = Batch(X.view(3, 1, 1, 2), Y)


def euler(logits: Tensor) -> float:
    """The mean of error times logits: what each bias-free layer contributes, as logits are linear in its weights."""
    error = torch.softmax(logits, 1) - torch.eye(logits.shape[1])[Y]
    return float((error * logits).sum(1).mean())


def plain(network: nn.Module) -> float | None:
    return score(network, BATCH, ["plain"])["plain"].value


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    return layer


def test_one_layer() -> None:
    layer = linear([[1.0, -2.0], [0.5, 1.0]])
    assert plain(nn.Sequential(nn.Flatten(), layer)) == pytest.approx(euler(layer(X).detach()), rel=1e-5)


def test_every_layer_before_a_rectifier_contributes_the_same() -> None:
    first, second = linear([[1.0, 0.5], [-1.0, 2.0]]), linear([[1.0, -1.0], [0.5, 2.0]])
    logits = second(torch.relu(first(X))).detach()
    found = plain(nn.Sequential(nn.Flatten(), first, nn.ReLU(), second))
    assert found == pytest.approx(2 * euler(logits), rel=1e-5)


def test_weights_before_a_batch_norm_contribute_nothing() -> None:
    first, norm, second = (
        linear([[9.0, 5.0], [-9.0, 4.0]]),
        nn.BatchNorm1d(2, eps=1e-12),
        linear([[1.0, -1.0], [0.5, 2.0]]),
    )
    logits = second(norm(first(X))).detach()
    found = plain(nn.Sequential(nn.Flatten(), first, norm, second))
    assert found == pytest.approx(euler(logits), rel=1e-4)
