"""jacob_cov: how uncorrelated the input gradients of a batch are (Mellor et al. 2020, arXiv:2006.04647v1; the
formula of Abdelfattah et al. 2021, arXiv:2101.08134).

score = -sum_i ( ln(v_i + k) + 1 / (v_i + k) ),  v the eigenvalues of the correlation matrix of the rows of J,
k = 1e-5,

J = d(sum of outputs)/dx, one row per sample.
"""

import torch

from nassay.estimators.proxies.base import Setting, Unmeasurable, proxies
from nassay.estimators.proxies.signals import InputJacobian

EPSILON = 1e-5


@proxies.register(
    "jacob_cov",
    direction=+1,
    setting=Setting(),
    signals=(InputJacobian,),
    needs=frozenset({"data", "gradients"}),
    paper="Mellor et al. 2020, arXiv:2006.04647v1",
)
def jacob_cov(signal: InputJacobian) -> float:
    """Score of the spectrum of the input gradients' correlation matrix, largest when they are uncorrelated."""
    if len(signal.jacobian) < 2:
        raise Unmeasurable("a batch of at least two inputs is needed")
    correlation = torch.corrcoef(signal.jacobian.double())
    if not torch.isfinite(correlation).all():
        raise Unmeasurable("the input gradient of a sample is constant, so that it correlates with nothing")
    v = torch.linalg.eigvalsh(correlation).clamp(min=0) + EPSILON
    return -float((v.log() + 1 / v).sum())
