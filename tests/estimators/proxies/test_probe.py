import gc
from itertools import count

import pytest
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.estimators.proxies import Batch, proxies, score

BATCH = Batch.noise((1, 6, 6), 3, 4)


def small() -> nn.Sequential:
    torch.manual_seed(0)
    conv = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
    return nn.Sequential(conv, nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def test_an_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UserError, match="synflow"):
        score(small(), BATCH, ["synflo"])


def test_names_keep_their_order_and_duplicates_are_harmless() -> None:
    assert list(score(small(), BATCH, ["zen", "snip", "zen"])) == ["zen", "snip"]
    assert score(small(), BATCH, []) == {}


def test_a_forward_that_needs_plain_layout_is_given_it() -> None:
    class Viewing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.view(len(x), -1)

    network, viewing = small(), small()
    viewing[3] = Viewing()
    expected, found = score(network, BATCH, ["snip"]), score(viewing, BATCH, ["snip"])
    assert found["snip"].value == pytest.approx(expected["snip"].value, rel=1e-5)


def test_an_exception_in_the_forward_is_the_reason() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise KeyError("no such layer\nsecond line")

    for estimate in score(nn.Sequential(nn.Conv2d(1, 2, 1), Broken()), BATCH, proxies.names()).values():
        assert estimate.reason is not None
        assert estimate.reason.startswith("KeyError: ")
        assert "\n" not in estimate.reason


def test_an_exception_in_a_proxy_is_the_reason_of_that_proxy_alone() -> None:
    class Idle(nn.Module):
        """Has a batch norm that sees zeros only, and keeps the last variance that it has seen."""

        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.norm = nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, momentum=1.0)

        def forward(self, x: Tensor) -> Tensor:
            y = self.trunk(x)
            return (y + self.norm(y * 0)).mean((2, 3))

    found = score(Idle(), BATCH, ["zen", "params"])
    assert (found["zen"].reason or "").startswith("ValueError: ")  # ln 0
    assert found["params"].value == 2 + 2 + 4


def test_outputs_must_be_a_tensor() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    assert "is a tuple" in (score(Two(), BATCH, ["naswot"])["naswot"].reason or "")


def test_dropout_is_off() -> None:
    plain, dropping = small(), small()
    dropping[3] = nn.Sequential(nn.Dropout(0.5), nn.Flatten())
    names = ["snip", "naswot", "synflow"]
    found = [{k: e.value for k, e in score(n, BATCH, names).items()} for n in (plain, dropping)]
    assert found[0] == found[1]


def test_shared_weights_are_counted_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(36, 36, bias=False)
            self.b = nn.Linear(36, 36, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x.flatten(1)))

    # R = 1' W W 1 is quadratic in W: w dR/dw sums to 2 R
    network = Tied()
    w = network.a.weight.detach().abs().double()
    expected = 2 * (w @ w @ torch.ones(36, dtype=torch.float64)).sum()
    assert score(network, BATCH, ["synflow"])["synflow"].value == pytest.approx(float(expected), rel=1e-5)


def test_a_half_precision_network_is_scored_in_single() -> None:
    network = small()
    halved = small().bfloat16()
    network.load_state_dict({k: v.float() for k, v in halved.state_dict().items()})
    names = ["snip", "zen", "az_expressivity"]
    found = [{k: e.value for k, e in score(n, BATCH, names).items()} for n in (network, halved)]
    assert found[0] == found[1]


def test_seconds_of_a_pass_are_shared() -> None:
    estimates = score(small(), BATCH, ["snip", "grad_norm", "zen"])
    assert estimates["snip"].seconds == estimates["grad_norm"].seconds > 0
    assert estimates["zen"].seconds != estimates["snip"].seconds


def test_seconds_are_shares_of_the_pass_and_of_the_own_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))  # every look at the clock takes a second
    estimates = score(small(), BATCH, ["snip", "grad_norm", "naswot"])
    # five seconds in all: one for each of the two signals, three for the pass
    assert {name: e.seconds for name, e in estimates.items()} == {"snip": 1.5, "grad_norm": 1.5, "naswot": 2}


def test_a_caller_in_inference_mode_gets_the_same_values() -> None:
    names = ["snip", "naswot", "fisher", "az_trainability"]
    expected = {name: e.value for name, e in score(small(), BATCH, names).items()}
    with torch.inference_mode():
        batch = Batch(BATCH.x.clone(), BATCH.y.clone())
        found = {name: e.value for name, e in score(small(), batch, names).items()}
    assert found == expected


def test_nothing_of_a_scored_network_is_kept() -> None:
    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())

    names = ["snip", "fisher", "naswot", "zen", "meco", "az_trainability", "synflow"]
    score(small(), BATCH, names)  # what is made once for all networks
    before = tensors()
    for _ in range(2):
        score(small(), BATCH, names)
    assert tensors() == before
