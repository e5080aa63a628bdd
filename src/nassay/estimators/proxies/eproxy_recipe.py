"""Eproxy's recipe: what the few-shot proxy regresses on, through which layers, and how fast.

The options are those of the authors' discrete proxy search (Li et al., ICCV 2023, arXiv:2210.09459, configuration files
of their code). A recipe reads and prints as text, such as

    lr=1.2/net=default/barrier=default/net*1-1x512-3x64

learning rate, initialisation of the network and of the barrier, then one item a branch: features * level - transform's
kernel x channels - barrier's kernel x channels. `barrier=none` leaves the barrier out; `alpha=0.1@187166720` adds the
MACs' term with the MACs that count as 1. The text follows the proxy's name: `eproxy:lr=1.2/...`.

The MACs' term belongs to the networks and the input size that the recipe was searched on: it weighs every loss by
1 - alpha MACs / max_macs, which is no weight any more for a network of max_macs / alpha MACs or more.
"""

import re
from dataclasses import dataclass, replace

from nassay.errors import UserError
from nassay.estimators.proxies.eproxy_targets import CHANNELS, FEATURES

INITS = ("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal")
DEFAULT, NONE, ZERO = "default", "none", "zero"
MAX_BRANCHES = 3

_BRANCH = re.compile(r"([a-z_+]+)\*([0-9.]+)-(\d+)x(\d+)-(\d+)x(\d+)")


@dataclass(frozen=True)
class Branch:
    """One regression: from a stage's features to a target.

    Attributes:
        features: of the target, summed; none of them is a target of zeros.
        level: factor on the target.
        transform_kernel: of the trained convolution, odd.
        transform_channels: of the trained convolution's output.
        barrier_kernel: of the frozen convolution, odd.
        target_channels: of the target, at most 512.
    """

    features: tuple[str, ...] = ("net",)
    level: float = 1.0
    transform_kernel: int = 1
    transform_channels: int = 512
    barrier_kernel: int = 3
    target_channels: int = 64

    def __post_init__(self) -> None:
        if not set(self.features) <= set(FEATURES):
            raise UserError(f"A target's features are among {', '.join(FEATURES)}, found {self.features}.")
        if self.transform_kernel % 2 == 0 or self.barrier_kernel % 2 == 0:
            raise UserError(f"Kernels are odd, found {self.transform_kernel} and {self.barrier_kernel}.")
        if self.transform_channels < 1 or not 1 <= self.target_channels <= CHANNELS:
            raise UserError(
                f"A transform has 1 or more channels, a target 1 to {CHANNELS}, "
                f"found {self.transform_channels} and {self.target_channels}."
            )

    def __str__(self) -> str:
        transform = f"{self.transform_kernel}x{self.transform_channels}"
        barrier = f"{self.barrier_kernel}x{self.target_channels}"
        return f"{'+'.join(self.features) or ZERO}*{self.level:g}-{transform}-{barrier}"


@dataclass(frozen=True)
class Recipe:
    """Everything that Eproxy's value depends on beside network, images and seed; the default is plain Eproxy.

    Attributes:
        branches: one to three, the deepest stage's first.
        learning_rate: of SGD.
        network_init: of the network and the transforms, one of `INITS`; "default" leaves the network's weights as they
            are and the transforms' as PyTorch draws them.
        barrier_init: of the barrier, one of `INITS`, or "default" for PyTorch's.
        barrier: whether there is one; without it (an ablation) the transform is held against the target itself.
        alpha: weight of the MACs: the loss is multiplied by 1 - alpha MACs / max_macs.
        max_macs: the MACs that count as 1; needed with an alpha other than 0.
    """

    branches: tuple[Branch, ...] = (Branch(),)
    learning_rate: float = 1.2
    network_init: str = DEFAULT
    barrier_init: str = DEFAULT
    barrier: bool = True
    alpha: float = 0.0
    max_macs: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.branches) <= MAX_BRANCHES:
            raise UserError(f"A recipe has 1 to {MAX_BRANCHES} branches, found {len(self.branches)}.")
        if not self.learning_rate > 0:
            raise UserError(f"The learning rate must be positive, found {self.learning_rate}.")
        if not {self.network_init, self.barrier_init} <= {DEFAULT, *INITS}:
            raise UserError(
                f"An initialisation is one of {DEFAULT}, {', '.join(INITS)}; "
                f"found {self.network_init} and {self.barrier_init}."
            )
        if self.alpha and not (self.max_macs and self.max_macs > 0):
            raise UserError(f"With an alpha of {self.alpha} the recipe needs max_macs, found {self.max_macs}.")

    def __str__(self) -> str:
        barrier = self.barrier_init if self.barrier else NONE
        parts = [f"lr={self.learning_rate:g}", f"net={self.network_init}", f"barrier={barrier}"]
        parts += [f"alpha={self.alpha:g}@{self.max_macs}"] if self.alpha else []
        return "/".join([*parts, *map(str, self.branches)])

    @property
    def name(self) -> str:
        """What `score` knows the proxy with this recipe by."""
        return f"eproxy:{self}"

    @property
    def regression(self) -> "Recipe":
        """The recipe without the MACs' term: recipes that differ in nothing else train alike."""
        return replace(self, alpha=0.0, max_macs=None)

    def value(self, loss: float, macs: float) -> float:
        """The score, smaller is better, of a regression's loss and the network's MACs for one input.

        It means something only for a network that the recipe `covers`.
        """
        return loss * self._weight(macs)

    def covers(self, macs: float) -> bool:
        """Whether a network of so many MACs has a score; from max_macs / alpha on a larger loss would be better."""
        return self._weight(macs) > 0

    def _weight(self, macs: float) -> float:
        return 1 - self.alpha * macs / self.max_macs if self.max_macs else 1.0

    @classmethod
    def parse(cls, text: str) -> "Recipe":
        """Inverse of `str`; what is left out is as in plain Eproxy.

        Raises:
            UserError: the text is not a recipe.
        """
        items = [item for item in text.split("/") if item]
        settings = dict(item.split("=", 1) for item in items if "=" in item)
        if unknown := set(settings) - {"lr", "net", "barrier", "alpha"}:
            raise UserError(
                f"A recipe sets lr, net, barrier and alpha, found {', '.join(sorted(unknown))} in {text!r}."
            )
        barrier = settings.get("barrier", DEFAULT)
        alpha, _, max_macs = settings.get("alpha", "0").partition("@")
        try:
            branches = tuple(_branch(item) for item in items if "=" not in item)
            return cls(
                branches or (Branch(),),
                float(settings.get("lr", 1.2)),
                settings.get("net", DEFAULT),
                DEFAULT if barrier == NONE else barrier,
                barrier != NONE,
                float(alpha),
                int(max_macs) if max_macs else None,
            )
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"{text!r} is not an Eproxy recipe: {error}. One reads {PLAIN!s}") from error


def _branch(text: str) -> Branch:
    found = _BRANCH.fullmatch(text)
    if not found:
        raise UserError(f"{text!r} is not a branch of an Eproxy recipe; one reads {Branch()!s}")
    features, level, *sizes = found.groups()
    chosen = () if features == ZERO else tuple(features.split("+"))
    return Branch(chosen, float(level), *map(int, sizes))


PLAIN = Recipe()
