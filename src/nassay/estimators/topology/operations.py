"""What a node's label says of its operation: how many positions it mixes or averages.

Every space writes its own labels (`nor_conv_3x3`, `conv3x3-bn-relu`, `sep_conv_5x5`, `k5e6se`, `bottleneck`);
topology-only estimators need no more of them than the sizes of the windows.
"""

import re
from dataclasses import dataclass
from functools import cache

from nassay.errors import UserError


@dataclass(frozen=True, slots=True)
class Operation:
    """A chain of convolutions, or of poolings, or neither: the identity.

    Attributes:
        convolutions: positions that each convolution mixes with weights of its own, such as 9 for 3x3.
        poolings: positions that each pooling reduces to one, such as 9 for 3x3.
    """

    convolutions: tuple[int, ...] = ()
    poolings: tuple[int, ...] = ()

    @property
    def is_identity(self) -> bool:
        """Whether the signal passes as it is."""
        return not self.convolutions and not self.poolings


IDENTITIES = ("input", "output", "skip_connect", "skip", "identity", "add", "sum", "concat")
BLOCKS = {
    "stem": Operation((9,)),
    "tail": Operation((1,)),
    "basic": Operation((9, 9)),
    "bottleneck": Operation((1, 9, 1)),
}


@cache
def operation(label: str) -> Operation | None:
    """The operation of a label; None for `none`, which passes nothing on.

    A separable convolution of DARTS (`sep_conv`) is applied twice, each time with a 1x1 convolution behind; a
    dilated one (`dil_conv`) once. `k5e6se` is an inverted residual block: 1x1 unless e1, depthwise, 1x1.

    Raises:
        UserError: a label of an unknown kind.
    """
    if label in ("none", "zero", "zeroize"):
        return None
    if label in IDENTITIES:
        return Operation()
    if label in BLOCKS:
        return BLOCKS[label]
    if block := re.fullmatch(r"k(\d+)e(\d+)(se)?", label):
        expansion = (1,) if int(block[2]) > 1 else ()
        return Operation((*expansion, int(block[1]) ** 2, 1))
    windows = tuple(int(a) * int(b) for a, b in re.findall(r"(\d+)x(\d+)", label))
    if windows and "pool" in label:
        return Operation(poolings=windows)
    if windows and "conv" in label:
        if "sep" in label or "dil" in label:
            windows = (*windows, 1) * (2 if label.startswith("sep") else 1)
        return Operation(windows)
    raise UserError(
        f"No topology-only estimator knows the operation {label!r}: labels are {', '.join(IDENTITIES)}, none, "
        f"{', '.join(BLOCKS)}, k3e6, or name a convolution or pooling with its size, such as conv_3x3."
    )
