"""Without a barrier, and with a target of zeros, the regression can be worked out on paper.

The transform ends in a batch norm, so that its output is g z + b with z of mean 0 and variance 1. The mean squared
error over C channels is then the mean of g^2 + b^2; b stays at 0, every g has the gradient 2 g / C, and whatever lies
below has none. SGD with momentum: m <- 0.9 m + 2 g / C, g <- g - lr m. The score is g^2 after nine updates.
"""

import pytest
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, Unmeasurable, score
from nassay.estimators.proxies.eproxy import _heads, tap_indices
from nassay.estimators.proxies.eproxy_recipe import Branch, Recipe

BATCH = Batch.noise((3, 8, 8), 4, 20, seed=2)
ZEROS = "net=kaiming_normal/barrier=none/zero*1-1x16-1x16"  # biases of 0 keep the transform alive


class Net(nn.Module):
    """Two resolutions, 5 and 7 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 7, 3, 2, 1)
        self.head = nn.Linear(7, 4)

    @property
    def stages(self) -> list[nn.Module]:
        return [self.a, self.b]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.b(self.a(x)).mean((2, 3)))


def net() -> Net:
    torch.manual_seed(3)
    return Net()


def run(recipe: str, network: nn.Module | None = None, batch: Batch = BATCH, seed: int = 0) -> Estimate:
    name = f"eproxy:{recipe}" if recipe else "eproxy"
    return score(network or net(), batch, [name], seed=seed)[name]


def value(recipe: str, network: nn.Module | None = None, batch: Batch = BATCH, seed: int = 0) -> float:
    found = run(recipe, network, batch, seed).value
    assert found is not None
    return found


def scale_after_nine_updates(rate: float, channels: int) -> float:
    g, momentum = 1.0, 0.0
    for _ in range(9):
        momentum = 0.9 * momentum + 2 * g / channels
        g -= rate * momentum
    return g


@pytest.mark.parametrize("rate", [0.5, 1.2])
def test_nine_updates_by_hand(rate: float) -> None:
    expected = scale_after_nine_updates(rate, 16) ** 2
    assert value(f"lr={rate}/{ZEROS}") == pytest.approx(expected, rel=2e-3, abs=1e-3)


def test_deeper_branches_count_more_in_the_score_and_alike_in_training() -> None:
    one = scale_after_nine_updates(0.5, 16) ** 2
    assert value(f"lr=0.5/{ZEROS}/zero*1-3x16-1x16") == pytest.approx(one + one / 2, rel=2e-3)


@pytest.mark.parametrize("level", [1, 30])
def test_the_level_multiplies_the_target(level: int) -> None:
    """Hardly trained features of variance 1 against signs of that size: the squares of both, give or take chance."""
    found = value(f"net=kaiming_normal/lr=0.0001/barrier=none/dot*{level}-1x16-1x16")
    assert found == pytest.approx(level**2 + 1, rel=0.1 / level)


def test_the_barrier_is_not_trained() -> None:
    (head,) = _heads(Recipe(branches=(Branch((), 1, 3, 8, 3, 4),)), [5], seed=1)
    transform, barrier = head  # type: ignore[misc]
    assert not any(p.requires_grad for p in barrier.parameters())
    assert all(p.requires_grad for p in transform.parameters())
    assert barrier.weight.shape == (4, 8, 3, 3)
    assert transform[0].weight.shape == (8, 5, 3, 3)
    assert head(torch.zeros(2, 5, 8, 8)).shape == (2, 4, 8, 8)


@pytest.mark.parametrize(
    ("init", "bias"), [("xavier_uniform", 0.01), ("xavier_normal", 0.01), ("kaiming_uniform", 0), ("kaiming_normal", 0)]
)
def test_initialisations(init: str, bias: float) -> None:
    recipe = Recipe((Branch((), 1, 3, 64, 1, 32),), network_init=init, barrier_init=init)
    (head,) = _heads(recipe, [16], seed=0)
    transform, barrier = head  # type: ignore[misc]
    for layer, fan_in, fan_out in ((transform[0], 16 * 9, 64 * 9), (barrier, 64, 32)):
        variance = 2 / (fan_in + fan_out) if init.startswith("xavier") else 2 / fan_out
        assert float(layer.weight.detach().var()) == pytest.approx(variance, rel=0.1)
        assert layer.bias.tolist() == pytest.approx([bias] * len(layer.bias))


def test_the_network_is_drawn_anew_where_the_recipe_says_so() -> None:
    other = net()
    for p in other.parameters():
        p.data.mul_(1.5)
    drawn = "net=kaiming_normal/net*1-1x16-3x16"
    assert value(drawn, other) == value(drawn)
    assert value("", other) != value("")


def test_macs_are_weighed() -> None:
    macs = 9 * 3 * 5 * 64 + 9 * 5 * 7 * 16 + 7 * 4
    assert value(f"alpha=0.5@{2 * macs}") == pytest.approx(value("") * (1 - 0.5 / 2))


def test_a_network_beyond_the_macs_of_its_recipe_has_no_score() -> None:
    macs = 9 * 3 * 5 * 64 + 9 * 5 * 7 * 16 + 7 * 4
    assert run(f"alpha=0.5@{macs // 2 + 1}").value is not None
    reason = run(f"alpha=0.5@{macs // 2}").reason or ""
    assert reason.startswith(f"the recipe's MACs' term ends at {macs // 2} / 0.5 MACs, the network has {macs}")


def test_sixteen_images_are_enough() -> None:
    ordered = BATCH.in_own_order()
    assert value("") == value("", batch=Batch(ordered.x[:16], ordered.y[:16]))
    assert value("") != value("", batch=Batch(ordered.x[4:], ordered.y[4:]))


def test_the_barrier_is_drawn_by_the_seed() -> None:
    assert value("", seed=1) == value("", seed=1) != value("", seed=2)
    assert value(f"lr=0.5/{ZEROS}", seed=1) == pytest.approx(value(f"lr=0.5/{ZEROS}", seed=2), rel=1e-3)


def test_a_loss_that_is_not_finite_is_a_reason() -> None:
    assert "diverged after 1 updates" in (run(f"lr=1e30/{ZEROS}").reason or "")


def test_more_branches_than_stages_are_a_reason() -> None:
    assert "3 needed, 2 seen" in (run(f"{ZEROS}/zero*1-1x16-1x16/zero*1-1x16-1x16").reason or "")


def test_options_are_checked_before_anything_runs() -> None:
    with pytest.raises(UserError, match="one reads"):
        run("nonsense")


@pytest.mark.parametrize(
    ("areas", "count", "expected"),
    [
        ([64, 64, 64, 16, 16, 4], 3, [5, 4, 2]),
        ([64, 64, 64, 16, 16, 4], 1, [5]),
        ([256, 64, 16, 4, 1], 3, [4, 3, 2]),
        ([64] * 6, 3, [5, 3, 1]),
        ([64] * 5, 2, [4, 1]),
        ([64, 16], 2, [1, 0]),
    ],
)
def test_stages_are_the_last_of_their_resolution_or_the_ends_of_equal_parts(
    areas: list[int], count: int, expected: list[int]
) -> None:
    assert tap_indices(areas, count) == expected


def test_too_few_stages_are_told() -> None:
    with pytest.raises(Unmeasurable, match="2 needed, 1 seen"):
        tap_indices([64], 2)
