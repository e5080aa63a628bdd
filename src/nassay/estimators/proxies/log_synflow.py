"""LogSynflow: SynFlow without the explosion of its gradients (Cavagnero et al. 2023, arXiv:2207.05135).

score = sum over weights of |w| ln(1 + |dR/dw|),

everything else as in SynFlow. Not the logarithm of SynFlow's sum, which some tables call by the same name and which
ranks as SynFlow does.
"""

import torch

from nassay.estimators.proxies.base import proxies
from nassay.estimators.proxies.signals import SynapticFlow
from nassay.estimators.proxies.synflow import SETTING


@proxies.register(
    "log_synflow",
    direction=+1,
    setting=SETTING,
    signals=(SynapticFlow,),
    needs=frozenset({"gradients"}),
    paper="Cavagnero et al. 2023, arXiv:2207.05135",
)
def log_synflow(flow: SynapticFlow) -> float:
    """Sum of |w| ln(1 + |dR/dw|) over all weights, the network made linear and positive."""
    return sum(float((w.abs() * g.abs().log1p()).sum(dtype=torch.float64)) for w, g in flow.pairs)
