"""One pass: a forward through copies of a network's tensors, watched by signals, and the gradients they ask
for.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from nassay.estimators.proxies.anatomy import Anatomy
from nassay.estimators.proxies.base import Batch, Setting, Signal, Unmeasurable
from nassay.estimators.proxies.initialisation import tensors_for
from nassay.estimators.proxies.stages import watch_stages
from nassay.estimators.proxies.streams import generator
from nassay.estimators.proxies.watch import Watch, unwatched

EVENTS = ("activation", "kink", "layer", "product", "response", "stage", "trunk")


@dataclass(frozen=True)
class Conditions:
    """How a pass runs: the setting, the seed of all its draws, where, and in which number type and layout; and whether
    tensors are kept and handed out without a copy, which fails where the network overwrites them.
    """

    setting: Setting
    seed: int
    device: torch.device
    dtype: torch.dtype
    memory_format: torch.memory_format
    lean: bool = True

    def cast(self, t: Tensor) -> Tensor:
        """The tensor on the pass's device, floating point in its number type, 4-D in its layout."""
        t = t.to(self.device, self.dtype) if t.is_floating_point() else t.to(self.device)
        return t.contiguous(memory_format=self.memory_format) if t.ndim == 4 else t


class Overwritten(Exception):
    """The network wrote into a tensor that was kept without a copy."""


class _Alias(torch.autograd.Function):
    """The same memory as another tensor, where what follows may work in place, which a leaf itself forbids."""

    @staticmethod
    def forward(ctx: Any, leaf: Tensor) -> Tensor:  # noqa: ARG004
        return leaf.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return gradient


class Pass:
    """A network under one setting.

    Attributes:
        anatomy: the user's module and its parts; call the module through `forward` and `again` only.
        tensors: copies of its parameters and buffers by name, initialised for the setting.
        weights: those that are parameters of two or more dimensions.
        scales: other parameters called weight.
        x: the input, (B, C, H, W).
        y: (B,) labels.
        input_shape: (C, H, W) of the user's inputs.
        setting: the setting.
        seconds: what each signal took to finish.
    """

    def __init__(self, anatomy: Anatomy, batch: Batch, signals: Sequence[Signal], conditions: Conditions) -> None:
        self.anatomy, self.setting = anatomy, conditions.setting
        self._conditions, self._signals = conditions, signals
        self._gradients = frozenset().union(*(signal.gradients for signal in signals))
        self.tensors = self._tensors()
        self.weights = {n: self.tensors[n] for n, p in anatomy.parameters.items() if p.ndim >= 2}
        others = {n: self.tensors[n] for n, p in anatomy.parameters.items() if p.ndim < 2}
        self.scales = {n: t for n, t in others.items() if n.rpartition(".")[2] == "weight"}
        for kind, tensors in (("weights", self.weights), ("scales", self.scales)):
            for tensor in tensors.values() if kind in self._gradients else ():
                tensor.requires_grad_()
        self.input_shape = batch.x.shape[1:]
        self.x = conditions.cast(self._input(batch)).requires_grad_("input" in self._gradients)
        self.y = batch.y[: self.setting.samples].to(conditions.device)
        self.loss = batch.loss
        self.seconds: dict[Signal, float] = {}
        self._in_loss = False
        self._kept: list[tuple[Tensor, int]] = []
        self._loss_pairs: list[tuple[Tensor, Tensor]] | None = None

    def run(self) -> dict[Signal, Exception]:
        """Forward, then let every signal finish.

        Returns:
            Why a signal could not finish, for those that could not.

        Raises:
            Unmeasurable: the network is dead, or its output is not a tensor.
            ArithmeticError: its output is not finite.
            Overwritten: under lean conditions, the network wrote into a tensor that others need.
            Exception: whatever its forward raises.
        """
        outputs = self.forward(self.x, self._signals)
        if any(tensor._version != version for tensor, version in self._kept):
            raise Overwritten
        self._kept.clear()
        _check(outputs)
        failures: dict[Signal, Exception] = {}
        with torch.set_grad_enabled(bool(self._gradients)):
            for i, signal in enumerate(self._signals):
                self._keep_graph = any(later.gradients for later in self._signals[i + 1 :])
                began = time.perf_counter()
                try:
                    signal.finish(self, outputs)
                except (Unmeasurable, ArithmeticError, ValueError, IndexError, RuntimeError) as error:
                    failures[signal] = error
                self.seconds[signal] = time.perf_counter() - began
        return failures

    def forward(self, x: Tensor, listening: Sequence[Signal] = ()) -> Tensor:
        """The network's output for `x` under this pass's tensors; only `listening` hears the events.

        Raises:
            Unmeasurable: the output is not a tensor.
        """
        return self._call(x, self.tensors, listening)

    def again(self, x: Tensor) -> Tensor:
        """The output for other inputs, the buffers being as they were at first; nobody listens.

        Raises:
            Unmeasurable: the output is not a tensor.
        """
        return self._call(x.detach(), self.tensors | {name: t.clone() for name, t in self._first_buffers.items()}, ())

    def _tensors(self) -> dict[str, Tensor]:
        tensors = tensors_for(self.anatomy, self.setting.init, self._conditions.seed)
        return {name: self._conditions.cast(t) for name, t in tensors.items() if name not in self.anatomy.idle}

    @cached_property
    def _first_buffers(self) -> dict[str, Tensor]:
        """Buffers as they were at first; few ask for them."""
        return {name: t for name, t in self._tensors().items() if name in self.anatomy.buffers}

    def _call(self, x: Tensor, tensors: Mapping[str, Tensor], listening: Sequence[Signal]) -> Tensor:
        self._heard_by = {event: _hearing(event, listening) for event in EVENTS}
        self._previous: Tensor | None = None
        self._trunk_area = 0
        held = self.anatomy.holding({**tensors, **dict.fromkeys(self.anatomy.idle)})
        with torch.set_grad_enabled(bool(self._gradients)), held, self._watched():
            outputs = self.anatomy.network(x)
        if not isinstance(outputs, Tensor):
            raise Unmeasurable(f"the network's output is a {type(outputs).__name__}, not a tensor")
        return outputs

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Everything that happens inside is reported to the listening signals."""
        handles: list[RemovableHandle] = []
        self._has_stages = self._has_trunk = True
        try:
            if self._heard_by["stage"] or self._heard_by["trunk"]:
                self._has_stages, self._has_trunk = watch_stages(
                    self.anatomy.network, self.on_stage, self._on_trunk, handles
                )
            if self._heard_by["layer"]:
                handles += _watch_layers(self.anatomy, self._on_layer)
            with Watch(self, batch_norm=self.setting.batch_norm):
                yield
        finally:
            for handle in handles:
                handle.remove()

    # Gradients ------------------------------------------------------------------------------------

    def gradients(
        self, scalar: Tensor, inputs: Sequence[Tensor], *, keep_graph: bool = False, create_graph: bool = False
    ) -> tuple[Tensor | None, ...]:
        """D scalar / d inputs, None where there is no path.

        Args:
            scalar: follows from the outputs of `run` or of `again`.
            inputs: what it is derived by.
            keep_graph: whether the asking signal will come again; that others will is known.
            create_graph: whether the gradients are to be derived again.
        """
        if not scalar.requires_grad:
            return (None,) * len(inputs)
        keep = keep_graph or create_graph or self._keep_graph
        return torch.autograd.grad(scalar, inputs, retain_graph=keep, create_graph=create_graph, allow_unused=True)

    def loss_gradients(self, outputs: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(weight, gradient of the batch's mean loss) of every weight that the loss depends on.

        There is one backward pass for all signals; those with a `response` hear of it.

        Raises:
            Unmeasurable: the outputs are not one score per class, or nothing is there to be trained.
        """
        if self._loss_pairs is None:
            loss, weights = self.loss(outputs, self.y), self.trained()
            self._in_loss = True
            try:
                found = self.gradients(loss, weights)
            finally:
                self._in_loss = False
            self._loss_pairs = [(w.detach(), g) for w, g in zip(weights, found, strict=True) if g is not None]
        return self._loss_pairs

    def trained(self) -> list[Tensor]:
        """The weights.

        Raises:
            Unmeasurable: there are none.
        """
        if not self.weights:
            raise Unmeasurable("the network has no weights")
        return list(self.weights.values())

    # Events ---------------------------------------------------------------------------------------

    def on_activation(self, x: Tensor, *, kinked: bool) -> None:
        """An activation function is about to be applied to `x`."""
        for signal in self._heard_by["activation"]:
            signal.activation(x.detach())
        for signal in self._heard_by["kink"] if kinked else ():
            signal.kink(x.detach())

    def on_activated(self, output: Tensor) -> Tensor:
        """Activation outputs stand in for stages and trunk where the network shows none."""
        if output.ndim != 4:
            return output
        area = output.shape[2] * output.shape[3]
        if not self._has_trunk and (area > 1 or self._trunk_area <= 1):
            self._trunk_area = area
            self._on_trunk(output)
        return output if self._has_stages else self.on_stage(output)

    def on_product(self, output: Tensor, weight: Tensor, macs: int) -> None:
        """A convolution or linear layer took `macs` multiply-accumulates for the whole batch."""
        for signal in self._heard_by["product"]:
            signal.product(macs)
        if output.requires_grad and (wanted := self._heard_by["response"]):
            kept = self._keep(output.detach())

            def respond(gradient: Tensor) -> None:
                for signal in wanted if self._in_loss else ():
                    signal.response(kept, gradient, weight.detach())

            output.register_hook(respond)

    def on_stage(self, feature: Tensor) -> Tensor:
        """A stage has put out `feature`; the network goes on with what is returned."""
        for signal in self._heard_by["stage"]:
            signal.stage(feature, self._previous)
        if not (self.setting.cut and "stages" in self._gradients):
            self._previous = feature
            return feature
        leaf = feature.detach().requires_grad_()
        self._previous = leaf
        return _Alias.apply(leaf)

    def _on_trunk(self, feature: Tensor) -> None:
        for signal in self._heard_by["trunk"]:
            signal.trunk(feature)

    def _on_layer(self, output: Tensor) -> None:
        for signal in self._heard_by["layer"]:
            signal.layer(output)

    def _keep(self, tensor: Tensor) -> Tensor:
        """The tensor as it is now: a copy, or itself and a look later whether anything has changed it."""
        if not self._conditions.lean:
            return tensor.clone()
        self._kept.append((tensor, tensor._version))
        return tensor

    def _input(self, batch: Batch) -> Tensor:
        setting = self.setting
        x = batch.x[: setting.samples].detach()
        if setting.input == "batch":
            return x.clone()
        if setting.input == "ones":
            return torch.ones_like(x[:1])
        draw, count = generator(self._conditions.seed, "noise"), setting.samples or len(x)
        size = (setting.size, setting.size) if setting.size else self.input_shape[1:]
        shape = (self.input_shape[0], *size)
        if setting.input == "segment":
            start, end = torch.randn(2, *shape, generator=draw)
            return start + torch.linspace(0, 1, count).view(-1, 1, 1, 1) * (end - start)
        return torch.randn(count, *shape, generator=draw)


def rows(feature: Tensor) -> Tensor:
    """(B, C, H, W) to (B, H W, C), without a copy where the layout is channels-last."""
    return feature.permute(0, 2, 3, 1).flatten(1, 2)


def _hearing(event: str, signals: Sequence[Signal]) -> list[Signal]:
    """Those that do something at an event."""
    return [signal for signal in signals if getattr(type(signal), event) is not getattr(Signal, event)]


def _check(outputs: Tensor) -> None:
    """Raises where no signal can mean anything."""
    if not torch.isfinite(outputs).all():
        raise ArithmeticError("the network's output is not finite")
    if len(outputs) > 1 and bool((outputs == outputs[:1]).all()):
        raise Unmeasurable("the network is dead: its output is the same for every input")


def _watch_layers(anatomy: Anatomy, on_layer: Callable[[Tensor], None]) -> list[RemovableHandle]:
    def hook(_module: nn.Module, _args: object, output: object) -> None:
        if isinstance(output, Tensor):
            unwatched(on_layer, output)

    return [module.register_forward_hook(hook) for _, module in anatomy.modules]
