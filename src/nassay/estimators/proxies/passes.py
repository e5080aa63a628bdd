"""One pass: a forward through copies of a network's tensors, watched by signals, and the gradients they ask
for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nassay.estimators.proxies.base import Batch, Setting, Signal, Unmeasurable
from nassay.estimators.proxies.initialisation import tensors_for
from nassay.estimators.proxies.stages import watch_stages
from nassay.estimators.proxies.streams import generator
from nassay.estimators.proxies.watch import Watch


@dataclass(frozen=True)
class Conditions:
    """How a pass runs: the setting, the seed of all its draws, where, and in which number type and layout."""

    setting: Setting
    seed: int
    device: torch.device
    dtype: torch.dtype
    memory_format: torch.memory_format

    def cast(self, t: Tensor) -> Tensor:
        """The tensor on the pass's device, floating point in its number type, 4-D in its layout."""
        t = t.to(self.device, self.dtype) if t.is_floating_point() else t.to(self.device)
        return t.contiguous(memory_format=self.memory_format) if t.ndim == 4 else t


class Pass:
    """A network under one setting.

    Attributes:
        network: the user's module; call it through `forward` only.
        tensors: copies of its parameters and buffers by name, initialised for the setting.
        weights: those that are parameters of two or more dimensions.
        x: the input, (B, C, H, W).
        y: (B,) labels.
        setting: the setting.
    """

    def __init__(self, network: nn.Module, batch: Batch, signals: Sequence[Signal], conditions: Conditions) -> None:
        self.network, self.setting = network, conditions.setting
        self._conditions, self._signals, self._listening = conditions, signals, signals
        self._gradients = frozenset().union(*(signal.gradients for signal in signals))
        copies = tensors_for(network, self.setting.init, conditions.seed)
        self.tensors = {name: conditions.cast(t) for name, t in copies.items()}
        self.weights = {n: self.tensors[n] for n, p in network.named_parameters() if p.ndim >= 2}
        for weight in self.weights.values() if "weights" in self._gradients else ():
            weight.requires_grad_()
        self.x = conditions.cast(self._input(batch)).requires_grad_("input" in self._gradients)
        self.y = batch.y.to(conditions.device)

    def run(self) -> dict[Signal, Exception]:
        """Forward, then let every signal finish.

        Returns:
            Why a signal could not finish, for those that could not.

        Raises:
            Unmeasurable: the network is dead, or its output is not a tensor.
            ArithmeticError: its output is not finite.
            Exception: whatever its forward raises.
        """
        outputs = self.forward(self.x, self._signals)
        _check(outputs)
        failures: dict[Signal, Exception] = {}
        with torch.set_grad_enabled(bool(self._gradients)):
            for i, signal in enumerate(self._signals):
                self._keep_graph = any(later.gradients for later in self._signals[i + 1 :])
                try:
                    signal.finish(self, outputs)
                except (Unmeasurable, ArithmeticError, ValueError, IndexError, RuntimeError) as error:
                    failures[signal] = error
        return failures

    def forward(self, x: Tensor, listening: Sequence[Signal] = ()) -> Tensor:
        """The network's output for `x` under this pass's tensors; only `listening` hears the events.

        Raises:
            Unmeasurable: the output is not a tensor.
        """
        self._listening, self._trunk_area = listening, 0
        self._previous: Tensor | None = None
        handles, self._has_stages, self._has_trunk = watch_stages(self.network, self.on_stage, self._on_trunk)
        try:
            with (
                torch.set_grad_enabled(bool(self._gradients)),
                Watch(self, batch_norm=self.setting.batch_norm),
            ):
                outputs = functional_call(self.network, self.tensors, (x,))
        finally:
            for handle in handles:
                handle.remove()
        if not isinstance(outputs, Tensor):
            raise Unmeasurable(f"the network's output is a {type(outputs).__name__}, not a tensor")
        return outputs

    def gradients(self, scalar: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """D scalar / d inputs, None where there is no path; to be asked once by each signal."""
        return torch.autograd.grad(scalar, inputs, retain_graph=self._keep_graph, allow_unused=True)

    # Events ---------------------------------------------------------------------------------------

    def on_activation(self, x: Tensor) -> None:
        """An activation function is about to be applied to `x`."""
        for signal in self._listening:
            signal.activation(x.detach())

    def on_activated(self, output: Tensor) -> Tensor:
        """Activation outputs stand in for stages and trunk where the network shows none."""
        if output.ndim != 4:
            return output
        area = output.shape[2] * output.shape[3]
        if not self._has_trunk and (area > 1 or self._trunk_area <= 1):
            self._trunk_area = area
            self._on_trunk(output)
        return output if self._has_stages else self.on_stage(output)

    def on_product(self, macs: int) -> None:
        """A convolution or linear layer took `macs` multiply-accumulates for the whole batch."""
        for signal in self._listening:
            signal.product(macs)

    def on_stage(self, feature: Tensor) -> Tensor:
        """A stage has put out `feature`; the network goes on with what is returned."""
        for signal in self._listening:
            signal.stage(feature, self._previous)
        if not (self.setting.cut and "stages" in self._gradients):
            self._previous = feature
            return feature
        leaf = feature.detach().requires_grad_()
        self._previous = leaf
        return leaf.clone()  # what follows may work in place, which a leaf forbids

    def _on_trunk(self, feature: Tensor) -> None:
        for signal in self._listening:
            signal.trunk(feature)

    def _input(self, batch: Batch) -> Tensor:
        if self.setting.input == "noise":
            return torch.randn(batch.x.shape, generator=generator(self._conditions.seed, "noise"))
        return torch.ones_like(batch.x[:1]) if self.setting.input == "ones" else batch.x.detach().clone()


def _check(outputs: Tensor) -> None:
    """Raises where no signal can mean anything."""
    if not torch.isfinite(outputs).all():
        raise ArithmeticError("the network's output is not finite")
    if len(outputs) > 1 and bool((outputs == outputs[:1]).all()):
        raise Unmeasurable("the network is dead: its output is the same for every input")


def rows(feature: Tensor) -> Tensor:
    """(B, C, H, W) to (B, H W, C), without a copy where the layout is channels-last."""
    return feature.permute(0, 2, 3, 1).flatten(1, 2)
