"""grad_norm: the size of the first gradient (Abdelfattah et al. 2021, arXiv:2101.08134, section 3.2).

score = sum over weight tensors of ||dL/dW||_2,  L the mean cross-entropy of one batch.
"""

from nassay.estimators.proxies.base import Setting, proxies
from nassay.estimators.proxies.signals import WeightGradients


@proxies.register(
    "grad_norm",
    direction=+1,
    setting=Setting(),
    signals=(WeightGradients,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Abdelfattah et al. 2021, arXiv:2101.08134",
)
def grad_norm(weights: WeightGradients) -> float:
    """Sum of the Euclidean norms of the weights' gradients."""
    return sum(float(gradient.norm()) for _, gradient in weights.pairs)
