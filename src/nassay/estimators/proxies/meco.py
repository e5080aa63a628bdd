"""MeCo: how far the channels of the feature maps are from linearly dependent (Jiang et al., NeurIPS 2023).

score = sum over maps of the smallest eigenvalue of the correlation matrix of the map's channels,

over the maps that modules put out for a Gaussian input of 64 x 64, as in the reference (one input, default
initialisation); networks that insist on their own input size are seen at that. The eigenvalue is 0 where a channel is
constant or there are no more positions than channels.

Differs from the authors' code, which counts a map once for each module around it: here a map counts once, so that the
value does not depend on how modules are nested. A second input, at which no map is looked at, shows whether the network
is dead; it takes part in the batch statistics. Not fit for comparing networks of different width (the paper's MeCo_opt
is). Price: two inputs forward, and an eigenvalue problem per map.
"""

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass


def smallest_eigenvalue(feature: Tensor) -> float:
    """Of the correlation matrix of a map's channels, at least 0.

    Args:
        feature: (C, H, W).
    """
    x = feature.flatten(1).double()
    channels, positions = x.shape
    if positions <= channels or bool((x == x[:, :1]).all(1).any()):
        return 0.0
    return max(0.0, float(torch.linalg.eigvalsh(torch.corrcoef(x).view(channels, channels))[0]))


class ChannelCorrelations(Signal):
    """Linear independence of the channels of every map.

    Attributes:
        eigenvalues: the smallest of each map, in order.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.eigenvalues: list[float] = []
        self._seen: dict[int, tuple[Tensor, int]] = {}  # holds the tensors, so that their ids stay theirs

    def layer(self, output: Tensor) -> None:
        """Take the first input's map, unless this very tensor, unchanged since, was put out before."""
        if output.ndim != 4 or self._seen.get(id(output), (None, -1))[1] == output._version:
            return
        self._seen[id(output)] = output, output._version
        self.eigenvalues.append(smallest_eigenvalue(output[0].detach()))

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Check that there were maps.

        Raises:
            Unmeasurable: no module puts out a map.
        """
        self._seen.clear()
        if not self.eigenvalues:
            raise Unmeasurable("no module puts out a map (B, C, H, W)")


@proxies.register(
    "meco",
    direction=+1,
    setting=Setting(input="noise", samples=2, size=64),
    signals=(ChannelCorrelations,),
    needs=frozenset(),
    paper="Jiang et al., NeurIPS 2023",
)
def meco(maps: ChannelCorrelations) -> float:
    """Sum over feature maps of the smallest eigenvalue of their channels' correlations."""
    return sum(maps.eigenvalues)
