"""ZiCo: how large and how steady the gradients are from batch to batch (Li et al. 2023, arXiv:2301.11300).

score = sum over layers of  ln sum_w  mean |g| / std g,

mean and population standard deviation over the gradients g of the cross-entropy on two batches, weights of zero
deviation and layers of such weights being left out; with two batches the ratio is (|g1| + |g2|) / |g1 - g2|. The two
batches are halves of the given one, so 128 inputs give the reference's setting (two batches of 64, default
initialisation). Price: one more pass forward and backward.
"""

import math

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass


class HalfGradients(Signal):
    """Gradients of the cross-entropy of either half of the batch.

    Attributes:
        pairs: the two gradients of every weight that has them.
    """

    gradients = frozenset({"weights"})

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Two passes of half the size.

        Raises:
            Unmeasurable: there is one input only, or as for the loss's gradients.
        """
        half = len(run.x) // 2
        if not half:
            raise Unmeasurable("a batch of at least two inputs is needed")
        first, second = (self._gradients(run, part) for part in (slice(half), slice(half, None)))
        self.pairs = [(g1, g2) for g1, g2 in zip(first, second, strict=True) if g1 is not None and g2 is not None]

    def _gradients(self, run: Pass, part: slice) -> tuple[Tensor | None, ...]:
        loss = run.loss(run.again(run.x[part]), run.y[part])
        return run.gradients(loss, run.trained())


@proxies.register(
    "zico",
    direction=+1,
    setting=Setting(),
    signals=(HalfGradients,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Li et al. 2023, arXiv:2301.11300",
)
def zico(halves: HalfGradients) -> float:
    """Log-sum over layers of the gradients' mean over their deviation."""
    sums = [_steadiness(g1, g2) for g1, g2 in halves.pairs]
    if not any(sums):
        raise Unmeasurable("no weight's gradient differs between the halves of the batch")
    return sum(math.log(layer) for layer in sums if layer > 0)


def _steadiness(g1: Tensor, g2: Tensor) -> float:
    ratio = (g1.abs() + g2.abs()) / (g1 - g2).abs()
    return float(ratio.where(g1 != g2, 0).sum(dtype=torch.float64))
