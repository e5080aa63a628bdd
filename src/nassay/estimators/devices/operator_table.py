"""Latency by operators: a table of timed operators, and what lies between its entries.

A network's operators are what a runtime executes: a convolution with the norm and the activation that follow it is
one. An operator that was timed is looked up (operator-wise tables as in ProxylessNAS, arXiv:1812.00332, and
once-for-all, arXiv:1908.09791); the time of another one of its kind is predicted from its size, as nn-Meter (Zhang et
al. 2021) does with a regression for each kind of kernel. Here that is a Gaussian process on logarithms: a power law,
and smooth deviations from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import prod
from typing import Any

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from nassay.errors import UserError
from nassay.estimators.analytic import Layer, Profile

KINDS = ("conv", "pointwise", "depthwise", "vector", "pool", "elementwise")
SMALLEST_MS = 1e-3  # what is timed as less is lost in the clock
_FUSED = ("conv", "depthwise", "linear", "matmul")  # an activation behind one of these costs nothing


@dataclass(frozen=True, slots=True, order=True)
class Operator:
    """What decides the time of one operation on one input.

    Attributes:
        kind: one of `KINDS`: convolutions by window and grouping, `vector` for products on a single position, pools,
            and everything without multiply-accumulates.
        kernel: (height, width) of a convolution's window, else (1, 1).
        stride: (height, width) of a convolution, else (1, 1).
        groups: of a convolution, else 1.
        in_channels: of the first input.
        out_channels: of the output.
        in_positions: height x width of the first input.
        out_positions: height x width of the output.
    """

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    groups: int
    in_channels: int
    out_channels: int
    in_positions: int
    out_positions: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates; 0 for pools and elementwise operations."""
        if self.kind in ("pool", "elementwise"):
            return 0
        return prod(self.kernel) * self.in_channels * self.out_channels * self.out_positions // self.groups

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> "Operator":
        """Inverse of `to_json`; what else the form holds is ignored."""
        values: dict[str, Any] = {f.name: tuple(v) if isinstance(v := form[f.name], list) else v for f in fields(cls)}
        return cls(**values)


def operators(profile: Profile) -> list[Operator]:
    """The operators of a network in the order in which they run; norms and activations are fused."""
    found: list[Operator] = []
    before = ""
    for layer in profile.layers:
        if layer.kind == "norm" or (layer.kind == "activation" and before in _FUSED):
            continue
        before = layer.kind
        found.append(_operator(layer))
    return found


def _operator(layer: Layer) -> Operator:
    kind, out_positions = _kind(layer), layer.out_height * layer.out_width
    elements_in = layer.bytes_in // 4
    # an operation on several inputs is told by its output; a convolution has one input
    in_positions = max(1, elements_in // layer.in_channels) if layer.macs or kind == "pool" else out_positions
    return Operator(
        kind=kind,
        kernel=_pair(layer.kernel),
        stride=_pair(layer.stride),
        groups=layer.groups,
        in_channels=layer.in_channels,
        out_channels=layer.out_channels,
        in_positions=in_positions,
        out_positions=out_positions,
    )


def _pair(sides: tuple[int, ...]) -> tuple[int, int]:
    return (sides[0], sides[-1]) if sides else (1, 1)


def _kind(layer: Layer) -> str:
    if layer.macs == 0:
        return "pool" if layer.kind == "pool" else "elementwise"
    if layer.out_height * layer.out_width == 1:
        return "vector"
    if layer.kind == "depthwise":
        return "depthwise"
    return "conv" if layer.kind == "conv" and layer.kernel != (1, 1) else "pointwise"


class OperatorTable:
    """Timed operators, and predictions of others.

    Args:
        timed_ms: milliseconds of each timed operator, what an empty model takes already taken off.

    Raises:
        UserError: there are none.
    """

    def __init__(self, timed_ms: Mapping[Operator, float]) -> None:
        if not timed_ms:
            raise UserError("The table of operators is empty. Measure the device again, with some operators.")
        self._known = {operator: max(ms, SMALLEST_MS) for operator, ms in timed_ms.items()}
        self._models = {kind: _fitted(entries) for kind, entries in _by_kind(self._known.items()).items()}

    def times_ms(self, found: Sequence[Operator]) -> np.ndarray:
        """(n,) milliseconds of each operator: as timed, else as predicted."""
        missing = {o: 0.0 for o in found if o not in self._known}
        for kind, members in _by_kind(missing.items()).items():
            asked = [o for o, _ in members]
            model = self._models.get(kind)
            # a kind that was never timed is left to the correction, which counts operators
            times = np.exp(model.predict(_sizes(asked))) if model is not None else np.zeros(len(asked))
            self._known.update(zip(asked, times.tolist(), strict=True))
        return np.array([self._known[o] for o in found])

    def sums(self, profile: Profile) -> np.ndarray:
        """(len(KINDS),) milliseconds of a network by kind of operator."""
        found = operators(profile)
        times = self.times_ms(found)
        sums = dict.fromkeys(KINDS, 0.0)
        for operator, ms in zip(found, times, strict=True):
            sums[operator.kind] += float(ms)
        return np.array(list(sums.values()))


def _by_kind(entries: Iterable[tuple[Operator, float]]) -> dict[str, list[tuple[Operator, float]]]:
    found: dict[str, list[tuple[Operator, float]]] = {}
    for operator, ms in entries:
        found.setdefault(operator.kind, []).append((operator, ms))
    return found


def _fitted(entries: Sequence[tuple[Operator, float]]) -> Pipeline:
    """Logarithms of sizes to the logarithm of milliseconds; the kernel is fixed, so that fits never differ."""
    kernel = DotProduct(1.0) + ConstantKernel(0.3) * RBF(1.5) + WhiteKernel(0.01)
    process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True)
    model = make_pipeline(StandardScaler(), process)
    return model.fit(_sizes([o for o, _ in entries]), np.log([ms for _, ms in entries]))


def _sizes(found: Sequence[Operator]) -> np.ndarray:
    """(n, 8) logarithms of what an operator's time depends on."""
    rows = [
        (
            o.macs + 1,
            o.in_channels * o.in_positions,
            o.out_channels * o.out_positions,
            o.in_channels,
            o.out_channels,
            o.out_positions,
            prod(o.kernel),
            prod(o.stride),
        )
        for o in found
    ]
    return np.log2(np.array(rows, dtype=float))
