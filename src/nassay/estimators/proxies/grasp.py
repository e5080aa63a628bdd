"""GraSP: how much the gradient's flow depends on each weight (Wang et al. 2020, arXiv:2002.07376; as used
for NAS by Abdelfattah et al. 2021, arXiv:2101.08134).

score = -w' H g,  g and H the gradient and the Hessian of the mean cross-entropy of one batch by all weights.

H g is the gradient of g' stop(g), by a second backward pass through the first. The minus and the direction are those
of the reference (batch 64, default initialisation, temperature 1). Where scaling all weights changes nothing, H w = -g
and the score is ||g||^2. Price: about three passes backward, and the memory of two.
"""

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass


class HessianGradient(Signal):
    """The product of the loss's Hessian and its gradient, by the weights.

    Attributes:
        pairs: (weight, its part of H g), of every weight that the gradient depends on.
    """

    gradients = frozenset({"weights"})

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """Backward, and backward again.

        Raises:
            Unmeasurable: as for the loss's gradients, or the gradient does not depend on the weights.
        """
        weights = run.trained()
        first = run.gradients(run.loss(outputs, run.y), weights, create_graph=True)
        squares = [(g * g.detach()).sum() for g in first if g is not None]
        if not any(squares):
            raise Unmeasurable("no weight receives a gradient")
        second = run.gradients(torch.stack(squares).sum(), weights)
        self.pairs = [(w.detach(), hg) for w, hg in zip(weights, second, strict=True) if hg is not None]


@proxies.register(
    "grasp",
    direction=+1,
    setting=Setting(),
    signals=(HessianGradient,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Wang et al. 2020, arXiv:2002.07376",
)
def grasp(curvature: HessianGradient) -> float:
    """Loss of gradient flow, to first order, when all weights go: -w' H g."""
    return -sum(float((w * hg).sum(dtype=torch.float64)) for w, hg in curvature.pairs)
