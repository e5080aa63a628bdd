"""Zen-score: how strongly the features answer to a small change of the input (Lin et al. 2021,
arXiv:2102.01063, algorithm 1).

score = ln mean_b ||f(x) - f(x + 0.01 e)||_1 + sum over BN layers of ln sqrt(mean running variance),

f the map before global pooling, x and e Gaussian noise, all weights drawn from N(0, 1). As in the authors'
code the running variance is read after the two forwards, and residual links stay.
"""

import math

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass
from nassay.estimators.proxies.streams import generator

STEP = 0.01


class Perturbation(Signal):
    """The change of the trunk's output, and the scale that batch normalisation took away.

    Attributes:
        change: mean over the batch of the summed absolute difference.
        scales: per batch norm layer, the root of its mean running variance.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._map: Tensor | None = None

    def trunk(self, feature: Tensor) -> None:
        """Keep the last map."""
        self._map = feature

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """A second forward, from the disturbed input.

        Raises:
            Unmeasurable: there is no map before pooling, or batch norm keeps no statistics.
        """
        before = self._map
        noise = torch.randn(run.x.shape, generator=generator(self.seed, "perturbation"))
        run.forward(run.x + STEP * noise.to(run.x), [self])
        if before is None or self._map is None:
            raise Unmeasurable("no feature map (B, C, H, W) before pooling was seen")
        self.change = float((before - self._map).abs().sum((1, 2, 3), dtype=torch.float64).mean())
        norms = {n: m for n, m in run.anatomy.modules if isinstance(m, _NormBase)}
        if any(module.running_var is None for module in norms.values()):
            raise Unmeasurable("a batch norm layer keeps no running variance")
        self.scales = [float(run.tensors[f"{name}.running_var"].mean().sqrt()) for name in norms]


@proxies.register(
    "zen",
    direction=+1,
    setting=Setting(init="normal", input="noise"),
    signals=(Perturbation,),
    needs=frozenset(),
    paper="Lin et al. 2021, arXiv:2102.01063",
)
def zen(perturbation: Perturbation) -> float:
    """Log of the features' Gaussian sensitivity, batch normalisation's scaling undone."""
    if perturbation.change == 0:
        raise Unmeasurable("the network is dead: its features do not change with the input")
    return math.log(perturbation.change) + sum(math.log(scale) for scale in perturbation.scales)
