"""macs: the multiply-accumulates of one input, the other baseline that few proxies beat (Li et al. 2023,
arXiv:2307.01998, section 4, there called #FLOPs).

score = multiply-accumulates of convolutions and matrix products.

The count is that of `estimators.analytic`, in evaluation mode. As a cost, fewer are better; as a proxy, more are.
"""

from torch import Tensor

from nassay.errors import UserError
from nassay.estimators.analytic import profile
from nassay.estimators.proxies.base import Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass
from nassay.estimators.proxies.signals import COUNTED


class Counts(Signal):
    """What an input costs, counted without computing.

    Attributes:
        macs: multiply-accumulates.
    """

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Trace the network.

        Raises:
            Unmeasurable: an operation has no counting rule.
        """
        try:
            self.macs = profile(run.anatomy.network, run.input_shape).macs
        except UserError as error:
            raise Unmeasurable(str(error)) from error


@proxies.register(
    "macs",
    direction=+1,
    setting=COUNTED,
    signals=(Counts,),
    needs=frozenset(),
    paper="Li et al. 2023, arXiv:2307.01998",
)
def macs(counts: Counts) -> float:
    """Multiply-accumulates of one input, more counting as better."""
    return counts.macs
