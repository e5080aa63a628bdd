"""What a node's label says in English: the phrases that a sentence transformer reads.

The paper's best phrases are its short ones, read in the published code: "Convolution 3 by 3", "Residual connection",
"Max pooling 3 by 3". There the spaces spell sizes differently; here one spelling serves all, so that equal operations
of two spaces are one phrase. Blocks of chains of blocks, which the paper has not, are phrased in the same manner.
"""

import re
from functools import cache

from nassay.errors import UserError
from nassay.estimators.topology.operations import INVERTED_RESIDUAL

NAMES = {
    "input": "Input",
    "output": "Output",
    "none": "None",
    "stem": "Convolution 3 by 3",
    "tail": "Convolution 1 by 1",
    "add": "Addition",
    "concat": "Concatenation",
    **dict.fromkeys(("skip_connect", "identity", "id"), "Residual connection"),
}
KINDS = {
    "conv": "Convolution",
    "nor_conv": "Convolution",
    "sep_conv": "Depth-wise separable convolution",
    "dil_conv": "Dilated convolution",
    "dil_sep_conv": "Dilated depth-wise separable convolution",
    "avg_pool": "Average pooling",
    "max_pool": "Max pooling",
    "maxpool": "Max pooling",
}
SIZED = re.compile(r"(?P<kind>[a-z_]+?)_?(?P<sizes>\d+x\d+(?:_\d+x\d+)*)(?:-bn-relu)?")


@cache
def sentence(label: str) -> str:
    """The phrase for the operation of a label.

    Raises:
        UserError: a label of an unknown kind.
    """
    if label in NAMES:
        return NAMES[label]
    if block := re.fullmatch(INVERTED_RESIDUAL, label):
        kernel, expansion = block["k"] or block["kernel"], block["e"] or block["expansion"]
        phrase = f"Inverted residual block, depth-wise convolution {kernel} by {kernel}, expansion {expansion}"
        return phrase + ", squeeze and excitation" * label.endswith("se")
    found = SIZED.fullmatch(label)
    if found and found["kind"] in KINDS:
        sizes = " and ".join(size.replace("x", " by ") for size in found["sizes"].split("_"))
        return f"{KINDS[found['kind']]} {sizes}"
    raise UserError(
        f"TG-NAS has no sentence for the operation {label!r}: labels are {', '.join(NAMES)}, k3e6, or one of "
        f"{', '.join(KINDS)} with a size, such as conv_3x3."
    )
