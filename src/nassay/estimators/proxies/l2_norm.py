"""l2_norm: the size of the initial weights (Abdelfattah et al. 2021, arXiv:2101.08134, as in their code; reported
by Krishnakumar et al. 2022, arXiv:2210.03230).

score = sum over weight tensors of ||W||_2.

No data and no gradient: with one initialisation for all networks it is a count of layers and channels. Reference:
PyTorch's default initialisation, convolutions and linear layers.
"""

from torch import Tensor

from nassay.estimators.proxies.base import Signal, proxies
from nassay.estimators.proxies.passes import Pass
from nassay.estimators.proxies.signals import COUNTED


class Weights(Signal):
    """The weights as given.

    Attributes:
        weights: parameters of two or more dimensions.
    """

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Take them.

        Raises:
            Unmeasurable: there are none.
        """
        self.weights = run.trained()


@proxies.register(
    "l2_norm",
    direction=+1,
    setting=COUNTED,
    signals=(Weights,),
    needs=frozenset(),
    paper="Abdelfattah et al. 2021, arXiv:2101.08134",
)
def l2_norm(given: Weights) -> float:
    """Sum of the Euclidean norms of the weights."""
    return sum(float(weight.norm()) for weight in given.weights)
