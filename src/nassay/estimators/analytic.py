"""Parameters, multiply-accumulates and peak memory of a network, layer by layer, without computing anything.

The network is traced once on torch's meta device; every ATen operation on activations is one step. Rules:

- `macs`: multiply-accumulates of convolutions and matrix products (torch.utils.flop_counter's formulas,
  halved) for one input. Norms, activations, pools and additions count nothing, as is usual in the field.
- `params`: elements of all distinct parameters.
- `peak_memory_bytes`: 4 bytes x (params + the largest sum of live activation elements over the steps) for one
  input. An activation lives from the step that writes it to the last step that reads it; input and output are
  activations. A norm or an elementwise operation writes over an input that nobody reads later, as runtimes do
  by fusion. Workspaces of single kernels (im2col, Winograd) are not counted.
"""

import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from nassay.errors import UserError
from nassay.estimators.base import Estimate, Estimator
from nassay.estimators.trace import Operation, Trace, storage, trace
from nassay.spaces.base import Architecture, Layout, Piece, Shape, Space
from nassay.spaces.network import read_maps

BYTES = 4  # float32


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation of a network, for one input.

    Attributes:
        name: path of the innermost module that ran the operation ("" for the network itself).
        kind: "conv", "depthwise", "linear", "matmul", "norm", "activation", "pool", "add", "mul", "concat",
            or the ATen operation's own name.
        kernel: (height, width) of a convolution, else ().
        stride: (height, width) of a convolution, else ().
        groups: of a convolution, else 1.
        in_channels: of the first activation that is read.
        out_channels: of the output.
        out_height: of the output; 1 where it has no such dimension.
        out_width: of the output; 1 where it has no such dimension.
        macs: multiply-accumulates.
        params: elements of the parameters that are read here first.
        bytes_in: activations read, float32.
        bytes_out: activations written, float32.
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
    """Totals of a network for one input, and its layers in the order in which they run."""

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
    return _profile(trace(network, input_shape))


def _profile(record: Trace, kept: bool = False) -> Profile:
    steps = _steps(record)
    params = sum(p.numel() for p in record.parameters)
    layers = tuple(_layer(step) for step in steps)
    return Profile(
        params=params,
        macs=sum(layer.macs for layer in layers),
        peak_memory_bytes=BYTES * (params + _peak(steps, record, kept)),
        layers=layers,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """An operation on activations, and the number of parameters that it is the first to read."""

    operation: Operation
    activations: tuple[Tensor, ...]
    params: int


def _steps(record: Trace) -> list[_Step]:
    """The operations on activations; what follows from weights alone (a transposed kernel) is a weight."""
    uncounted = {storage(b): 0 for b in record.buffers} | {storage(p): p.numel() for p in record.parameters}
    steps = []
    for operation in record.operations:
        keys = [storage(t) for t in operation.inputs]
        written = [storage(t) for t in operation.outputs]
        activations = tuple(t for t, key in zip(operation.inputs, keys, strict=True) if key not in uncounted)
        is_view = set(written) <= set(keys) and not operation.func._schema.is_mutable
        if activations and is_view:
            continue
        params = 0
        for key in keys:
            params += uncounted.get(key, 0)
            uncounted.update({key: 0} if key in uncounted else {})
        if activations:
            steps.append(_Step(operation, activations, params))
        else:
            uncounted.update(dict.fromkeys(written, 0) | dict.fromkeys(written[:1], params))
    return steps


def _layer(step: _Step) -> Layer:
    operation = step.operation
    weighted = len(step.activations) < len(operation.inputs)
    kind = _kind(operation, weighted)
    formula = flop_registry.get(operation.func._overloadpacket)
    if weighted and formula is None and kind not in _WEIGHTED_WITHOUT_MACS:
        raise UserError(
            f"{operation.module or 'The network'} applies weights by {operation.func}; no rule counts its "
            "multiply-accumulates. Use convolutions, linear layers or matrix products instead."
        )
    is_conv = kind in ("conv", "depthwise")
    out_channels, out_height, out_width = _image(operation.outputs[0])
    macs = formula(*operation.args, **operation.kwargs, out_val=operation.out) // 2 if formula else 0
    return Layer(
        name=operation.module,
        kind=kind,
        kernel=tuple(operation.args[1].shape[2:]) if is_conv else (),
        stride=tuple(operation.args[3]) if is_conv else (),
        groups=operation.args[8] if is_conv else 1,
        in_channels=_image(step.activations[0])[0],
        out_channels=out_channels,
        out_height=out_height,
        out_width=out_width,
        macs=macs,
        params=step.params,
        bytes_in=BYTES * sum(t.numel() for t in step.activations),
        bytes_out=BYTES * operation.outputs[0].numel(),
    )


_WEIGHTED_WITHOUT_MACS = ("norm", "activation", "add", "mul", "concat", "embedding", "index")
_KINDS = {
    "convolution": "conv",
    "addmm": "linear",
    "mm": "linear",
    "bmm": "matmul",
    "baddbmm": "matmul",
    "mean": "pool",
    "cat": "concat",
    "add": "add",
    "sub": "add",
    "mul": "mul",
    "div": "mul",
}


def _kind(operation: Operation, weighted: bool) -> str:
    name, kind = _named(operation.func)
    if name == "convolution" and 1 < operation.args[8] == operation.args[0].shape[1]:
        return "depthwise"
    if kind == "linear" and not weighted:
        return "matmul"
    return kind


@lru_cache(maxsize=4096)
def _named(func: Any) -> tuple[str, str]:
    """An operation's plain name and the kind that it stands for."""
    name = func._overloadpacket.__name__.strip("_")
    for kind in ("norm", "pool"):
        if kind in name:
            return name, kind
    return name, _KINDS.get(name) or ("activation" if _is_elementwise(func) else name)


@lru_cache(maxsize=4096)
def _is_elementwise(func: Any) -> bool:
    # torch does not tag hardswish and the operations that change their input
    untagged = func._schema.is_mutable or func._overloadpacket is torch.ops.aten.hardswish
    return torch.Tag.pointwise in func.tags or untagged


def _image(tensor: Tensor) -> tuple[int, int, int]:
    """(C, H, W) of a tensor; vectors (B, C) and tokens (B, N, C) read as an image of one row."""
    if tensor.dim() == 4:
        return tensor.shape[1], tensor.shape[2], tensor.shape[3]
    return (tensor.shape[-1] if tensor.dim() else 1), 1, prod(tensor.shape[1:-1])


def _peak(steps: Sequence[_Step], record: Trace, kept: bool) -> int:
    """Largest number of live activation elements over the steps; the input is `kept` to the end, or to its last use."""
    reads = [{storage(t) for t in step.activations} for step in steps]
    last = {key: i for i, keys in enumerate(reads) for key in keys}
    ends = [*record.outputs, *([record.images] if kept else [])]
    last |= dict.fromkeys([storage(t) for t in ends], len(steps))
    live = {storage(record.images): record.images.numel()}
    peak = record.images.numel()
    for i, step in enumerate(steps):
        operation = step.operation
        outputs = {storage(t): t.numel() for t in operation.outputs if last.get(storage(t), -1) > i}
        written = {key: n for key, n in outputs.items() if key not in live}
        fuses = _is_elementwise(operation.func) or _named(operation.func)[1] == "norm"
        ending = [live[key] for key in reads[i] if last[key] == i and key in live]  # a constant does not live anywhere
        free = [n for n in ending if fuses and n <= sum(written.values())]
        peak = max(peak, sum(live.values()) + sum(written.values()) - max(free, default=0))
        live = {key: n for key, n in (live | written).items() if last.get(key, -1) > i}
    return peak


# Estimators over a space -----------------------------------------------------------------------------------


class Analytic:
    """Profiles of a space's architectures, each computed once; estimators share `Analytic.of(space)`."""

    _shared: ClassVar["weakref.WeakKeyDictionary[Space, Analytic]"] = weakref.WeakKeyDictionary()

    def __init__(self, space: Space) -> None:
        self._space = weakref.ref(space)
        self._totals: dict[Architecture, dict[str, int]] = {}
        self._profile = lru_cache(maxsize=256)(self._assemble)
        self._parts: dict[Any, tuple[Profile, tuple[int, ...]]] = {}

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

    def _assemble(self, architecture: Architecture) -> Profile:
        """The profile of the chain of pieces; a piece is traced once for each input size that it meets."""
        space = self._of_space()
        layout = space.layout(architecture)
        parts: list[Profile] = []
        shapes: list[Shape] = []  # of the last map of each size
        waiting: list[int] = []  # elements of maps that lie there for the head while a part runs
        shape: Shape = space.input_shape
        reads_all = space.reads_all_sizes(layout)
        for piece in layout.body:
            waiting.append(sum(map(prod, shapes[:-1])) if reads_all else 0)
            before, (part, shape) = shape, self._part(piece, shape)
            if reads_all and shapes and shape[1:] != before[1:]:  # the input is the last map of its size
                part, _ = self._part(piece, before, kept=True)
            parts.append(part)
            if shapes and shapes[-1][1:] == shape[1:]:
                shapes.pop()
            shapes.append(shape)
        parts.append(self._end(layout, tuple(shapes)) if reads_all else self._pooled_linear(layout.channels, shape))
        waiting.append(0)
        params = sum(part.params for part in parts)
        return Profile(
            params=params,
            macs=sum(part.macs for part in parts),
            # the output of a piece is the input of the next: what lives inside one piece, and waits, is all that lives
            peak_memory_bytes=BYTES * params
            + max(p.peak_memory_bytes + BYTES * (held - p.params) for p, held in zip(parts, waiting, strict=True)),
            layers=tuple(layer for part in parts for layer in part.layers),
        )

    def _pooled_linear(self, channels: int, shape: Shape) -> Profile:
        """The profile of the default head."""
        space = self._of_space()
        head = Piece(("head", channels, space.num_outputs), partial(space.pooled_linear, channels))
        return self._part(head, shape)[0]

    def _end(self, layout: Layout, shapes: tuple[Shape, ...]) -> Profile:
        """The profile of neck and head on maps of these shapes."""
        make = partial(_End, self._of_space(), layout, shapes)
        key = ("end", layout.neck and layout.neck.key, shapes)
        return self._part(Piece(key, make), (sum(map(prod, shapes)),))[0]

    def _part(self, piece: Piece, shape: tuple[int, ...], *, kept: bool = False) -> tuple[Profile, Any]:
        """Profile and output shape of one piece on inputs of a shape, which may have to be kept to the end."""
        key = (piece.key, shape, kept)
        if key not in self._parts:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                module = piece.make()
            record = trace(module, shape)
            self._parts[key] = _profile(record, kept), tuple(record.outputs[0].shape[1:])
        return self._parts[key]


class _End(nn.Module):
    """Neck and head of a network, on the maps of all sizes behind one another in one row."""

    def __init__(self, space: Space, layout: Layout, shapes: tuple[Shape, ...]) -> None:
        super().__init__()
        self.shapes = shapes
        self.neck = None if layout.neck is None else layout.neck.make(shapes)
        self.head = space.make_head(layout, shapes)

    def forward(self, row: Tensor) -> Tensor:
        """(B, elements of all maps) -> outputs of the head."""
        parts = row.split([prod(shape) for shape in self.shapes], dim=1)
        maps = [part.view(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return read_maps(maps, self.neck, self.head)


class _Total(Estimator):
    """One total of the analytic profile."""

    direction: ClassVar[int] = -1

    def __init__(self, space: Space) -> None:
        self.space = space

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """The exact count for each architecture, or why it cannot be counted."""
        return [self._estimate(a) for a in architectures]

    def _estimate(self, architecture: Architecture) -> Estimate:
        start = time.perf_counter()
        try:
            value = Analytic.of(self.space).totals(architecture)[self.name]
        except UserError as error:
            return Estimate.failed(str(error), seconds=time.perf_counter() - start)
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
