import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, score

Y = torch.tensor([0, 1, 1])


def errors(logits: Tensor) -> Tensor:
    return (torch.softmax(logits, 1) - torch.eye(logits.shape[1])[Y]) / len(Y)


def fisher(network: nn.Module, x: Tensor) -> float | None:
    return score(network, Batch(x, Y), ["fisher"])["fisher"].value


def test_a_linear_layer() -> None:
    x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.25]])
    layer = nn.Linear(2, 2)
    z = layer(x).detach()
    expected = 2 * ((z * errors(z)) ** 2).mean(0).sum() / 2  # two weights a channel
    assert fisher(nn.Sequential(nn.Flatten(), layer), x.view(3, 1, 1, 2)) == pytest.approx(float(expected), rel=1e-5)


def test_a_convolutions_positions_are_added_before_squaring() -> None:
    class Mean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    torch.manual_seed(0)
    x, conv = torch.randn(3, 4, 5, 5), nn.Conv2d(4, 2, 3, groups=2)
    z = conv(x).mean((2, 3)).detach()  # each position's gradient is error / 9, so that the positions add up to z error
    expected = (2 * 9) * ((z * errors(z)) ** 2).mean(0).sum() / 2
    assert fisher(nn.Sequential(conv, Mean()), x) == pytest.approx(float(expected), rel=1e-4)


def test_a_linear_layer_over_tokens_adds_up_its_tokens() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x[:, 0]).sum(1)

    torch.manual_seed(0)
    x, network = torch.randn(3, 1, 4, 3), Tokens()
    z = network(x).detach()
    expected = 3 * ((z * errors(z)) ** 2).mean(0).sum() / 2
    assert fisher(network, x) == pytest.approx(float(expected), rel=1e-4)


def test_the_activation_is_that_before_an_in_place_rectifier() -> None:
    torch.manual_seed(0)
    x, conv, head = torch.randn(3, 1, 2, 2), nn.Conv2d(1, 3, 1), nn.Linear(12, 2)
    values = [fisher(nn.Sequential(conv, nn.ReLU(inplace), nn.Flatten(), head), x) for inplace in (False, True)]
    assert values[0] == values[1]


def test_company_that_goes_backward_too_changes_nothing() -> None:
    torch.manual_seed(0)
    x, network = torch.randn(3, 1, 2, 2), nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    together = score(network, Batch(x, Y), ["jacob_cov", "grasp", "fisher", "snip"])["fisher"].value
    assert together == fisher(network, x)


def test_without_convolutions_and_linear_layers_there_is_a_reason() -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[2.0, 1.0]]))

        def forward(self, x: Tensor) -> Tensor:
            return self.weight * x.flatten(1)

    estimate = score(Product(), Batch(torch.randn(3, 1, 1, 2), Y), ["fisher"])["fisher"]
    assert "no linear layer" in (estimate.reason or "")


def test_a_layers_output_counts_as_it_was_before_it_was_overwritten() -> None:
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, 3)
    kept, overwritten = (nn.Sequential(layers[0], nn.ReLU(inplace), *layers[1:]) for inplace in (False, True))
    batch = Batch.noise((1, 6, 6), 3, 4)
    found, expected = (score(network, batch, ["fisher"])["fisher"].value for network in (overwritten, kept))
    assert found == pytest.approx(expected, rel=1e-5)
