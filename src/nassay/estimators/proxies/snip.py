"""SNIP: how much the loss depends on the presence of each weight (Lee et al. 2019, arXiv:1810.02340, eq. 6).

score = sum over weights of |w dL/dw|,  L the mean cross-entropy of one batch.

The derivative by a mask of ones, which the authors take, is the same number.
"""

from nassay.estimators.proxies.base import Setting, proxies
from nassay.estimators.proxies.signals import WeightGradients


@proxies.register(
    "snip",
    direction=+1,
    setting=Setting(),
    signals=(WeightGradients,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Lee et al. 2019, arXiv:1810.02340",
)
def snip(weights: WeightGradients) -> float:
    """Sum of |w dL/dw| over all weights."""
    return sum(float((weight * gradient).abs().sum()) for weight, gradient in weights.pairs)
