import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, score

BATCH = Batch(torch.zeros(2, 1, 1, 2), torch.tensor([0, 0]))


def linear(weight: list[list[float]], bias: list[float] | None = None) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=bias is not None)
    layer.weight.data = torch.tensor(weight, dtype=torch.float32)
    if bias is not None:
        layer.bias.data = torch.tensor(bias, dtype=torch.float32)
    return layer


def value(*layers: nn.Module) -> float | None:
    return score(nn.Sequential(nn.Flatten(), *layers), BATCH, ["synflow"])["synflow"].value


def test_each_layer_carries_the_whole_flow() -> None:
    flow = 5 * (1 + 2) + 6 * (3 + 4)  # |W2| |W1| (1, 1)
    assert value(linear([[1, -2], [-3, 4]]), nn.ReLU(), linear([[5, -6]])) == pytest.approx(2 * flow)


def test_biases_count_by_their_absolute_value_but_are_not_weights() -> None:
    through_weights, with_bias = 5 * 3 + 6 * 7, 5 * (3 + 1) + 6 * (7 + 1)
    found = value(linear([[1, -2], [-3, 4]], [-1, 1]), nn.ReLU(), linear([[5, -6]]))
    assert found == pytest.approx(through_weights + with_bias)


def test_batch_norm_is_left_out() -> None:
    norm = nn.BatchNorm1d(2)
    norm.weight.data.fill_(7)
    plain = value(linear([[1, 2], [3, 4]]), nn.ReLU(), linear([[5, 6]]))
    assert value(linear([[1, 2], [3, 4]]), norm, nn.ReLU(), linear([[5, 6]])) == plain


def test_beyond_float32_the_score_is_taken_in_float64() -> None:
    assert value(linear([[1e30, 0]]), linear([[1e30]])) == pytest.approx(2e60, rel=1e-6)


def test_beyond_float64_there_is_a_reason() -> None:
    huge = [linear([[1e38]]) for _ in range(9)]
    estimate = score(nn.Sequential(nn.Flatten(), linear([[1.0, 0]]), *huge), BATCH, ["synflow"])["synflow"]
    assert "not finite" in (estimate.reason or "")


def test_a_network_through_which_nothing_flows_is_dead() -> None:
    class Zero(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 0

    network = nn.Sequential(nn.Flatten(), linear([[1, 1]]), Zero(), linear([[1]], [1]))
    assert "dead" in (score(network, BATCH, ["synflow"])["synflow"].reason or "")
