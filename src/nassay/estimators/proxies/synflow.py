"""SynFlow: how much synaptic flow the weights carry (Tanaka et al. 2020, arXiv:2006.05467, eq. 2, as used for
NAS by Abdelfattah et al. 2021, arXiv:2101.08134).

score = sum over weights of |w dR/dw|,  R = sum of the outputs for one input of ones,

with every parameter replaced by its absolute value and batch normalisation left out. Data-free, label-free.
The score grows exponentially with depth: where float32 overflows the pass is repeated in float64.
"""

from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass


class SynapticFlow(Signal):
    """Gradients of the summed outputs with respect to the weights.

    Attributes:
        pairs: (weight, gradient) of every weight on a path to the output.
    """

    gradients = frozenset({"weights"})

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """One backward pass.

        Raises:
            Unmeasurable: no weight is on a path to the output.
        """
        weights = list(run.weights.values())
        if not weights:
            raise Unmeasurable("the network has no weights")
        found = run.gradients(outputs.sum(), weights)
        self.pairs = [(w.detach(), g) for w, g in zip(weights, found, strict=True) if g is not None]


@proxies.register(
    "synflow",
    direction=+1,
    setting=Setting(init="absolute", input="ones", batch_norm=False),
    signals=(SynapticFlow,),
    needs=frozenset({"gradients"}),
    paper="Tanaka et al. 2020, arXiv:2006.05467",
)
def synflow(flow: SynapticFlow) -> float:
    """Sum of |w dR/dw| over all weights, the network made linear and positive."""
    total = sum(float((w * g).abs().sum(dtype=w.double().dtype)) for w, g in flow.pairs)
    if total == 0:
        raise Unmeasurable("the network is dead: nothing flows from the input to the output")
    return total
