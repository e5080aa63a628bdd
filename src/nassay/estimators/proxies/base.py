"""The nouns of a proxy: the batch it looks at, the setting it runs in, the signals it is a function of.

A proxy is a short pure function of finished signals, registered with its direction, setting, signals and
paper. A signal listens to a pass of the network and keeps what its proxies need. Proxies of one setting share
a pass.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from nassay.errors import UserError
from nassay.estimators.proxies.streams import generator
from nassay.registry import Entry, Registry

if TYPE_CHECKING:
    from nassay.estimators.proxies.probe import Pass


class Unmeasurable(Exception):
    """A signal or a proxy has no value for this network; the text is the reason, one sentence."""


def cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    """The mean cross-entropy.

    Args:
        outputs: (B, K) scores of the classes.
        y: (B,) class indices.

    Raises:
        Unmeasurable: the outputs are not one score per class.
    """
    if outputs.ndim < 2 or int(y.max()) >= outputs.shape[1]:
        raise Unmeasurable(f"outputs {tuple(outputs.shape)} are not scores of at least {int(y.max()) + 1} classes")
    return functional.cross_entropy(outputs, y)


@dataclass(frozen=True)
class Batch:
    """The inputs and targets that proxies look at.

    Attributes:
        x: (B, C, H, W) float32 inputs, normalised as for training.
        y: (B, ...) targets; (B,) int64 class indices for cross-entropy.
        loss: (outputs, targets) -> scalar, what proxies that want a loss derive.

    Raises:
        UserError: other shapes or types.
    """

    x: Tensor
    y: Tensor
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy

    def __post_init__(self) -> None:
        if self.x.ndim != 4 or self.x.dtype != torch.float32 or len(self.x) < 1:
            raise UserError(f"A batch's x is (B, C, H, W) float32, found {tuple(self.x.shape)} {self.x.dtype}.")
        if len(self.y) != len(self.x):
            raise UserError(f"A batch's y has one target for each input, found {len(self.y)} for {len(self.x)}.")
        if self.loss is cross_entropy and (self.y.ndim != 1 or self.y.dtype != torch.int64):
            raise UserError(f"A batch's y is ({len(self.x)},) int64, found {tuple(self.y.shape)} {self.y.dtype}.")

    @classmethod
    def noise(cls, input_shape: tuple[int, int, int], num_outputs: int, batch_size: int = 64, seed: int = 0) -> "Batch":
        """Gaussian noise with uniformly random labels, for when there is no data.

        Args:
            input_shape: (C, H, W) of one input.
            num_outputs: number of classes.
            batch_size: number of inputs.
            seed: of the draw; global random state is not used.
        """
        draw = generator(seed, "batch")
        x = torch.randn(batch_size, *input_shape, generator=draw)
        return cls(x, torch.randint(num_outputs, (batch_size,), generator=draw))

    def in_own_order(self) -> "Batch":
        """The same inputs in an order that follows from their contents, so that the given one cannot matter."""
        x, y = self.x.detach().cpu().contiguous().numpy(), self.y.tolist()
        keys = [blake2b(row.tobytes() + str(label).encode()).digest() for row, label in zip(x, y, strict=True)]
        order = torch.tensor(sorted(range(len(keys)), key=keys.__getitem__))
        return _OrderedBatch(self.x[order.to(self.x.device)], self.y[order.to(self.y.device)], self.loss)


class _OrderedBatch(Batch):
    """Inputs that are in their own order."""

    def in_own_order(self) -> Batch:
        """Itself."""
        return self


@dataclass(frozen=True)
class Setting:
    """What a pass of the network starts from. Every setting uses train mode, that is batch statistics,
    without dropout.

    Attributes:
        init: the weights: as given, Kaiming-normal (fan in), standard normal, or the given ones' absolute
            values.
        input: the user's batch, Gaussian noise of its shape, points at equal distances on the segment between
            two noise inputs, or a single input of ones.
        batch_norm: whether batch normalisation acts; False makes it the identity.
        cut: whether every stage output starts a new graph, so that gradients stay inside one block.
        samples: the number of noise inputs or points, and the largest number of the batch's inputs, whose
            choice follows from their contents; None: as many as the batch has.
        size: height and width of noise inputs and points, for networks that take them; None: the batch's.
    """

    init: Literal["given", "kaiming", "normal", "absolute"] = "given"
    input: Literal["batch", "noise", "segment", "ones"] = "batch"
    batch_norm: bool = True
    cut: bool = False
    samples: int | None = None
    size: int | None = None


class Signal:
    """What one pass of a network shows; sub-classes listen to the events that they need.

    Attributes:
        gradients: what must require gradients: any of "weights" (parameters of two or more dimensions),
            "scales" (other parameters called weight, as norm layers have), "input" and "stages" (with
            `Setting.cut`).

    One object serves one pass. Tensors handed to an event may change in place afterwards: take what is
    needed.
    """

    gradients: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def activation(self, x: Tensor) -> None:
        """An activation function is about to be applied to `x`."""

    def kink(self, x: Tensor) -> None:
        """That function is piecewise linear with a kink at 0."""

    def layer(self, output: Tensor) -> None:
        """A module, of whatever depth, has put out a tensor."""

    def product(self, macs: int) -> None:
        """A convolution or linear layer took `macs` multiply-accumulates for the whole batch."""

    def response(self, output: Tensor, gradient: Tensor, weight: Tensor) -> None:
        """In `Pass.loss_gradients`: a convolution or linear layer's output and the loss's gradient by it."""

    def stage(self, feature: Tensor, previous: Tensor | None) -> None:
        """A stage has put out `feature` (B, C, H, W); `previous` is the stage output before it, if any."""

    def trunk(self, feature: Tensor) -> None:
        """`feature` (B, C, H, W) is the map before global pooling, as far as known; the last call counts."""

    def finish(self, run: "Pass", outputs: Tensor) -> None:
        """The forward pass is over; gradients and further passes are asked for here.

        Raises:
            Unmeasurable: the signal does not exist for this network.
        """


class ProxyRegistry(Registry[Callable[..., float]]):
    """The proxies. One that has options takes them as text after its name and a colon: `eproxy:lr=1.1`."""

    def __getitem__(self, name: str) -> Entry[Callable[..., float]]:
        """The proxy called `name`, with its options if there are any.

        Raises:
            UserError: no such proxy; it has no options; or they are not options of this proxy.
        """
        plain, _, options = name.partition(":")
        entry = super().__getitem__(plain)
        if not options:
            return entry
        if "configure" not in entry.info:
            raise UserError(f"The proxy {plain} has no options, found {name!r}.")
        return replace(entry, name=name, info={**entry.info, "signals": entry.info["configure"](options)})


_MODULES = (
    *("params", "macs", "l2_norm", "plain", "grad_norm", "snip", "grasp", "fisher", "synflow", "log_synflow"),
    *("jacob_cov", "epe_nas", "naswot", "swap", "linear_regions", "zen", "zico", "meco", "ntk_condition"),
    *("grad_sign", "az_nas", "eproxy"),
)
proxies = ProxyRegistry("proxy", tuple(f"nassay.estimators.proxies.{name}" for name in _MODULES))
