"""A network's operations in order, recorded on torch's meta device, where tensors have shapes and no data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(frozen=True, slots=True)
class Operation:
    """One dispatched ATen operation.

    Attributes:
        module: path of the innermost module that ran it ("" for the network itself).
        func: the operation's overload, such as `aten.convolution.default`.
        args, kwargs, out: its arguments and its result; the tensors are meta tensors.
        inputs, outputs: the tensors among them.
    """

    module: str
    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """What a network does with one batch; holds every tensor, so that storages keep their addresses."""

    parameters: tuple[Tensor, ...]
    buffers: tuple[Tensor, ...]
    images: Tensor
    operations: tuple[Operation, ...]
    outputs: tuple[Tensor, ...]


def trace(network: nn.Module, input_shape: Sequence[int]) -> Trace:
    """Records a network in evaluation mode for one input, without computing.

    The module, its modes and its hooks are left alone: a copy of its structure runs, on meta, without hooks.

    Args:
        network: any module from one (1, *input_shape) tensor to tensors, on any device, meta included.
        input_shape: shape of one input without the batch dimension, such as (C, H, W).
    """
    shadow = _shadow(network, {})
    recorder = _Recorder()
    for name, module in shadow.named_modules():
        module.register_forward_pre_hook(recorder.entering(name))
        module.register_forward_hook(recorder.leaving)
    images = torch.empty(1, *input_shape, device="meta")
    with torch.no_grad(), recorder:
        outputs = shadow(images)
    return Trace(
        tuple(shadow.parameters()),
        tuple(shadow.buffers()),
        images,
        tuple(recorder.operations),
        _tensors(outputs),
    )


def storage(tensor: Tensor) -> int:
    """A key for the memory behind a tensor: equal for a tensor and its views."""
    return tensor.untyped_storage()._cdata


@dataclass(eq=False)
class _Recorder(TorchDispatchMode):
    modules: list[str] = field(default_factory=lambda: [""])
    operations: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def entering(self, name: str) -> Any:
        return lambda *_: self.modules.append(name)

    def leaving(self, *_: Any) -> None:
        self.modules.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = _result(func, args, kwargs)
        inputs = _tensors(args) + _tensors(kwargs)
        self.operations.append(Operation(self.modules[-1], func, args, kwargs, out, inputs, _tensors(out)))
        return out


def _tensors(values: Any) -> tuple[Tensor, ...]:
    """All tensors in nested tuples, lists and dictionaries, in order."""
    if isinstance(values, Tensor):
        return (values,)
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, (tuple, list)):
        return ()
    return tuple(t for v in values for t in _tensors(v))


# The structure of a module, without its data ---------------------------------------------------------------


def _shadow(module: nn.Module, seen: dict[int, Any]) -> nn.Module:
    """A module tree of the same classes and attributes, on meta, in evaluation mode, without hooks."""
    if id(module) in seen:
        return seen[id(module)]
    shadow = seen[id(module)] = module.__class__.__new__(module.__class__)
    shadow.__dict__.update(module.__dict__)
    hooks = {k: type(v)() for k, v in module.__dict__.items() if k.endswith("_hooks") and isinstance(v, dict)}
    shadow.__dict__.update(
        hooks,
        training=False,
        _parameters={k: _on_meta(p, seen) for k, p in module._parameters.items()},
        _buffers={k: _on_meta(b, seen) for k, b in module._buffers.items()},
        _modules={k: m and _shadow(m, seen) for k, m in module._modules.items()},
    )
    return shadow


def _on_meta(tensor: Tensor | None, seen: dict[int, Any]) -> Tensor | None:
    if tensor is None or tensor.is_meta:
        return tensor
    if id(tensor) not in seen:
        empty = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
        seen[id(tensor)] = nn.Parameter(empty, False) if isinstance(tensor, nn.Parameter) else empty
    return seen[id(tensor)]


# Shapes of results -----------------------------------------------------------------------------------------

_shapes: dict[Any, Any] = {}  # torch's own shape rules take 0.3 ms an operation; networks of a space share most
_MAX_SHAPES = 50_000


def _result(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`func(*args, **kwargs)` on meta; remembers the shapes of results that are new tensors."""
    if kwargs or _aliases(func):
        return func(*args, **kwargs)
    key = (func, _signature(args))
    if key not in _shapes:
        out = func(*args)
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        _shapes[key] = _signature(out)
        return out
    return _empty(_shapes[key])


@lru_cache(maxsize=4096)
def _aliases(func: Any) -> bool:
    """Whether an operation returns or changes its arguments, or returns anything but tensors."""
    returns = func._schema.returns
    tensors_only = all(str(r.type) == "Tensor" for r in returns)
    return func._schema.is_mutable or not tensors_only or any(r.alias_info is not None for r in returns)


@dataclass(frozen=True, slots=True)
class _Form:
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype


def _signature(value: Any) -> Any:
    if isinstance(value, Tensor):
        return _Form(value.shape, value.stride(), value.dtype)
    if isinstance(value, (list, tuple)):
        return tuple(_signature(v) for v in value)
    return type(value), value


def _empty(form: Any) -> Any:
    if isinstance(form, tuple):
        return tuple(_empty(f) for f in form)
    return torch.empty_strided(form.shape, form.stride, dtype=form.dtype, device="meta")
