"""SWAP: how many different patterns the units of a network show over the inputs (Peng et al. 2024, arXiv:2403.04161).

score = number of distinct columns of the (inputs x units) matrix of [pre-activation > 0],

over the activations of maps (B, C, H, W), for 16 of the batch's inputs and weights from N(0, 1), as in the reference;
it averages 32 draws, here one seed is one draw. At most 2^16. The paper's regularisation by model size is not applied.
For smooth activations the sign is used too. Price: one forward pass of 16 inputs.
"""

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass, rows

SAMPLES = 16


class PatternTable(Signal):
    """Which of the 2^B patterns over the inputs some unit shows.

    Attributes:
        seen: (2^B,) booleans.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seen = torch.zeros(0, dtype=torch.bool)

    def activation(self, x: Tensor) -> None:
        """Write each unit's pattern as a binary number, exactly (below 2^24) in float32."""
        if x.ndim != 4 or len(x) > SAMPLES:
            return
        if not len(self.seen):
            self.seen = torch.zeros(2 ** len(x), dtype=torch.bool, device=x.device)
        digits = 2.0 ** torch.arange(len(x), dtype=torch.float32, device=x.device)
        self.seen[(digits @ rows(x).flatten(1).gt(0).to(torch.float32)).long()] = True

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Check that there were units.

        Raises:
            Unmeasurable: there is no activation function over maps.
        """
        if not len(self.seen):
            raise Unmeasurable("no activation function over maps (B, C, H, W) was seen")


@proxies.register(
    "swap",
    direction=+1,
    setting=Setting(init="normal", samples=SAMPLES),
    signals=(PatternTable,),
    needs=frozenset({"data"}),
    paper="Peng et al. 2024, arXiv:2403.04161",
)
def swap(patterns: PatternTable) -> float:
    """Number of distinct sample-wise activation patterns."""
    return int(patterns.seen.sum())
