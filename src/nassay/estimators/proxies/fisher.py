"""Fisher: how much the loss depends on the presence of each channel (Theis et al. 2018, arXiv:1801.05787, and Turner
et al. 2020, arXiv:1906.04113; as used for NAS by Abdelfattah et al. 2021, arXiv:2101.08134).

score = sum over layers and channels c of  n_c D_c,  D_c = mean_b (sum_hw a dL/da)^2 / 2,

a the output of a convolution or linear layer for one sample, L the mean cross-entropy of the batch, n_c the weights
of the channel: the reference (batch 64, default initialisation) gives every weight its channel's value before it adds
up. The gradients are those of the backward pass that the weights' gradients need anyway; price: every layer's
output is kept until then, as a copy where the network writes into it.
"""

from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass


class ChannelSaliency(Signal):
    """What the channels of every convolution and linear layer mean to the loss.

    Attributes:
        total: the sum of n_c D_c.
    """

    gradients = frozenset({"weights"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.total = 0.0

    def response(self, output: Tensor, gradient: Tensor, weight: Tensor) -> None:
        """Add a layer: (B, C, ...) from a convolution, (B, ..., C) from a linear layer."""
        product = (output * gradient).movedim(-1, 1) if weight.ndim == 2 else output * gradient
        saliency = product.flatten(2).sum(2) if product.ndim > 2 else product
        channels = product.shape[1]
        self.total += float(saliency.square().mean(0).sum()) / 2 * weight.numel() / channels

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """The backward pass.

        Raises:
            Unmeasurable: as for the loss's gradients, or no layer's output matters.
        """
        run.loss_gradients(outputs)
        if self.total == 0:
            raise Unmeasurable("the loss depends on no convolution's and no linear layer's output")


@proxies.register(
    "fisher",
    direction=+1,
    setting=Setting(),
    signals=(ChannelSaliency,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Turner et al. 2020, arXiv:1906.04113",
)
def fisher(channels: ChannelSaliency) -> float:
    """Sum of the channels' Fisher information, each counted once per weight."""
    return channels.total
