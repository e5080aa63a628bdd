"""What a node's label says of its operation: how many positions it mixes or averages.

Every space writes its own labels (`nor_conv_3x3`, `conv3x3-bn-relu`, `sep_conv_5x5`, `k5e6se`, `bottleneck`);
topology-only estimators need no more of them than the sizes of the windows and the number of ReLUs.
"""

import re
from dataclasses import dataclass
from functools import cache

from nassay.errors import UserError
from nassay.estimators.proxies.base import Unmeasurable


@dataclass(frozen=True, slots=True)
class Operation:
    """A chain of convolutions and ReLUs, or of poolings, or neither: the identity.

    Attributes:
        convolutions: positions that each convolution mixes with weights of its own, such as 9 for 3x3.
        rectifiers: ReLUs in the chain.
        poolings: positions that each pooling reduces to one, such as 9 for 3x3.
    """

    convolutions: tuple[int, ...] = ()
    rectifiers: int = 0
    poolings: tuple[int, ...] = ()

    @property
    def is_identity(self) -> bool:
        """Whether the signal passes as it is."""
        return not self.convolutions and not self.poolings


IDENTITIES = ("input", "output", "skip_connect", "identity", "id", "add", "concat")
ENDS = {"stem": Operation((9,), 1), "tail": Operation((1,), 1)}
OPAQUE = r"basic|bottleneck|module\d|\w+_block"
INVERTED_RESIDUAL = r"k(?P<k>\d+)e(?P<e>\d+)(se)?|mb(?P<expansion>\d+)_k(?P<kernel>\d+)"
TIMES = {"sep_conv": 2, "dil_sep_conv": 2, "dil_conv": 1}


@cache
def operation(label: str) -> Operation | None:
    """The operation of a label; None for `none`, which passes nothing on.

    A convolution comes with a ReLU, also one by rows and columns (`conv_7x1_1x7`). A separable one (`sep_conv`) is
    applied twice, each time a ReLU, a depthwise and a 1x1 convolution; a dilated one (`dil_conv`) once. `k5e6se` and
    `mb6_k5` are inverted residual blocks: 1x1 unless the expansion is 1, depthwise, and 1x1 without a ReLU.

    Raises:
        Unmeasurable: a block of a space that chooses widths, depths and strides, which graphs do not show.
        UserError: a label of an unknown kind.
    """
    if label == "none":
        return None
    if label in IDENTITIES:
        return Operation()
    if label in ENDS:
        return ENDS[label]
    if re.fullmatch(OPAQUE, label):
        raise Unmeasurable(
            f"the graph is a chain of blocks ({label}) whose widths and strides, the choices, do not show"
        )
    if block := re.fullmatch(INVERTED_RESIDUAL, label):
        expanding = int(block["e"] or block["expansion"]) > 1
        return Operation((1,) * expanding + (int(block["k"] or block["kernel"]) ** 2, 1), expanding + 1)
    windows = tuple(int(a) * int(b) for a, b in re.findall(r"(\d+)x(\d+)", label))
    if windows and "pool" in label:
        return Operation(poolings=windows)
    if windows and "conv" in label:
        times = TIMES.get(label.rpartition("_")[0])
        return Operation((*windows, 1) * times, times) if times else Operation(windows, 1)
    raise UserError(
        f"No topology-only estimator knows the operation {label!r}: labels are {', '.join(IDENTITIES)}, none, "
        f"{', '.join(ENDS)}, k3e6, or name a convolution or pooling with its size, such as conv_3x3."
    )
