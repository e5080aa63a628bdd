"""OPANAS: search the feature pyramid of a detector, one shot.

Liang et al. 2021, arXiv:2103.04507. A super-network of the space `fpn` is trained by strictly fair paths, each of the
four information paths with weights between any two nodes updated exactly as often as the others; identities and `none`
come in with the search. Then evolution with inherited weights, norms re-calibrated, under the limits; the best are
trained alone. The paper's settings of the evolution could not be read: they are those of `one_shot`, which are SPOS's
(ten parents, half of the children crossed, half mutated). Networks without any path are never drawn.
"""

from nassay.strategies.base import strategies
from nassay.strategies.one_shot import OneShot


@strategies.register("opanas", paper="Liang et al. 2021, arXiv:2103.04507")
class OPANAS(OneShot):
    """Super-network trained by strictly fair weighted paths, then evolution on inherited accuracy; pyramid networks."""

    rule = "opanas"
    default_space = "fpn"
