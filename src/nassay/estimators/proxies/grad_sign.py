"""GradSign: how far the inputs agree on the direction of learning (Zhang & Jia 2022, arXiv:2110.08616).

score = sum over weights of |sum_i sign(dL_i/dw)|,  L_i the cross-entropy of input i alone,

each input being a batch of its own, so that batch statistics are its own too, as in the authors' code (batch 128 or 64,
default initialisation). Signs are added up as they come. Price: one pass forward and backward per input of the batch.
"""

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass


class GradientSigns(Signal):
    """The sum over the inputs of the signs of their gradients.

    Attributes:
        signs: one tensor of whole numbers per weight tensor.
    """

    gradients = frozenset({"weights"})

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """One input after another.

        Raises:
            Unmeasurable: as for the loss's gradients, or they are all 0.
        """
        weights = run.trained()
        self.signs = [torch.zeros_like(weight, requires_grad=False) for weight in weights]
        for i in range(len(run.x)):
            loss = run.loss(run.again(run.x[i : i + 1]), run.y[i : i + 1])
            for total, gradient in zip(self.signs, run.gradients(loss, weights), strict=True):
                if gradient is not None:
                    total += gradient.sign()
        if not any(bool(total.any()) for total in self.signs):
            raise Unmeasurable("the inputs do not agree on the sign of any weight's gradient")


@proxies.register(
    "grad_sign",
    direction=+1,
    setting=Setting(),
    signals=(GradientSigns,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Zhang & Jia 2022, arXiv:2110.08616",
)
def grad_sign(gradients: GradientSigns) -> float:
    """Sum over weights of the absolute sum of the inputs' gradient signs."""
    return sum(float(total.abs().sum(dtype=torch.float64)) for total in gradients.signs)
