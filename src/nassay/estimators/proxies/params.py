"""params: the number of parameters, the baseline that few proxies beat everywhere (Li et al. 2023,
arXiv:2307.01998, section 4).

score = elements of all distinct parameters, biases and norms included.

As a cost, fewer are better (`estimators.analytic`); as a proxy, more are.
"""

from torch import Tensor

from nassay.estimators.proxies.base import Signal, proxies
from nassay.estimators.proxies.passes import Pass
from nassay.estimators.proxies.signals import COUNTED


class Parameters(Signal):
    """The size of the network.

    Attributes:
        number: of parameters.
    """

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Count them."""
        self.number = sum(p.numel() for p in run.anatomy.parameters.values())


@proxies.register(
    "params",
    direction=+1,
    setting=COUNTED,
    signals=(Parameters,),
    needs=frozenset(),
    paper="Li et al. 2023, arXiv:2307.01998",
)
def params(parameters: Parameters) -> float:
    """Number of parameters, more counting as better."""
    return parameters.number
