"""Signals that several proxies share."""

import torch.nn.functional as F
from torch import Tensor

from nassay.estimators.proxies.base import Signal, Unmeasurable
from nassay.estimators.proxies.passes import Pass


class WeightGradients(Signal):
    """Gradients of the mean cross-entropy with respect to the weights.

    Attributes:
        pairs: (weight, gradient) of every weight that the loss depends on.
    """

    gradients = frozenset({"weights"})

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """One backward pass.

        Raises:
            Unmeasurable: the outputs are not one score per class, or nothing is there to be trained.
        """
        if outputs.ndim < 2 or int(run.y.max()) >= outputs.shape[1]:
            raise Unmeasurable(
                f"outputs {tuple(outputs.shape)} are not scores of at least {int(run.y.max()) + 1} classes"
            )
        weights = list(run.weights.values())
        if not weights:
            raise Unmeasurable("the network has no weights")
        found = run.gradients(F.cross_entropy(outputs, run.y), weights)
        self.pairs = [(w.detach(), g) for w, g in zip(weights, found, strict=True) if g is not None]


class InputJacobian(Signal):
    """Gradients of the summed outputs with respect to the input: one row per sample.

    Attributes:
        jacobian: (B, C H W).
        y: (B,) labels.
    """

    gradients = frozenset({"input"})

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """One backward pass.

        Raises:
            Unmeasurable: the output does not depend on the input.
        """
        (found,) = run.gradients(outputs.sum(), [run.x])
        if found is None:
            raise Unmeasurable("the output does not depend on the input")
        self.jacobian, self.y = found.flatten(1), run.y
