"""The noun `estimator`: how good is an architecture, at what price.

A zero-cost proxy, a latency model and a full training answer the same question with the same type, an `Estimate`:
a finite value, or the reason why there is none. NaN is never turned into a number.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from nassay.spaces.base import Architecture


@dataclass(frozen=True)
class Estimate:
    """What an estimator says of one architecture.

    Attributes:
        value: finite number, or None.
        reason: why there is no value, one sentence; None where there is a value.
        seconds: wall-clock price of this estimate.
        details: JSON-ready extras (learning curve, spread, settings).
    """

    value: float | None
    reason: str | None = None
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"an Estimate is a value or a reason, found {self.value=} {self.reason=}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"an Estimate's value is finite, found {self.value}; use Estimate.of")

    @classmethod
    def of(cls, value: float, *, seconds: float = 0.0, **details: Any) -> "Estimate":
        """An estimate from a raw number: NaN and infinities become reasons."""
        value = float(value)
        if math.isfinite(value):
            return cls(value, None, seconds, details)
        return cls(None, f"the value is {value}", seconds, details)

    @classmethod
    def failed(cls, reason: str, *, seconds: float = 0.0, **details: Any) -> "Estimate":
        """No value, and why."""
        return cls(None, reason, seconds, details)


@dataclass(frozen=True)
class Fidelity:
    """How thoroughly a network is trained (EcoNAS, arXiv:2001.01233: channels, resolution, samples, epochs).

    Exactly one of `epochs` and `seconds` bounds the training. Continuing from a lower to a higher bound never restarts.

    Attributes:
        epochs: passes over the (reduced) training split.
        seconds: training time, for studies under a wall-clock budget.
        channels: factor on every internal channel count.
        resolution: factor on height and width of the input.
        samples: share of the training split.
        final: whether the learning rate is brought to zero at the end of this bound.
        horizon: where a cosine learning rate comes to zero, in the unit of the bound, so that a training that stops on
            the way keeps its place in the schedule; None for a constant rate until the final bound.
    """

    epochs: float | None = None
    seconds: float | None = None
    channels: float = 1.0
    resolution: float = 1.0
    samples: float = 1.0
    final: bool = False
    horizon: float | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.seconds is None):
            raise ValueError(f"give epochs or seconds, found {self.epochs=} {self.seconds=}")
        if self.horizon is not None and (self.final or not self.horizon > 0):
            raise ValueError(f"a horizon is positive and not of a final bound, found {self.horizon=} {self.final=}")

    def __str__(self) -> str:
        """A stable key, such as `epochs=3` or `seconds=12.5,resolution=0.5,final`."""
        parts = [f"epochs={self.epochs:g}" if self.epochs is not None else f"seconds={self.seconds:g}"]
        parts += [f"{k}={v:g}" for k, v in asdict(self).items() if k in _REDUCTIONS and v != 1.0]
        parts += [f"horizon={self.horizon:g}"] if self.horizon is not None else []
        return ",".join(parts + ["final"] * self.final)


_REDUCTIONS = ("channels", "resolution", "samples")


class Estimator(ABC):
    """Anything that says how good an architecture is without being the truth itself.

    Attributes:
        name: the metric's name, with its unit.
        direction: +1 if larger is better, -1 if smaller is.
    """

    name: str
    direction: ClassVar[int] = +1

    @abstractmethod
    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """One estimate for each architecture, in order. A failing architecture is an estimate with a reason."""
