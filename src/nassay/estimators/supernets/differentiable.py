"""Differentiable search: weights and the architecture's logits descend in turn, each on its half of the training split.

DARTS, Liu et al. 2018, arXiv:1806.09055, algorithm 1. The validation split stays for what validation is for. What the
steps mix and add is a relaxation's, see `relaxations`. As there, the norms of options learn no scale: with one an
option would undo what its logit says.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.supernets.choice import Selected
from nassay.estimators.supernets.relaxations import Relaxation
from nassay.estimators.supernets.supernet import SuperNet
from nassay.estimators.supernets.training import BilevelTraining
from nassay.tasks.base import Split, Task

LOGIT_RATE, LOGIT_DECAY, LOGIT_BETAS = 3e-4, 1e-3, (0.5, 0.999)  # Adam's, for logits; the authors'
LOGIT_SPREAD = 1e-3  # standard deviation of the first logits
LOOK_AHEAD = 0.01  # finite difference of the second order, divided by the gradient's norm


class DifferentiableSearch(BilevelTraining):
    """A super-network's training with logits, resumable at any step.

    Args:
        network: trained in place; the norms of its options keep the scales that they have.
        task: data, loss and metric.
        relaxation: what is mixed and added.
        seed: of the first logits, and see `Training`.
        device: torch device name.
        options: see `BilevelTraining`; half of the samples trains the weights, the other half the logits.

    Attributes:
        logits: one (options,) tensor for each choice, and what else the relaxation has.
    """

    def __init__(
        self,
        network: SuperNet,
        task: Task,
        relaxation: Relaxation,
        *,
        seed: int = 0,
        device: str = "cpu",
        logit_rate: float = LOGIT_RATE,
        **options: Any,
    ) -> None:
        self.relaxation, self._least = relaxation.of(network.space), task.least_loss
        draws = _first_logits(self.relaxation.sizes(network.space.options), seed)
        self.logits = [draw.to(device).requires_grad_() for draw in draws]
        self.logit_optimizer = torch.optim.Adam(self.logits, lr=logit_rate, betas=LOGIT_BETAS, weight_decay=LOGIT_DECAY)
        _fix_scales(network)
        super().__init__(network, task, seed=seed, device=device, **options)

    def run(self, bound: Fidelity) -> Estimate:
        """Search up to the bound; see `Training.run`.

        Returns:
            The validation metric of the mixture. Details hold besides the `choices` found, see `Space.discretised`, the
            `weights` [choice][option] that they follow from, and the same network's metric when only these options are
            left, `discretised`: the difference is the discretisation gap.
        """
        found = super().run(bound)
        if found.value is None:
            return found
        discretised = self.task.metric_of(*self.selected_outputs(self.choices, self.task.validation))
        weights = [[round(w, 6) for w in p.tolist()] for p in self.chances]
        details = {**found.details, "choices": self.choices, "weights": weights, "discretised": discretised}
        return Estimate.of(found.value, seconds=found.seconds, **details)

    @property
    def chances(self) -> list[Tensor]:
        """How likely each option is, (options,) for each choice."""
        return self.relaxation.chances([logit.detach() for logit in self._live_logits()])

    @property
    def choices(self) -> list[int]:
        """The likeliest network's options."""
        return list(self.network.space.discretised([p.cpu().numpy() for p in self.chances])[0].choices)

    def outputs(self, split: Split) -> tuple[Tensor, Tensor]:
        """Outputs of the mixture on a split, and the targets."""
        return self.selected_outputs(self.relaxation.chances([logit.detach() for logit in self._live_logits()]), split)

    # A step ----------------------------------------------------------------------------------------------------------

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        """The logits' step on their half, then the weights' gradients on theirs."""
        generator = torch.Generator().manual_seed(self.seed + 7919 * self.state.step)

        def mix() -> list[Tensor]:
            return self.relaxation.mix(self._live_logits(), self._done, generator)

        if not self._resting:
            for logit, gradient in zip(self.logits, self._logit_gradients(mix, x, y), strict=True):
                logit.grad = gradient
            self.logit_optimizer.step()
        loss = self.criterion(self.network(x, [_selected(weights.detach()) for weights in mix()]), y)
        self.relaxation.weights_loss(loss, self._least).backward()
        return loss.detach()

    @property
    def _resting(self) -> bool:
        """Whether only the weights learn now."""
        return self._done < self.relaxation.warm_up

    def _live_logits(self) -> list[Tensor]:
        """The logits that a step mixes by."""
        return self.logits

    def _logit_gradients(self, mix: Callable[[], list[Tensor]], x: Tensor, y: Tensor) -> list[Tensor]:
        """By the validation loss, of the weights as they are or one step ahead, and by the penalty."""
        held_out = self._held_out_batch()
        if self.relaxation.second_order:
            gradients = self._looking_ahead(mix, (x, y), held_out)
        else:
            gradients = self._gradients(mix, held_out, self.logits)
        penalty = self.relaxation.penalty(self.logits, self._done)
        if penalty.requires_grad:
            added = torch.autograd.grad(penalty, self.logits)
            gradients = [g + a for g, a in zip(gradients, added, strict=True)]
        return gradients

    def _gradients(
        self, mix: Callable[[], list[Tensor]], batch: tuple[Tensor, Tensor], wanted: Sequence[Tensor]
    ) -> list[Tensor]:
        loss = self.criterion(self.network(batch[0], mix()), batch[1])
        found = torch.autograd.grad(loss, list(wanted), allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for w, g in zip(wanted, found, strict=True)]

    def _looking_ahead(
        self, mix: Callable[[], list[Tensor]], batch: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor]
    ) -> list[Tensor]:
        """Equations 7 and 8: at w - rate grad_w L_train, less rate times a finite difference along L_val's gradient."""
        weights = [p for p in self.network.parameters() if p.requires_grad]
        rate = self.optimizer.param_groups[0]["lr"]
        ahead = self._gradients(mix, batch, weights)
        with _moved(weights, ahead, -rate):
            both = self._gradients(mix, held_out, [*self.logits, *weights])
        gradients, direction = both[: len(self.logits)], both[len(self.logits) :]
        norm = torch.sqrt(sum((d.square().sum() for d in direction), torch.zeros(())))
        epsilon = LOOK_AHEAD / max(float(norm), 1e-12)
        with _moved(weights, direction, epsilon):
            above = self._gradients(mix, batch, self.logits)
        with _moved(weights, direction, -epsilon):
            below = self._gradients(mix, batch, self.logits)
        return [g - rate * (a - b) / (2 * epsilon) for g, a, b in zip(gradients, above, below, strict=True)]

    def _restart_logits(self, number: int) -> None:
        """New logits, drawn as the first ones, and nothing remembered of the old ones' steps."""
        with torch.no_grad():
            for logit, draw in zip(self.logits, _first_logits(map(len, self.logits), self.seed + number), strict=True):
                logit.copy_(draw)
        self.logit_optimizer.state.clear()

    # State -----------------------------------------------------------------------------------------------------------

    def _more_state(self) -> dict[str, Any]:
        return {"logits": [p.detach() for p in self.logits], "logit_optimizer": self.logit_optimizer.state_dict()}

    def _load_more(self, payload: dict[str, Any]) -> None:
        with torch.no_grad():
            for logit, kept in zip(self.logits, payload["logits"], strict=True):
                logit.copy_(kept)
        self.logit_optimizer.load_state_dict(payload["logit_optimizer"])


def _selected(weights: Tensor) -> Selected:
    """The option that has all the weight, so that it is run as a path is; else the weights."""
    alone = weights.count_nonzero() == 1 and weights.max() == 1
    return int(weights.argmax()) if alone else weights


def _fix_scales(network: SuperNet) -> None:
    """No gradients for the weights and biases of norms inside options."""
    for _, choice in network.choices():
        for norm in choice.options.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.requires_grad_(False)


def _first_logits(sizes: Iterable[int], seed: int) -> list[Tensor]:
    start = torch.Generator().manual_seed(seed)
    return [LOGIT_SPREAD * torch.randn(n, generator=start) for n in sizes]


@contextmanager
def _moved(weights: Sequence[Tensor], direction: Sequence[Tensor], by: float) -> Iterator[None]:
    """The weights moved along a direction, and exactly back afterwards."""
    kept = [w.detach().clone() for w in weights]
    with torch.no_grad():
        torch._foreach_add_(list(weights), list(direction), alpha=by)
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(list(weights), kept)
