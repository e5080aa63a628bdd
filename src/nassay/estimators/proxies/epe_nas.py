"""EPE-NAS: how the input gradients of a class hang together (Lopes et al. 2021, arXiv:2102.08099).

s_c = sum over i, j of ln(|R_c|_ij + k),  R_c the correlation matrix of the rows of J of class c,  k = 1e-5,

score = sum_c |s_c|  up to 100 classes, and beyond  sum over c, d of |s_c / n_c - s_d / n_d| / number of classes seen,

J = d(sum of outputs)/dx, n_c the samples of class c. A class with one sample has R = (1); beyond 100 classes the
reference leaves it out. Reference: batch 64, default initialisation.
"""

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Unmeasurable, proxies
from nassay.estimators.proxies.signals import InputJacobian

EPSILON = 1e-5
MANY_CLASSES = 100


@proxies.register(
    "epe_nas",
    direction=+1,
    setting=Setting(),
    signals=(InputJacobian,),
    needs=frozenset({"data", "labels", "gradients"}),
    paper="Lopes et al. 2021, arXiv:2102.08099",
)
def epe_nas(signal: InputJacobian) -> float:
    """Size, or beyond 100 classes spread, of the classes' log-correlations of input gradients."""
    if signal.y.ndim != 1 or signal.y.is_floating_point():
        raise Unmeasurable("the targets are not classes")
    many = signal.num_outputs > MANY_CLASSES
    groups = [signal.jacobian[signal.y == label] for label in signal.y.unique()]
    groups = [group for group in groups if len(group) > 1 or not many]
    if not groups:
        raise Unmeasurable("no class has two samples in the batch")
    s = torch.stack([_log_correlation(group) for group in groups])
    if not many:
        return float(s.abs().sum())
    s = s / torch.tensor([len(group) for group in groups]).to(s)
    return float((s[:, None] - s[None, :]).abs().sum() / len(s))


def _log_correlation(jacobian: Tensor) -> Tensor:
    correlation = torch.corrcoef(jacobian.double())
    if not torch.isfinite(correlation).all():
        raise Unmeasurable("the input gradient of a sample is constant, so that it correlates with nothing")
    return (correlation.abs() + EPSILON).log().sum()
