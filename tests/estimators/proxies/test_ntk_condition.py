import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score
from nassay.estimators.proxies.anatomy import Anatomy
from nassay.estimators.proxies.initialisation import tensors_for

X = torch.tensor([[1.0, 2.0, 0.0], [0.5, -1.0, 1.0]])


def condition(network: nn.Module, x: Tensor) -> Estimate:
    batch = Batch(x.view(len(x), 1, 1, -1), torch.zeros(len(x), dtype=torch.int64))
    return score(network, batch, ["ntk_condition"], seed=5)["ntk_condition"]


def test_of_a_linear_network_it_is_that_of_the_inputs_products() -> None:
    # each of the four outputs has the gradient x: K = 4 X X'
    expected = torch.linalg.cond(X @ X.T)
    found = condition(nn.Sequential(nn.Flatten(), nn.Linear(3, 4)), X).value
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_the_scales_of_norm_layers_are_weights_too() -> None:
    network = nn.Sequential(nn.Flatten(), nn.LayerNorm(3, eps=1e-12), nn.Linear(3, 4))
    normed = (X - X.mean(1, keepdim=True)) / X.std(1, correction=0, keepdim=True)
    column_sums = tensors_for(Anatomy(network), "kaiming", 5)["2.weight"].sum(0)
    scaled = normed * column_sums
    kernel = 4 * normed @ normed.T + scaled @ scaled.T
    assert condition(network, X).value == pytest.approx(float(torch.linalg.cond(kernel)), rel=1e-4)


def test_weights_may_be_taken_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    expected = condition(network, X).value
    monkeypatch.setattr("nassay.estimators.proxies.ntk_condition.KEPT_ELEMENTS", 2 * 30)
    assert condition(network, X).value == pytest.approx(expected, rel=1e-5)


def test_dependent_gradients_are_a_reason() -> None:
    x = torch.cat([X, X.sum(0, keepdim=True)])
    assert "singular" in (condition(nn.Sequential(nn.Flatten(), nn.Linear(3, 4)), x).reason or "")


def test_one_input_is_too_few() -> None:
    assert "at least two" in (condition(nn.Sequential(nn.Flatten(), nn.Linear(3, 4)), X[:1]).reason or "")


def test_sixteen_inputs_are_looked_at() -> None:
    assert condition(nn.Sequential(nn.Flatten(), nn.Linear(20, 4)), torch.eye(20)).value == pytest.approx(1)
    assert "singular" in (condition(nn.Sequential(nn.Flatten(), nn.Linear(15, 4)), torch.randn(20, 15)).reason or "")
