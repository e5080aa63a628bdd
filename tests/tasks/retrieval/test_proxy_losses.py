import math

import pytest
import torch
from torch.nn import functional

from nassay.errors import UserError
from nassay.tasks.retrieval.proxy_losses import LOSSES, ProxyLoss


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> ProxyLoss:
    torch.manual_seed(0)
    return ProxyLoss(request.param, 3, 4)


def embeddings() -> tuple[torch.Tensor, torch.Tensor]:
    return functional.normalize(torch.randn(5, 4), dim=1), torch.tensor([0, 1, 2, 1, 0])


def test_embeddings_at_their_proxies_lose_least(loss: ProxyLoss) -> None:
    labels = torch.tensor([0, 1, 2])
    own = loss.proxies[:, 0].detach()
    assert loss(own, labels) < loss(own, labels.roll(1))


def test_proxies_are_unit_vectors_and_learnt(loss: ProxyLoss) -> None:
    x, y = embeddings()
    assert loss.proxies.norm(dim=2).allclose(torch.ones(1))
    loss(x, y).backward()
    (parameter,) = loss.parameters()
    assert parameter.grad is not None
    assert parameter.grad.abs().sum() > 0


def test_the_nearest_proxy_is_of_the_item_s_class(loss: ProxyLoss) -> None:
    x, y = embeddings()
    nearest = loss.nearest(x, y)
    similarity = (loss.proxies[y] * x[:, None]).sum(2)
    assert torch.allclose((nearest * x).sum(1), similarity.amax(1))
    assert len(loss.proxies[0]) == (10 if "triple" in loss.loss.__class__.__name__.lower() else 1)


def test_proxy_anchor_by_its_formula() -> None:
    torch.manual_seed(0)
    loss = ProxyLoss("proxy_anchor", 3, 4)
    x, y = embeddings()
    x, y = x[:4], y[:4].clamp(max=1)  # class 2 has no item: no positive term, but a negative one
    s = x @ loss.proxies[:, 0].T
    positive = [math.log1p(sum(math.exp(-32 * (v - 0.1)) for v in s[y == c, c].tolist())) for c in range(2)]
    negative = [math.log1p(sum(math.exp(32 * (v + 0.1)) for v in s[y != c, c].tolist())) for c in range(3)]
    assert loss(x, y).item() == pytest.approx(sum(positive) / 2 + sum(negative) / 3, rel=1e-5)


def test_proxy_nca_plus_plus_by_its_formula() -> None:
    torch.manual_seed(0)
    loss = ProxyLoss("proxy_nca++", 3, 4)
    x, y = embeddings()
    squares = torch.cdist(x, loss.proxies[:, 0]).square()
    assert loss(x, y).item() == pytest.approx(functional.cross_entropy(-9 * squares, y).item(), rel=1e-4)


def test_soft_triple_by_its_formula() -> None:
    torch.manual_seed(0)
    loss = ProxyLoss("soft_triple", 3, 4)
    x, y = embeddings()
    s = torch.einsum("bd,ckd->bck", x, loss.proxies)
    relaxed = ((s / 0.1).softmax(2) * s).sum(2)
    expected = functional.cross_entropy(20 * (relaxed - 0.01 * functional.one_hot(y, 3)), y)
    assert loss(x, y).item() == pytest.approx(expected.item(), rel=1e-4)


def test_an_unknown_loss_is_named() -> None:
    with pytest.raises(UserError, match="proxy_anchor"):
        ProxyLoss("proxy_anker", 3, 4)
