import pytest
import torch
from torch.nn import functional

from nassay.errors import UserError
from nassay.tasks.retrieval.nir import NIR, RetrievalCriterion, nir_loss
from nassay.tasks.retrieval.proxy_losses import ProxyLoss

SMALL = {"blocks": 2, "width": 8, "depth": 2, "warmup_steps": 0}
LABELS = torch.tensor([0, 1, 2, 1])


def criterion(nir: NIR | None, *, loss: str = "proxy_anchor") -> RetrievalCriterion:
    torch.manual_seed(0)
    return RetrievalCriterion(ProxyLoss(loss, 3, 6), 6, nir, proxy_rate=4.0)


def embeddings() -> torch.Tensor:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    return functional.normalize(x, dim=1).requires_grad_()


def test_both_forms_by_hand() -> None:
    z, log_determinant = torch.tensor([[1.0, 1.0], [2.0, 0.0]]), torch.tensor([0.5, 1.0])
    assert nir_loss(z, log_determinant, "nll").item() == pytest.approx((2 - 0.5 + 4 - 1) / 2)
    expected = torch.tensor([1 - 0.5, 2 - 1.0]).exp().mean().item()
    assert nir_loss(z, log_determinant, "exp").item() == pytest.approx(expected)


def test_an_untrained_flow_starts_near_the_identity() -> None:
    """Unit vectors have |z|^2 near 1 and log|det J| near 0, so the exp form starts near exp(0.5) = 1.65."""
    made = criterion(NIR(weight=1.0, warmup_steps=0))
    x = embeddings()
    assert made.flow is not None
    found = nir_loss(*made.flow(x, made._loss.nearest(x, LABELS)), "exp").item()
    assert 1.0 < found < 3.0


@pytest.mark.parametrize("form", ["exp", "nll"])
@pytest.mark.parametrize("loss", ["proxy_anchor", "soft_triple"])
def test_the_gradient_of_nir_reaches_embeddings_proxies_and_flow(form: str, loss: str) -> None:
    x = embeddings()
    made = criterion(NIR(form=form, **SMALL), loss=loss)
    assert made.flow is not None
    nir_loss(*made.flow(x, made._loss.nearest(x, LABELS)), form).backward()
    for tensor in (x, *made.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("weight", [0.25, 3.0])
def test_the_gradient_is_that_of_the_weighted_sum(weight: float) -> None:
    made, x = criterion(NIR(form="nll", weight=weight, **SMALL)), embeddings()
    assert made.flow is not None
    proxies, *flow = made.parameters()
    found = torch.autograd.grad(made(x, LABELS), (x, proxies, *flow))
    proxy_loss = made._loss(x, LABELS)
    nir = nir_loss(*made.flow(x, made._loss.nearest(x, LABELS)), "nll")
    of_network = torch.autograd.grad(proxy_loss + weight * nir, (x, proxies), retain_graph=True)
    of_flow = torch.autograd.grad(nir, flow)
    for a, b in zip(found, (*of_network, *of_flow), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_in_the_warm_up_nir_teaches_the_flow_alone() -> None:
    made, plain = criterion(NIR(**{**SMALL, "warmup_steps": 2})), criterion(None)
    assert made.flow is not None
    for step in range(3):
        x, y = embeddings(), embeddings()
        made.zero_grad()
        made(x, LABELS).backward()
        plain(y, LABELS).backward()
        assert x.grad is not None
        assert y.grad is not None
        assert torch.allclose(x.grad, y.grad) == (step < 2)
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.flow.parameters())
    assert made.step == 3


def test_the_warm_up_is_kept_in_the_state_and_not_spent_by_looking() -> None:
    made = criterion(NIR(**{**SMALL, "warmup_steps": 2}))
    made.eval()(embeddings(), LABELS)
    assert made.state_dict()["step"] == 0
    made.train()(embeddings(), LABELS)
    again = criterion(NIR(**{**SMALL, "warmup_steps": 2}))
    again.load_state_dict(made.state_dict())
    assert again.step == 1
    assert torch.equal(again.eval()(embeddings(), LABELS), made.eval()(embeddings(), LABELS))


def test_the_order_of_the_batch_does_not_matter() -> None:
    made, x = criterion(NIR(**SMALL)), embeddings()
    order = torch.tensor([2, 0, 3, 1])
    assert torch.allclose(made(x, LABELS), made(x[order], LABELS[order]))


def test_other_proxies_are_another_condition() -> None:
    made, x = criterion(NIR(**SMALL)), embeddings()
    assert made.flow is not None
    z, _ = made.flow(x, made._loss.nearest(x, LABELS))
    next(made._loss.parameters()).data.add_(0.5)
    assert not torch.allclose(z, made.flow(x, made._loss.nearest(x, LABELS))[0])


def test_every_parameter_is_in_one_group() -> None:
    for nir, rates in ((None, [4.0]), (NIR(rate=0.5, **SMALL), [4.0, 0.5])):
        made = criterion(nir)
        groups = made.groups()
        assert [group["rate"] for group in groups] == rates
        assert {group["weight_decay"] for group in groups} == {0.0}
        grouped = [id(p) for group in groups for p in group["params"]]
        assert sorted(grouped) == sorted(map(id, made.parameters()))


def test_without_nir_it_is_the_proxy_loss() -> None:
    made, x = criterion(None), embeddings()
    assert torch.equal(made(x, LABELS), made._loss(x, LABELS))


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UserError, match="exp, nll"):
        NIR(form="log")
    with pytest.raises(UserError, match="nir=None"):
        NIR(weight=0)
