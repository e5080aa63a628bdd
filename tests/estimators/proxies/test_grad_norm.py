import pytest
import torch
from torch import nn

from nassay.estimators.proxies import Batch, score


def test_sum_of_norms_over_weight_tensors() -> None:
    # logits W x without hidden layer: dL/dW = mean_b (softmax(W x_b) - onehot(y_b)) x_b'
    x, y = torch.tensor([[1.0, 2.0], [0.5, -1.0]]), torch.tensor([0, 1])
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    logits = network[1](x).detach()
    error = torch.softmax(logits, 1) - torch.eye(2)[y]
    expected = (error.T @ x / 2).norm()
    found = score(network, Batch(x.view(2, 1, 1, 2), y), ["grad_norm"])["grad_norm"]
    assert found.value == pytest.approx(float(expected), rel=1e-5)


def test_layers_are_added_as_norms_not_as_squares() -> None:
    # logits (a b x, 0): dL/da = e b x, dL/db = e a x with e = mean error of class 0
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.tensor([[2.0]])), nn.Parameter(torch.tensor([[3.0]]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z = self.a * self.b * x.flatten(1)
            return torch.cat([z, 0 * z], 1)

    x, y = torch.tensor([0.1, -0.2]), torch.tensor([0, 0])
    e = ((torch.sigmoid(6 * x) - 1) * x).mean().abs()
    found = score(Product(), Batch(x.view(2, 1, 1, 1), y), ["grad_norm"])["grad_norm"]
    assert found.value == pytest.approx(float(e * 3 + e * 2), rel=1e-5)


def test_labels_beyond_the_outputs_are_a_reason() -> None:
    batch = Batch(torch.randn(3, 1, 1, 2), torch.tensor([0, 1, 5]))
    estimates = score(nn.Sequential(nn.Flatten(), nn.Linear(2, 2)), batch, ["grad_norm", "jacob_cov"])
    assert "6 classes" in (estimates["grad_norm"].reason or "")
    assert "6 classes" not in (estimates["jacob_cov"].reason or "")


def test_no_weights_is_a_reason() -> None:
    batch = Batch(torch.randn(3, 1, 1, 2), torch.tensor([0, 1, 1]))
    assert score(nn.Flatten(), batch, ["grad_norm"])["grad_norm"].reason == "the network has no weights"
