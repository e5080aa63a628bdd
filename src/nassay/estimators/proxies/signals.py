"""Signals that several proxies share."""

from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable
from nassay.estimators.proxies.passes import Pass

COUNTED = Setting(input="noise", samples=2)  # for what needs no data: the cheapest pass that shows a dead network


class WeightGradients(Signal):
    """Gradients of the mean cross-entropy with respect to the weights.

    Attributes:
        pairs: (weight, gradient) of every weight that the loss depends on.
    """

    gradients = frozenset({"weights"})

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """One backward pass.

        Raises:
            Unmeasurable: the outputs are not one score per class, nothing is there to be trained, or no weight receives
                a gradient.
        """
        self.pairs = run.loss_gradients(outputs)
        if not any(bool(gradient.any()) for _, gradient in self.pairs):
            raise Unmeasurable("no weight receives a gradient")


class SynapticFlow(Signal):
    """Gradients of the summed outputs with respect to the weights.

    Attributes:
        pairs: (weight, gradient) of every weight on a path to the output.
    """

    gradients = frozenset({"weights"})

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """One backward pass.

        Raises:
            Unmeasurable: no weight is on a path to the output, or nothing flows along it.
        """
        weights = run.trained()
        found = run.gradients(outputs.sum(), weights)
        self.pairs = [(w.detach(), g) for w, g in zip(weights, found, strict=True) if g is not None]
        if not any(bool((w * g).any()) for w, g in self.pairs):
            raise Unmeasurable("the network is dead: nothing flows from the input to the output")


class InputJacobian(Signal):
    """Gradients of the summed outputs with respect to the input: one row per sample.

    Attributes:
        jacobian: (B, C H W).
        y: (B, ...) targets.
        num_outputs: outputs of a sample.
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
        self.jacobian, self.y, self.num_outputs = found.flatten(1), run.y, outputs[0].numel()
