"""Parameters, multiply-accumulates and peak memory of a network, layer by layer, without computing anything.

The network is walked once on torch's meta device, where tensors have shapes and no data; every ATen operation
that is dispatched is one step. Rules:

- `macs`: multiply-accumulates of convolutions and matrix products (torch.utils.flop_counter's formulas, halved),
  for one input. Norms, activations, pools and additions count nothing, as is usual in the field.
- `params`: elements of all distinct parameters.
- `peak_memory_bytes`: 4 bytes x (params + the largest sum of live activation elements over the steps), for one
  input. An activation lives from the step that writes it to the last step that reads it; the input and the output
  are activations. A norm or an elementwise operation writes over an input that nobody reads later, as inference
  runtimes do by fusion. Workspaces of single kernels (im2col, Winograd) are not counted.
"""

import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

from nassay.errors import UserError
from nassay.estimators.base import Estimate, Estimator
from nassay.spaces.base import Architecture, Space

BYTES = 4  # float32


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation of a network, for one input.

    Attributes:
        name: path of the innermost module that ran the operation ("" for the network itself).
        kind: "conv", "depthwise", "linear", "matmul", "norm", "activation", "pool", "add", "mul", "concat", or
            the ATen operation's own name.
        kernel, stride: of a convolution, else ().
        groups: of a convolution, else 1.
        in_channels, out_channels: of the first input and of the output.
        out_height, out_width: of the output; 1 where it has no such dimension.
        macs: multiply-accumulates.
        params: elements of the parameters that are read here first.
        bytes_in, bytes_out: activations read and written, float32.
    """

    name: str
    kind: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    in_channels: int
    out_channels: int
    out_height: int
    out_width: int
    macs: int
    params: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Totals of a network for one input and its layers in order; the rules are in the module's docstring."""

    params: int
    macs: int
    peak_memory_bytes: int
    layers: tuple[Layer, ...]


def profile(network: nn.Module, input_shape: Sequence[int]) -> Profile:
    """Counts a network in evaluation mode; the module, its hooks and the random state are left alone.

    Args:
        network: any module from one (1, *input_shape) tensor to tensors, on any device, meta included.
        input_shape: shape of one input without the batch dimension, such as (C, H, W).

    Raises:
        UserError: an operation applies weights in a way that has no counting rule.
    """
    meta: dict[int, Any] = {}
    shadow = _shadow(network, meta)
    parameters = list(shadow.parameters())
    walk = _Walk(parameters, list(shadow.buffers()))
    for name, module in shadow.named_modules():
        module.register_forward_pre_hook(lambda *_, name=name: walk.names.append(name))
        module.register_forward_hook(lambda *_: walk.leave())
    images = torch.empty(1, *input_shape, device="meta")
    with torch.no_grad(), walk:
        outputs = shadow(images)
    params = sum(p.numel() for p in parameters)
    return Profile(
        params=params,
        macs=sum(layer.macs for layer in walk.layers),
        peak_memory_bytes=BYTES * (params + _peak(walk.steps, images, outputs)),
        layers=tuple(walk.layers),
    )


def _shadow(module: nn.Module, meta: dict[int, Any]) -> nn.Module:
    """A module tree of the same classes and attributes, on meta, in evaluation mode, without hooks."""
    if id(module) in meta:
        return meta[id(module)]
    shadow = meta[id(module)] = module.__class__.__new__(module.__class__)
    shadow.__dict__.update(module.__dict__)
    fresh = {k: type(v)() for k, v in module.__dict__.items() if k.endswith("_hooks") and isinstance(v, dict)}
    shadow.__dict__.update(
        fresh,
        training=False,
        _parameters={k: _on_meta(p, meta) for k, p in module._parameters.items()},
        _buffers={k: _on_meta(b, meta) for k, b in module._buffers.items()},
        _modules={k: m and _shadow(m, meta) for k, m in module._modules.items()},
    )
    return shadow


def _on_meta(tensor: Tensor | None, meta: dict[int, Any]) -> Tensor | None:
    if tensor is None:
        return None
    if id(tensor) not in meta:
        empty = torch.empty_like(tensor, device="meta")
        meta[id(tensor)] = (
            nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
        )
    return meta[id(tensor)]


@dataclass(frozen=True, slots=True)
class _Step:
    """What one operation reads and writes: storage -> elements."""

    reads: dict[int, int]
    writes: dict[int, int]
    overwrites: bool


class _Walk(TorchDispatchMode):
    """Records a `_Step` and a `Layer` for every operation on activations.

    Tensors that follow from weights alone (a transposed or standardised kernel) are weights again.
    """

    def __init__(self, parameters: Sequence[Tensor], buffers: Sequence[Tensor]) -> None:
        super().__init__()
        self.names: list[str] = []
        self.steps: list[_Step] = []
        self.layers: list[Layer] = []
        self._alive: list[Tensor] = []  # keeps storages, so that their addresses stay unique
        self._uncounted = {_storage(b): 0 for b in buffers} | {_storage(p): p.numel() for p in parameters}

    def leave(self) -> None:
        """A module's forward is over."""
        self.names.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs = [t for t in tree_iter((args, kwargs)) if isinstance(t, Tensor)]
        outputs = [t for t in tree_iter(out) if isinstance(t, Tensor)]
        self._alive += outputs
        activations = [t for t in inputs if _storage(t) not in self._uncounted]
        if not activations:
            params = sum(self._take(t) for t in inputs)
            self._uncounted.update({_storage(t): params for t in outputs})
        elif {_storage(t) for t in outputs} - {_storage(t) for t in inputs} or _is_elementwise(func):
            self._record(func, args, kwargs or {}, inputs, activations, outputs)
        return out

    def _record(
        self,
        func: Any,
        args: Any,
        kwargs: Any,
        inputs: list[Tensor],
        activations: list[Tensor],
        outputs: list[Tensor],
    ) -> None:
        weighted = len(activations) < len(inputs)
        kind = _kind(func, args, weighted)
        formula = flop_registry.get(func._overloadpacket)
        fuses = _is_elementwise(func) or kind == "norm"
        if weighted and formula is None and not fuses and kind not in _WEIGHTED_WITHOUT_MACS:
            raise UserError(
                f"{self.names[-1] or 'The network'} applies weights by the operation {func}, for which no rule "
                "counts multiply-accumulates. Use convolutions, linear layers or matrix products instead."
            )
        reads = {_storage(t): t.untyped_storage().nbytes() // t.element_size() for t in activations}
        writes = {_storage(t): t.numel() for t in outputs}
        self.steps.append(_Step(reads, writes, fuses))
        _, in_channels, _, _ = _shape(activations[0])
        _, out_channels, out_height, out_width = _shape(outputs[0])
        is_conv = kind in ("conv", "depthwise")
        self.layers.append(
            Layer(
                name=self.names[-1] if self.names else "",
                kind=kind,
                kernel=tuple(args[1].shape[2:]) if is_conv else (),
                stride=tuple(args[3]) if is_conv else (),
                groups=args[8] if is_conv else 1,
                in_channels=in_channels,
                out_channels=out_channels,
                out_height=out_height,
                out_width=out_width,
                macs=formula(*args, **kwargs, out_val=outputs[0]) // 2 if formula else 0,
                params=sum(self._take(t) for t in inputs),
                bytes_in=BYTES * sum(t.numel() for t in activations),
                bytes_out=BYTES * outputs[0].numel(),
            )
        )

    def _take(self, tensor: Tensor) -> int:
        """Elements of the parameter behind a tensor, the first time it is read."""
        key = _storage(tensor)
        count = self._uncounted.get(key, 0)
        if count:
            self._uncounted[key] = 0
        return count


_HARDSWISH = torch.ops.aten.hardswish  # elementwise, but torch does not tag it so
_WEIGHTED_WITHOUT_MACS = ("embedding", "index", "concat", "clone")
_KINDS = {
    "addmm": "linear", "mm": "linear", "bmm": "matmul", "baddbmm": "matmul", "mean": "pool", "cat": "concat",
    "add": "add", "sub": "add", "mul": "mul", "div": "mul",
}  # fmt: skip


def _kind(func: Any, args: Any, weighted: bool) -> str:
    name = func._overloadpacket.__name__.strip("_")
    if name == "convolution":
        return "depthwise" if 1 < args[8] == args[0].shape[1] else "conv"
    if "norm" in name:
        return "norm"
    if "pool" in name:
        return "pool"
    if name in ("mm", "addmm") and not weighted:
        return "matmul"
    return _KINDS.get(name) or ("activation" if _is_elementwise(func) else name)


def _is_elementwise(func: Any) -> bool:
    return torch.Tag.pointwise in func.tags or func._schema.is_mutable or func._overloadpacket is _HARDSWISH


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _shape(tensor: Tensor) -> tuple[int, int, int, int]:
    """(B, C, H, W); tokens (B, N, C) and vectors (B, C) read as images of one row."""
    if tensor.dim() == 4:
        b, c, h, w = tensor.shape
        return b, c, h, w
    return (
        (tensor.shape[0] if tensor.dim() else 1),
        (tensor.shape[-1] if tensor.dim() else 1),
        1,
        prod(tensor.shape[1:-1]),
    )


def _peak(steps: Sequence[_Step], images: Tensor, outputs: Any) -> int:
    """Largest number of live activation elements over the steps."""
    last = {key: i for i, step in enumerate(steps) for key in step.reads}
    last |= {_storage(t): len(steps) for t in tree_iter(outputs) if isinstance(t, Tensor)}
    live = {_storage(images): images.numel()}
    peak = images.numel()
    for i, step in enumerate(steps):
        written = {key: n for key, n in step.writes.items() if key not in live and last.get(key, -1) > i}
        dying = [live[key] for key in step.reads if key in live and last[key] == i]
        reused = max((n for n in dying if step.overwrites and n <= sum(written.values())), default=0)
        peak = max(peak, sum(live.values()) + sum(written.values()) - reused)
        live = {key: n for key, n in (live | written).items() if last.get(key, -1) > i}
    return peak


# Estimators over a space ----------------------------------------------------------------------------------


class Analytic:
    """Profiles of a space's architectures, each computed once; `Analytic.of(space)` is the shared instance."""

    _shared: ClassVar[weakref.WeakKeyDictionary[Space, "Analytic"]] = weakref.WeakKeyDictionary()

    def __init__(self, space: Space) -> None:
        self._space = weakref.ref(space)
        self._totals: dict[Architecture, dict[str, int]] = {}
        self._profile = lru_cache(maxsize=256)(self._build_and_profile)

    @classmethod
    def of(cls, space: Space) -> "Analytic":
        """The one instance that belongs to a space."""
        if space not in cls._shared:
            cls._shared[space] = cls(space)
        return cls._shared[space]

    def profile(self, architecture: Architecture) -> Profile:
        """The profile of an architecture; the last 256 are kept."""
        return self._profile(self._of_space().canonical(architecture))

    def totals(self, architecture: Architecture) -> dict[str, int]:
        """`params`, `macs` and `peak_memory_bytes` of an architecture; all are kept."""
        canonical = self._of_space().canonical(architecture)
        if canonical not in self._totals:
            found = self._profile(canonical)
            self._totals[canonical] = {
                "params": found.params,
                "macs": found.macs,
                "peak_memory_bytes": found.peak_memory_bytes,
            }
        return self._totals[canonical]

    def _of_space(self) -> Space:
        space = self._space()
        assert space is not None, "the space is gone"
        return space

    def _build_and_profile(self, architecture: Architecture) -> Profile:
        space = self._of_space()
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = space.build(architecture)
        return profile(network, space.input_shape)


class _Total(Estimator):
    """One total of the analytic profile."""

    direction: ClassVar[int] = -1

    def __init__(self, space: Space) -> None:
        self.space = space

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """The exact count for each architecture."""
        return [self._estimate(a) for a in architectures]

    def _estimate(self, architecture: Architecture) -> Estimate:
        start = time.perf_counter()
        value = Analytic.of(self.space).totals(architecture)[self.name]
        return Estimate.of(value, seconds=time.perf_counter() - start)


class Params(_Total):
    """Number of parameters."""

    name = "params"


class Macs(_Total):
    """Multiply-accumulates for one input."""

    name = "macs"


class PeakMemory(_Total):
    """Analytic peak memory of inference for one input, in bytes, float32."""

    name = "peak_memory_bytes"
