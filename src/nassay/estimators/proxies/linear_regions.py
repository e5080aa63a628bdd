"""linear_regions: into how many linear pieces a network cuts a segment of its input space (Hanin & Rolnick 2019,
arXiv:1901.09021; the idea as a proxy is TE-NAS's, Chen et al. 2021, arXiv:2102.11535).

score = 1 + number of distinct points of the segment at which a pre-activation changes its sign,

on the segment between two Gaussian inputs of 8 x 8, with Kaiming-normal weights, seen at 32 points: a change and its
reversal between two of them are missed. Units that change at the same place, such as copies of one unit, count once.

TE-NAS counts the different sign patterns of 3,000 random 3 x 3 crops, and must thin the network to one channel,
because on a network as it is every crop has a pattern of its own. Here any module is taken as it is, so that the scale
is another than TE-NAS's; one that insists on its own input size is given it. Only activations that are piecewise
linear with a kink at 0 count; for any other network the number is not defined. Price: one forward pass of 32 small
inputs.
"""

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass

POINTS, SIZE = 32, 8


class Crossings(Signal):
    """Where on the segment units change their sign.

    Attributes:
        number: of distinct places.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._places: list[Tensor] = []
        self.number = 0

    def kink(self, x: Tensor) -> None:
        """Places of a layer's units, in steps from the start, by linear interpolation between two points."""
        if len(x) != POINTS:
            return
        before, after = x[:-1].flatten(1), x[1:].flatten(1)
        step, unit = ((before > 0) != (after > 0)).nonzero(as_tuple=True)
        a, b = before[step, unit].double(), after[step, unit].double()
        self._places.append(step + a / (a - b))

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Count the places.

        Raises:
            Unmeasurable: there is no piecewise linear activation.
        """
        if not self._places:
            raise Unmeasurable("no piecewise linear activation function with a kink at 0 was seen")
        self.number = len(torch.cat(self._places).unique())
        self._places.clear()


@proxies.register(
    "linear_regions",
    direction=+1,
    setting=Setting(init="kaiming", input="segment", samples=POINTS, size=SIZE),
    signals=(Crossings,),
    needs=frozenset(),
    paper="Hanin & Rolnick 2019, arXiv:1901.09021; Chen et al. 2021, arXiv:2102.11535",
)
def linear_regions(crossings: Crossings) -> float:
    """Number of linear pieces of the network on a segment between two inputs."""
    return 1 + crossings.number
