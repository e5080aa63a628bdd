import pytest
import torch
from torch import nn

from nassay.errors import UserError
from nassay.estimators.proxies import Batch, proxies, score


def test_noise_has_the_asked_shape_and_leaves_global_random_state() -> None:
    before = torch.get_rng_state()
    batch = Batch.noise((2, 5, 7), 3, 11, seed=4)
    assert batch.x.shape == (11, 2, 5, 7)
    assert set(batch.y.tolist()) <= {0, 1, 2}
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(batch.x, Batch.noise((2, 5, 7), 3, 11, seed=4).x)
    assert not torch.equal(batch.x, Batch.noise((2, 5, 7), 3, 11, seed=5).x)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 1, 4, 4), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 1, 4, 4), torch.zeros(2)),
        (torch.zeros(0, 1, 4, 4), torch.zeros(0, dtype=torch.int64)),
    ],
)
def test_wrong_shapes_and_types_are_refused(x: torch.Tensor, y: torch.Tensor) -> None:
    with pytest.raises(UserError, match="found"):
        Batch(x, y)


def test_targets_of_another_loss_may_have_any_shape() -> None:
    x = torch.randn(4, 1, 4, 4)
    targets = torch.arange(4.0)[:, None, None].expand(4, 2, 2)
    batch = Batch(x, targets, nn.functional.mse_loss)
    found = Batch(x.flip(0), targets.flip(0), nn.functional.mse_loss).in_own_order()
    assert torch.equal(found.x, batch.in_own_order().x)
    assert torch.equal(found.y, batch.in_own_order().y)
    with pytest.raises(UserError, match="one target for each input"):
        Batch(x, targets[:3], nn.functional.mse_loss)


def test_proxies_derive_the_batchs_own_loss() -> None:
    """Outputs w x of a single weight: the mean of (w x - y)^2 has the gradient mean of 2 x (w x - y)."""
    network = nn.Conv2d(1, 1, 1, bias=False)
    x, y = torch.randn(4, 1, 3, 3), torch.randn(4, 1, 3, 3)
    w = network.weight.detach()
    expected = (2 * x * (w * x - y)).mean().abs().item()
    found = score(network, Batch(x, y, nn.functional.mse_loss), ["grad_norm", "epe_nas"])
    assert found["grad_norm"].value == pytest.approx(expected, rel=1e-5)
    assert found["epe_nas"].reason == "the targets are not classes"


def test_every_proxy_states_its_facts() -> None:
    for entry in proxies:
        assert entry.info["direction"] in (+1, -1)
        assert entry.info["needs"] <= {"data", "labels", "gradients"}
        assert "arXiv:" in entry.info["paper"] or entry.name == "meco"  # which is not on arXiv
        assert entry.summary


def test_a_batchs_own_order_follows_from_its_contents() -> None:
    batch = Batch(torch.randn(7, 1, 2, 2), torch.arange(7))
    batch.x[3] = batch.x[5]  # told apart by their labels
    expected, order = batch.in_own_order(), torch.tensor([3, 6, 0, 5, 1, 4, 2])
    found = Batch(batch.x[order], batch.y[order]).in_own_order()
    assert torch.equal(found.x, expected.x)
    assert torch.equal(found.y, expected.y)
    assert torch.equal(expected.x, batch.x[expected.y])
    assert sorted(expected.y.tolist()) == list(range(7))
