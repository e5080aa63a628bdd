"""plain: what the loss loses to first order when all weights go (Mozer & Smolensky 1988; as used for NAS by
Abdelfattah et al. 2021, arXiv:2101.08134).

score = sum over weights of w dL/dw,  L the mean cross-entropy of one batch.

Signed, so that layers before a batch norm, whose scale does not matter, contribute 0 and the classifier remains.
Summed in float64. Reference: batch 64, default initialisation; higher is better there, although the published rank
correlations are negative.
"""

import torch

from nassay.estimators.proxies.base import Setting, proxies
from nassay.estimators.proxies.signals import WeightGradients


@proxies.register(
    "plain",
    direction=+1,
    setting=Setting(),
    signals=(WeightGradients,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Abdelfattah et al. 2021, arXiv:2101.08134",
)
def plain(weights: WeightGradients) -> float:
    """Sum of w dL/dw over all weights."""
    return sum(float((weight * gradient).sum(dtype=torch.float64)) for weight, gradient in weights.pairs)
