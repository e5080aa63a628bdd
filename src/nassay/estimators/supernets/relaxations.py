"""How differentiable search mixes the options of a choice, and what it adds to the architecture's loss.

A relaxation turns logits into the weights of a forward pass. Every formula is a function of logits, a list of one
(options,) tensor for each choice and perhaps more, and of progress, the share of the search that is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from nassay.spaces.base import Space

Logits = Sequence[Tensor]

HOTTEST, COLDEST = 10.0, 0.1  # Gumbel softmax's temperature at the begin and at the end
BETA_DECAY = 50.0  # largest weight of Beta-Decay
ENTROPY = 1.0  # largest weight of the entropy
FLOOD = 0.3  # flood level of the weights' loss, above the smallest loss possible
WARM_UP = 0.3  # share of PC-DARTS's search in which the logits rest, 15 of its 50 epochs


@dataclass(frozen=True)
class Relaxation:
    """Softmax over the options: DARTS, Liu et al. 2018, arXiv:1806.09055, equation 2.

    Attributes:
        second_order: whether the architecture's gradient looks one step of the weights ahead (their section 2.3).
        flood: how far above the smallest loss possible the weights' loss is turned round; None for never.
        warm_up: share of the search in which the logits rest.
    """

    second_order: bool = False
    flood: float | None = None
    warm_up: float = 0.0

    def of(self, space: Space) -> Self:
        """The relaxation of this space's choices."""
        del space
        return self

    def sizes(self, options: Sequence[int]) -> tuple[int, ...]:
        """The number of entries of each logit, from the number of options of each choice."""
        return tuple(options)

    def chances(self, logits: Logits) -> list[Tensor]:
        """How likely each option is, without any draw; what a network is chosen by. One (options,) tensor a choice."""
        return [logit.softmax(0) for logit in logits]

    def mix(self, logits: Logits, progress: float, generator: torch.Generator) -> list[Tensor]:
        """Weights of the options in a forward pass, one (options,) tensor for each choice."""
        del progress, generator
        return self.chances(logits)

    def penalty(self, logits: Logits, progress: float) -> Tensor:
        """What is added to the architecture's loss, a scalar."""
        del progress
        return torch.zeros((), device=logits[0].device)

    def weights_loss(self, loss: Tensor, least: float = 0.0) -> Tensor:
        """The loss that the weights descend: |loss - b| + b, flooding (Ishida et al. 2020, arXiv:2002.08709, eq. 1).

        Args:
            loss: of a mini-batch.
            least: the smallest loss possible, which b is counted from: smoothed labels keep a cross-entropy above their
                entropy, .50 for ten classes, and a flood below it would never come.
        """
        if self.flood is None:
            return loss
        level = least + self.flood
        return (loss - level).abs() + level


class Gumbel(Relaxation):
    """One option at a time, drawn by Gumbel softmax, with the soft gradient: GDAS, arXiv:1910.04465, equation 3.

    As in the paper the temperature falls linearly from 10 to 0.1. The weight in the forward pass is 1, its gradient
    is that of the soft weight; options that are not drawn are not computed.
    """

    def mix(self, logits: Logits, progress: float, generator: torch.Generator) -> list[Tensor]:
        """One-hot weights that carry the gradient of the soft ones at the drawn option."""
        temperature = HOTTEST + (COLDEST - HOTTEST) * progress
        return [self._drawn(logit, temperature, generator) for logit in logits]

    def _drawn(self, logit: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        noise = -torch.empty(len(logit)).exponential_(generator=generator).log().to(logit.device)
        soft = ((logit.log_softmax(0) + noise) / temperature).softmax(0)
        hard = torch.nn.functional.one_hot(soft.argmax(), len(soft)).to(soft)
        return hard * (1 + (soft - soft.detach()))


@dataclass(frozen=True)
class BetaDecay(Relaxation):
    """Beta-Decay: the mean log-sum-exp of the logits, its weight growing linearly from 0 to 50.

    Ye et al. 2022, arXiv:2203.01665; the gradient of the term by a logit is that logit's softmax over the number of
    choices. With a flood level it is beta-DARTS++, arXiv:2301.06393, whose abstract puts flooding on the weights' loss:
    here on each mini-batch's, counted from the smallest loss possible. Place and level are our reading, not verified.

    Attributes:
        largest: the weight at the end.
    """

    largest: float = BETA_DECAY

    def penalty(self, logits: Logits, progress: float) -> Tensor:
        """Largest progress (1 / choices) sum_e log sum_k exp(logit_ek)."""
        return self.largest * progress * beta_term(logits)


class Discretised(Relaxation):
    """The mean entropy of the weights, its weight growing linearly: mixtures end near the network that they become.

    The discretisation-aware term in the form of Tian et al. 2021, DA2S, arXiv:2008.10366; a reconstruction, the weight
    is ours.
    """

    def penalty(self, logits: Logits, progress: float) -> Tensor:
        """Progress times the mean entropy over choices, in nats."""
        entropies = [-(logit.softmax(0) * logit.log_softmax(0)).sum() for logit in logits]
        return ENTROPY * progress * torch.stack(entropies).mean()


@dataclass(frozen=True)
class EdgeNormalised(Relaxation):
    """A logit for each choice beside those of its options: PC-DARTS's edge normalisation.

    Xu et al. 2020, arXiv:1907.05737, equation 2: the choices that are added up in one node share it by a softmax over
    their own logits; the weight of an option is the product of both softmaxes. The partial channels that these make
    stable are `partial`'s.

    Attributes:
        groups: the choices of each sum; set by `of`.
    """

    groups: tuple[tuple[int, ...], ...] = ()

    def of(self, space: Space) -> Self:
        """With the sums of a space."""
        return replace(self, groups=space.sums)

    def sizes(self, options: Sequence[int]) -> tuple[int, ...]:
        """Those of the options, then a logit for each sum with an entry a choice."""
        return (*options, *(len(group) for group in self.groups))

    def chances(self, logits: Logits) -> list[Tensor]:
        """Softmax over options times softmax over the choices of the sum."""
        count = len(logits) - len(self.groups)
        found = super().chances(logits[:count])
        for group, edges in zip(self.groups, logits[count:], strict=True):
            for choice, share in zip(group, edges.softmax(0), strict=True):
                found[choice] = share * found[choice]
        return found


def beta_term(logits: Logits) -> Tensor:
    """The mean over choices of log sum exp of a choice's logits."""
    return torch.stack([logit.logsumexp(0) for logit in logits]).mean()


RELAXATIONS: dict[str, Relaxation] = {
    "darts": Relaxation(),
    "darts2": Relaxation(second_order=True),
    "gdas": Gumbel(),
    "pc_darts": EdgeNormalised(warm_up=WARM_UP),
    "entropy_darts": Discretised(),
    "beta_darts": BetaDecay(),
    "beta_darts_pp": BetaDecay(flood=FLOOD),
}
