"""AZ-NAS: four weakly correlated scores of one pass on noise (Lee & Ham, CVPR 2024, arXiv:2403.19232).

Of the stage outputs F_0 .. F_{L-1}, each B x C x H x W, with Kaiming-normal weights and Gaussian noise as
input:

expressivity   sum_l e_l,  e_l = entropy of the normalised eigenvalues of F_l's channel covariance
progressivity  min_l (e_l - e_{l-1})
trainability   mean_l (2 - s_l - 1 / (s_l + 1e-6)),  s_l = spectral norm of stage l's mean channel Jacobian
complexity     MACs

The scores of a set of networks are combined by `aggregate`. Differs from the authors' code: eigenvalues,
which rounding can make negative there, are clamped at 0 and taken in float64; each block's Jacobian is taken
as soon as the block has run; a non-integer stride is rounded up and padded with zeros.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from nassay.estimators.proxies.aggregation import log_rank_sum
from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass, rows
from nassay.estimators.proxies.spectra import covariance_spectrum, largest_singular_value
from nassay.estimators.proxies.streams import derived_seed

PARTS = ("az_expressivity", "az_progressivity", "az_trainability", "az_complexity")
SETTING = Setting(init="kaiming", input="noise", cut=True)
SIGNS = 2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) - 1  # of each byte's bits
PAPER = "Lee & Ham, CVPR 2024, arXiv:2403.19232"


def aggregate(parts: Mapping[str, Sequence[float | None]]) -> list[float | None]:
    """The AZ-NAS score of each of m networks: the log-sum of its ranks; None, no value, ranks lowest.

    Args:
        parts: m values per score, by name; a subset of `PARTS` (the paper leaves one out for ViTs).
    """
    return log_rank_sum(list(parts.values()))


def spectral_entropy(feature: Tensor) -> float:
    """Entropy in nats of the normalised spectrum of a map's channel covariance.

    Args:
        feature: (B, C, H, W).

    Returns:
        Between 0 and ln C; NaN for a constant map.
    """
    spectrum = covariance_spectrum(rows(feature).flatten(0, 1))
    p = spectrum / spectrum.sum()
    return -float((p * (p + 1e-8).log()).sum())


class StageEntropies(Signal):
    """The isotropy of every stage's features.

    Attributes:
        entropies: e_0 .. e_{L-1}, in nats.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.entropies: list[float] = []

    def stage(self, feature: Tensor, previous: Tensor | None) -> None:  # noqa: ARG002
        """Reduce the map to one number."""
        self.entropies.append(spectral_entropy(feature.detach()))

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Check that there is something to compare.

        Raises:
            Unmeasurable: fewer than two stages, or a constant map.
        """
        if len(self.entropies) < 2:
            raise Unmeasurable("fewer than two stages with (B, C, H, W) features were seen")
        if any(math.isnan(e) for e in self.entropies):
            raise Unmeasurable("a stage's features are constant")


def on_grid(t: Tensor, height: int, width: int) -> Tensor:
    """Each cell of a coarser grid, with the s_h x s_w values that fall into it as channels.

    Args:
        t: (B, C, H, W).
        height: of the grid, at most H; s_h = ceil(H / height), padded with zeros.
        width: of the grid, likewise.

    Returns:
        (B height width, s_h s_w C): without a copy where nothing is coarser and the layout is channels-last.
    """
    b, c, h, w = t.shape
    if (h, w) == (height, width):
        return rows(t).flatten(0, 1)
    down, right = -(-h // height), -(-w // width)
    padding = (0, width * right - w, 0, height * down - h)
    t = pad(t, padding) if any(padding) else t
    cells = t.permute(0, 2, 3, 1).reshape(b, height, down, width, right, c).permute(0, 1, 3, 2, 4, 5)
    return cells.reshape(b * height * width, down * right * c)


class BlockJacobians(Signal):
    """The gain of every block: the spectral norm of its mean channel Jacobian, from one random direction.

    Attributes:
        gains: s_1 .. s_{L-1}.
        identity: whether a stage hands its input on unchanged.
    """

    gradients = frozenset({"stages"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.gains: list[float] = []
        self.identity = False
        self._rng = np.random.default_rng(derived_seed(seed, "directions"))

    def stage(self, feature: Tensor, previous: Tensor | None) -> None:
        """A = G' V / n, with V random signs of the stage's shape and G = d<F, V> / d(previous F)."""
        if previous is None or not feature.requires_grad:
            return
        v = self._signs(feature)
        (g,) = torch.autograd.grad(feature, previous, v, allow_unused=True)
        if g is None:
            return
        self.identity |= torch.equal(g[:1], v[:1]) and torch.equal(g, v)
        height, width = (min(a, b) for a, b in zip(g.shape[2:], v.shape[2:], strict=True))
        gain = largest_singular_value(on_grid(g, height, width), on_grid(v, height, width))
        self.gains.append(gain / (len(v) * height * width))

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Check that a block was seen.

        Raises:
            Unmeasurable: no stage depends on the one before it.
        """
        if not self.gains:
            raise Unmeasurable("no stage with (B, C, H, W) features depends on the one before it")

    def _signs(self, like: Tensor) -> Tensor:
        """Random signs, the same for a shape in every layout."""
        b, c, h, w = like.shape
        eights = SIGNS.take(np.frombuffer(self._rng.bytes(-(-like.numel() // 8)), np.uint8), axis=0)
        return torch.from_numpy(eights.reshape(-1)[: like.numel()]).to(like).view(b, h, w, c).permute(0, 3, 1, 2)


class MacCount(Signal):
    """MACs of convolutions and linear layers.

    Attributes:
        macs: per sample.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.macs = 0.0

    def product(self, macs: int) -> None:
        """Add a layer."""
        self.macs += macs

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Divide by the batch size."""
        self.macs /= len(run.x)


@proxies.register(
    "az_expressivity",
    direction=+1,
    setting=SETTING,
    signals=(StageEntropies,),
    needs=frozenset(),
    paper=PAPER,
)
def az_expressivity(features: StageEntropies) -> float:
    """Sum of the stages' spectral entropies: how isotropic the features are."""
    return sum(features.entropies)


@proxies.register(
    "az_progressivity",
    direction=+1,
    setting=SETTING,
    signals=(StageEntropies,),
    needs=frozenset(),
    paper=PAPER,
)
def az_progressivity(features: StageEntropies) -> float:
    """Smallest growth of the spectral entropy from a stage to the next."""
    e = features.entropies
    return min(after - before for before, after in zip(e, e[1:], strict=False))


@proxies.register(
    "az_trainability",
    direction=+1,
    setting=SETTING,
    signals=(BlockJacobians,),
    needs=frozenset({"gradients"}),
    paper=PAPER,
)
def az_trainability(blocks: BlockJacobians) -> float:
    """How close to 1 the gain of every block is; 0 is best."""
    if blocks.identity:
        raise Unmeasurable("a stage hands its input on unchanged")
    return sum(2 - s - 1 / (s + 1e-6) for s in blocks.gains) / len(blocks.gains)


@proxies.register("az_complexity", direction=+1, setting=SETTING, signals=(MacCount,), needs=frozenset(), paper=PAPER)
def az_complexity(count: MacCount) -> float:
    """MACs of one sample, more counting as better."""
    return count.macs
