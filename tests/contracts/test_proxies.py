"""What every registered proxy promises, on every kind of network."""

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, proxies, score

NAMES = proxies.names()
BATCH = Batch.noise((3, 8, 8), 5, 6, seed=1)


class Residual(nn.Module):
    """A user's residual network: in-place ReLU, in-place addition, batch norm, no declared stages."""

    def __init__(self, inplace: bool = True, norm: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=not norm)
        self.blocks = nn.ModuleList(_Block(4, inplace, norm) for _ in range(3))
        self.down = nn.Conv2d(4, 8, 3, 2, 1)
        self.last = _Block(8, inplace, norm)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.last(self.down(x)).mean((2, 3)))


class _Block(nn.Module):
    def __init__(self, channels: int, inplace: bool, norm: bool) -> None:
        super().__init__()
        self.pre, self.post = nn.ReLU(inplace), nn.ReLU(inplace)
        self.a, self.b = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.pre(x)  # in place, this changes the output of the block before
        y = self.norm(self.b(self.post(self.a(x))))
        y += x
        return y


class Functional(nn.Module):
    """Bare parameters, functional calls, no sub-modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Parameter(torch.randn(4, 3, 3, 3) / 5)
        self.linear = nn.Parameter(torch.randn(5, 4) / 2)
        self.register_buffer("running", torch.zeros(4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(F.conv2d(x, self.conv, padding=1))
        self.running += y.detach().mean((0, 2, 3))
        z = torch.relu(F.batch_norm(F.max_pool2d(y, 2), None, None, training=self.training))
        return F.linear(z.mean((2, 3)), self.linear)


def linear_only() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, 5))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "residual": Residual,
    "without_norm": lambda: Residual(norm=False),
    "functional": Functional,
    "linear_only": linear_only,
}
MAPLESS = {"eproxy", "zen", "az_expressivity", "az_progressivity", "az_trainability", "swap", "meco"}
UNDEFINED = {
    "linear_only": dict.fromkeys(MAPLESS, "(B, C, H, W)"),
    "functional": {"meco": "no module puts out a map", "macs": "evaluation mode"},
}


def make(kind: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[kind]()


def facts(network: nn.Module) -> dict[str, Any]:
    """Everything of a network that a caller could find changed."""
    modules = list(network.modules())
    return {
        "tensors": {n: (id(t), t.clone()) for n, t in [*network.named_parameters(), *network.named_buffers()]},
        "gradients": {n: (p.requires_grad, p.grad) for n, p in network.named_parameters()},
        "modes": [module.training for module in modules],
        "hooks": [(dict(m._forward_hooks), dict(m._forward_pre_hooks), dict(m._backward_hooks)) for m in modules],
        "attributes": [sorted(vars(module)) for module in modules],
    }


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    tensors = before.pop("tensors"), after.pop("tensors")
    assert tensors[0].keys() == tensors[1].keys()
    for name, (identity, value) in tensors[0].items():
        assert tensors[1][name][0] == identity
        assert torch.equal(tensors[1][name][1], value)
    assert before == after


def value(estimates: dict[str, Estimate], name: str) -> float:
    found = estimates[name]
    assert found.value is not None, f"{name}: {found.reason}"
    return found.value


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("name", NAMES)
def test_any_module_has_a_finite_value(name: str, kind: str) -> None:
    estimates = score(make(kind), BATCH, [name])
    if reason := UNDEFINED.get(kind, {}).get(name):
        assert reason in (estimates[name].reason or "")
    else:
        assert np.isfinite(value(estimates, name))


@pytest.mark.parametrize("name", NAMES)
def test_network_and_global_state_are_left_as_found(name: str) -> None:
    network = make("residual").eval()
    network.blocks[1].train()  # type: ignore[union-attr]
    network.conv.weight.requires_grad_(False)  # type: ignore[union-attr]
    network.head.weight.grad = torch.ones_like(network.head.weight)  # type: ignore[union-attr, arg-type]
    before = facts(network)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    score(network, BATCH, [name])
    assert_same(before, facts(network))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert (np.random.get_state()[1] == states[2]).all()  # noqa: NPY002
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)


@pytest.mark.parametrize("name", NAMES)
def test_a_failing_forward_leaves_no_trace(name: str) -> None:
    class Failing(Residual):
        def forward(self, x: Tensor) -> Tensor:
            raise LookupError(f"bad {tuple(super().forward(x).shape)}")

    torch.manual_seed(0)
    network = Failing().eval()
    before, state = facts(network), torch.get_rng_state()
    assert "LookupError: bad" in (score(network, BATCH, [name])[name].reason or "")
    assert_same(before, facts(network))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["residual", "functional"])
def test_values_do_not_depend_on_company_or_order(kind: str) -> None:
    network = make(kind)
    together, backwards = score(network, BATCH, NAMES, seed=2), score(network, BATCH, NAMES[::-1], seed=2)
    for name in set(NAMES) - set(UNDEFINED.get(kind, {})):
        alone = value(score(network, BATCH, [name], seed=2), name)
        assert alone == value(together, name) == value(backwards, name)


@pytest.mark.parametrize("name", NAMES)
def test_values_follow_the_seed_and_not_global_state(name: str) -> None:
    network = make("residual")
    first = value(score(network, BATCH, [name], seed=5), name)
    torch.manual_seed(123)
    with torch.no_grad():
        assert value(score(copy.deepcopy(network), BATCH, [name], seed=5), name) == first


@pytest.mark.parametrize("name", NAMES)
def test_values_do_not_depend_on_the_order_of_the_batch(name: str) -> None:
    network, order = make("residual"), torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = Batch(BATCH.x[order], BATCH.y[order])
    assert value(score(network, shuffled, [name]), name) == value(score(network, BATCH, [name]), name)


@pytest.mark.parametrize("name", NAMES)
def test_working_in_place_changes_nothing(name: str) -> None:
    inplace, plain = make("residual"), Residual(inplace=False)
    plain.load_state_dict(inplace.state_dict())
    expected = value(score(plain, BATCH, [name]), name)
    assert value(score(inplace, BATCH, [name]), name) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_nan_weights_are_a_reason(name: str) -> None:
    network = make("residual")
    network.head.weight.data[0, 0] = torch.nan  # type: ignore[union-attr, index]
    assert "head.weight is not finite" in (score(network, BATCH, [name])[name].reason or "")


@pytest.mark.parametrize("name", NAMES)
def test_a_dead_network_is_a_reason(name: str) -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = Residual(), nn.Linear(5, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x) * 0)

    estimate = score(Dead(), BATCH, [name])[name]
    assert "dead" in (estimate.reason or "")


@pytest.mark.parametrize("name", NAMES)
def test_inputs_that_are_not_finite_never_become_a_number(name: str) -> None:
    batch = Batch(torch.full_like(BATCH.x, torch.nan), BATCH.y)
    estimate = score(make("residual"), batch, [name])[name]
    uses_data = "data" in proxies[name].info["needs"]
    assert (estimate.value is None) == uses_data
