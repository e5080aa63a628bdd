"""See what a network calls, modules and functionals alike, while it runs."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode, handle_torch_function, has_torch_function

from nassay.estimators.proxies.pooling import avg_pool2d

KINKED: frozenset[Any] = frozenset(
    {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6}
    | {F.leaky_relu, F.leaky_relu_, F.prelu, torch.prelu, F.rrelu}
)
CLAMPS: frozenset[Any] = frozenset(
    {torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_}
    | {torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_}
)
HARD: frozenset[Any] = CLAMPS | {F.hardtanh, F.hardtanh_}
OTHERS: frozenset[Any] = frozenset().union(
    (F.elu, F.elu_, F.selu, F.celu, F.gelu, F.silu, F.mish, F.hardswish, F.softplus),
    (F.hardtanh, F.hardtanh_, F.tanh, torch.tanh, Tensor.tanh, Tensor.tanh_),
)
PRODUCTS: frozenset[Any] = frozenset({F.conv1d, F.conv2d, F.conv3d, F.linear})
TRANSPOSED: frozenset[Any] = frozenset({F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d})
WATCHED: frozenset[Any] = KINKED | HARD | OTHERS | PRODUCTS | TRANSPOSED | {F.batch_norm, F.avg_pool2d}


class Listener(Protocol):
    """Who wants to know; see `Signal` for the events."""

    def on_activation(self, x: Tensor, *, kinked: bool) -> None:
        """An activation function is about to be applied to `x`; `kinked`: a piecewise linear one."""

    def on_activated(self, output: Tensor) -> Tensor:
        """An activation function has put out `output`; gives the tensor that the network goes on with."""

    def on_product(self, output: Tensor, weight: Tensor, macs: int) -> None:
        """A convolution or linear layer took `macs` multiply-accumulates for the whole batch."""


class Watch(TorchFunctionMode):
    """Report activations and products to a listener; make batch normalisation the identity if asked to.

    Average pooling is done in a faster way, see `pooling`.

    Activations are the functions with a kink or a sign change at 0, clamping at 0 included; gates (sigmoid,
    softmax) are not counted. Attention products and element-wise operations are not counted as MACs.
    """

    def __init__(self, listener: Listener, *, batch_norm: bool = True) -> None:
        super().__init__()
        self._listener = listener
        self._batch_norm = batch_norm

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func not in WATCHED:
            return func(*args, **kwargs)
        kinked = func in KINKED or (func in HARD and _lower_bound(args, kwargs) == 0)
        if kinked or func in OTHERS:
            self._listener.on_activation(args[0], kinked=kinked)
            return self._listener.on_activated(func(*args, **kwargs))
        if func is F.batch_norm and not self._batch_norm:
            return args[0]
        if func is F.avg_pool2d and args:
            return avg_pool2d(*args, **kwargs)
        output = func(*args, **kwargs)
        if func in PRODUCTS or func in TRANSPOSED:
            grid, weight = (args[0] if func in TRANSPOSED else output), args[1]
            self._listener.on_product(output, weight, grid.numel() * weight[0].numel())
        return output


def _lower_bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    positional = args[1] if len(args) > 1 else None
    return kwargs.get("min", kwargs.get("min_val", positional))


def unwatched(action: Callable[..., Any], *tensors: Tensor) -> Any:
    """`action(*tensors)`, of which no `Watch` hears: faster, and not part of what the network computes."""
    if has_torch_function(tensors):
        return handle_torch_function(unwatched, tensors, action, *tensors)
    return action(*tensors)
