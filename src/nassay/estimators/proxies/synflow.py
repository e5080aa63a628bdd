"""SynFlow: how much synaptic flow the weights carry (Tanaka et al. 2020, arXiv:2006.05467, eq. 2, as used for
NAS by Abdelfattah et al. 2021, arXiv:2101.08134).

score = sum over weights of |w dR/dw|,  R = sum of the outputs for one input of ones,

with every parameter replaced by its absolute value and batch normalisation left out. Data-free, label-free.
The score grows exponentially with depth: where float32 overflows the pass is repeated in float64.
"""

from nassay.estimators.proxies.base import Setting, proxies
from nassay.estimators.proxies.signals import SynapticFlow

SETTING = Setting(init="absolute", input="ones", batch_norm=False)


@proxies.register(
    "synflow",
    direction=+1,
    setting=SETTING,
    signals=(SynapticFlow,),
    needs=frozenset({"gradients"}),
    paper="Tanaka et al. 2020, arXiv:2006.05467",
)
def synflow(flow: SynapticFlow) -> float:
    """Sum of |w dR/dw| over all weights, the network made linear and positive."""
    return sum(float((w * g).abs().sum(dtype=w.double().dtype)) for w, g in flow.pairs)
