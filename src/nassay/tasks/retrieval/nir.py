"""NIR, non-isotropy regularisation of proxy losses (Roth, Vinyals & Akata, CVPR 2022, arXiv:2203.08547).

A proxy loss fixes how far embeddings psi(x) lie from their class's proxy rho, and leaves open where. NIR asks that a
flow tau, conditioned on the proxy, carries a Gaussian to the embeddings, so that each can be told from the proxy; its
gradient goes to flow, proxies and embeddings, and flow and proxies are dropped after training:

    z, log|det J| = tau^-1(psi(x) | rho_y)
    nll:  mean(|z|^2 - log|det J|)            as printed (quoted from the paper, without Gaussian's factor 1/2)
    exp:  mean(exp(|z|^2 / 2 - log|det J|))   as released: bounded by 0, badly explained items weigh most

    gradient of network and proxies:  dL_proxy + omega dL_NIR;  of the flow:  dL_NIR

The released code weighs the proxy loss instead, L_NIR + w L_proxy with w from 0.0075 to 0.3, which is omega = 1 / w. It
steps by Adam, which no constant factor slows down or speeds up; under plain SGD the flow's gradient is without omega,
so that it learns as fast for every omega.

What to expect of `exp`: a flow soon explains all items, in D dimensions with log|det J| of the order of D, and then
exp(...) is nearly 0 and so is its gradient. `nll` never comes to rest: embeddings on a sphere have no density in R^D.

Reconstructed: with several centres a class the condition is the one nearest to the item. In the warm-up the authors
freeze a pre-trained backbone; a network here starts from random weights, so it learns from the proxy loss alone from
the first step on, and for `warmup_steps` NIR teaches the flow only.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nassay.errors import UserError
from nassay.registry import unknown_name
from nassay.tasks.base import Criterion
from nassay.tasks.retrieval.flow import ConditionalFlow
from nassay.tasks.retrieval.proxy_losses import ProxyLoss

FORMS = ("exp", "nll")


@dataclass(frozen=True)
class NIR:
    """Settings of the regularisation.

    Attributes:
        form: "exp" or "nll", see the module.
        weight: omega.
        warmup_steps: steps in which the flow learns alone.
        blocks: coupling blocks of the flow.
        width: of the hidden layers of its sub-networks.
        depth: number of their linear layers.
        rate: factor on the network's learning rate, for the flow.

    Raises:
        UserError: an unknown form or a weight that is not positive.
    """

    form: str = "exp"
    weight: float = 1.0
    warmup_steps: int = 50
    blocks: int = 5
    width: int = 128
    depth: int = 8
    rate: float = 0.1

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise UserError(unknown_name("form of NIR's loss", self.form, FORMS))
        if not self.weight > 0:
            raise UserError(f"NIR's weight is positive, found {self.weight}. Without NIR: nir=None.")


def nir_loss(z: Tensor, log_determinant: Tensor, form: str) -> Tensor:
    """The regularisation of a batch, a scalar.

    Args:
        z: (B, D) images of the embeddings under the flow.
        log_determinant: (B,) log|det J|.
        form: one of `FORMS`.
    """
    squares = z.square().sum(1)
    if form == "nll":
        return (squares - log_determinant).mean()
    return (0.5 * squares - log_determinant).exp().mean()


class RetrievalCriterion(Criterion):
    """A proxy loss with its proxies, and NIR with its flow or without.

    Args:
        proxies: the proxy loss.
        dimension: D of the embeddings.
        nir: settings, or None for the proxy loss alone.
        proxy_rate: factor on the network's learning rate, for the proxies.
    """

    _loss: ProxyLoss
    step: Tensor

    def __init__(self, proxies: ProxyLoss, dimension: int, nir: NIR | None, *, proxy_rate: float) -> None:
        super().__init__(proxies)
        self.nir, self.proxy_rate = nir, proxy_rate
        self.flow = (
            None if nir is None else ConditionalFlow(dimension, blocks=nir.blocks, width=nir.width, depth=nir.depth)
        )
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(B, D) embeddings and (B,) labels -> the loss, a scalar; a step of the warm-up where it is training."""
        loss = self._loss(outputs, targets)
        if self.nir is None or self.flow is None:
            return loss
        warming = self.training and bool(self.step < self.nir.warmup_steps)
        weight = 0.0 if warming else self.nir.weight
        self.step += int(self.training)
        embeddings = _weighted(outputs.float(), weight)
        conditions = _weighted(self._loss.nearest(outputs, targets), weight)
        z, log_determinant = self.flow(embeddings, conditions)
        return loss + nir_loss(z, log_determinant, self.nir.form)

    def groups(self) -> list[dict[str, Any]]:
        """Proxies and flow, without decay, each at its own learning rate."""
        found = [{"params": list(self._loss.parameters()), "weight_decay": 0.0, "rate": self.proxy_rate}]
        if self.nir is not None and self.flow is not None:
            found.append({"params": list(self.flow.parameters()), "weight_decay": 0.0, "rate": self.nir.rate})
        return found


def _weighted(x: Tensor, weight: float) -> Tensor:
    """The same values, through which the gradient goes back times `weight`."""
    return x.detach() + weight * (x - x.detach())
