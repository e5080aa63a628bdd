"""Latency modelled from counts: linear in a few sums over the layers, fitted to a few measured networks.

latency_ms = sum_f w_f x_f with w_f >= 0 that minimise the squared relative errors (non-negative least squares),
so that small networks count as much as large ones. The idea is that of operator-wise latency tables (ProxylessNAS,
arXiv:1812.00332; nn-Meter, Zhang et al. 2021), with sums of counts in place of operators, so that some ten
networks suffice. Channels are rounded up to blocks of 16, as CPU kernels compute them.

The error is measured on networks that the fit has not seen (cross-validation) and goes with each prediction.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr
from sklearn.model_selection import KFold

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic, Layer, Profile
from nassay.estimators.base import Estimate, Estimator
from nassay.spaces.base import Architecture, Space

FEATURES = (
    "conv_macs",
    "pointwise_macs",
    "depthwise_macs",
    "vector_macs",
    "elementwise_elements",
    "operations",
    "one",
)
_BLOCK = 16  # channels
MIN_NETWORKS = 8  # to fit a model on
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class PredictionError:
    """How far predictions are from measurements, on networks left out of the fit.

    Attributes:
        mape: mean absolute relative error, 0.1 for 10 %.
        spearman: rank correlation; None where all values are equal.
        within_10: share of the networks whose prediction is at most 10 % off.
        n: number of measured networks.
    """

    mape: float
    spearman: float | None
    within_10: float
    n: int

    @classmethod
    def of(cls, predicted: np.ndarray, measured: np.ndarray) -> "PredictionError":
        """The error of predictions (n,) of positive measurements (n,)."""
        relative = np.abs(predicted - measured) / measured
        varies = np.ptp(measured) > 0 and np.ptp(predicted) > 0
        rho = float(spearmanr(predicted, measured).statistic) if varies else None
        return cls(float(relative.mean()), rho, float(np.mean(relative <= 0.1)), len(measured))


class CostModel(ABC):
    """Predicts what a network costs from its profile.

    Attributes:
        error: on networks that the model was not fitted to.
    """

    error: PredictionError

    @abstractmethod
    def predict(self, profile: Profile) -> float:
        """The cost, such as a latency in ms."""

    def estimate(self, profile: Profile) -> Estimate:
        """The cost, with the model's error in the details."""
        return Estimate.of(self.predict(profile), **asdict(self.error))


@dataclass(frozen=True)
class LatencyModel(CostModel):
    """A fitted model; `fit` makes one.

    Attributes:
        weights: ms for one unit of each of `FEATURES`.
        error: its cross-validated error.
    """

    weights: tuple[float, ...]
    error: PredictionError

    @classmethod
    def fit(cls, profiles: Sequence[Profile], latencies_ms: Sequence[float]) -> "LatencyModel":
        """Fits the model and measures its error by 10-fold cross-validation (leave-one-out below 20).

        Args:
            profiles: of the measured networks, 8 or more.
            latencies_ms: measured latency of each, positive.

        Raises:
            UserError: too few networks, unequal lengths, or a latency that is not a positive number.
        """
        y = checked_costs("latency", "latencies", profiles, latencies_ms)
        x = np.array([features(p) for p in profiles])
        return cls(tuple(nonnegative_fit(x, y).tolist()), cross_validate(x, y))

    def predict(self, profile: Profile) -> float:
        """Latency in ms."""
        return float(np.dot(self.weights, features(profile)))


def features(profile: Profile) -> np.ndarray:
    """The sums that the model is linear in, array of length `len(FEATURES)`."""
    sums = dict.fromkeys(FEATURES, 0.0) | {"one": 1.0}
    for layer in profile.layers:
        if layer.kind != "norm":  # fused into the convolution before it
            sums[_feature(layer)] += _amount(layer)
            sums["operations"] += 1
    return np.array([sums[f] for f in FEATURES])


def _feature(layer: Layer) -> str:
    if layer.macs == 0:
        return "elementwise_elements"
    if layer.out_height * layer.out_width == 1:
        return "vector_macs"  # bound by reading the weights
    if layer.kind == "depthwise":
        return "depthwise_macs"
    return "conv_macs" if layer.kind == "conv" and layer.kernel != (1, 1) else "pointwise_macs"


def _amount(layer: Layer) -> float:
    """MACs, or elements touched, with channels rounded up to whole blocks."""
    padding = _padding(layer.out_channels)
    if layer.macs == 0:
        return max(layer.bytes_in, layer.bytes_out) / 4 * padding
    if layer.kind == "conv" and layer.groups == 1 and layer.in_channels > 3:
        padding *= _padding(layer.in_channels)
    return layer.macs * padding


def _padding(channels: int) -> float:
    return -(-channels // _BLOCK) * _BLOCK / channels


def checked_costs(cost: str, costs: str, profiles: Sequence[Profile], values: Sequence[float]) -> np.ndarray:
    """The values to fit a model of a cost on, array (n,).

    Args:
        cost: what is modelled, as it reads in messages.
        costs: its plural.
        profiles: of the measured networks.
        values: the cost of each.

    Raises:
        UserError: too few networks, unequal lengths, or a value that is not a positive number.
    """
    y = np.asarray(values, dtype=float)
    if len(profiles) != len(y) or len(y) < MIN_NETWORKS:
        raise UserError(
            f"A model of {cost} needs {MIN_NETWORKS} or more networks with one {cost} each, "
            f"found {len(profiles)} networks and {len(y)} {costs}. Measure more networks."
        )
    wrong = y[~(np.isfinite(y) & (y > 0))]
    if len(wrong):
        raise UserError(f"{costs.capitalize()} must be positive numbers, found {wrong.tolist()}.")
    return y


def nonnegative_fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights >= 0, array (f,), that minimise the sum of ((x w - y) / y)^2; x is (n, f), y (n,) and positive."""
    relative = x / y[:, None]
    scale = np.linalg.norm(relative, axis=0)
    scale[scale == 0] = 1.0
    weights, _ = nnls(relative / scale, np.ones(len(y)))
    return weights / scale


def cross_validate(x: np.ndarray, y: np.ndarray) -> PredictionError:
    """The error of `nonnegative_fit` on networks left out: 10 folds, leave-one-out below 20 networks."""
    folds = KFold(_FOLDS if len(y) >= 2 * _FOLDS else len(y), shuffle=True, random_state=0)
    predicted = np.empty_like(y)
    for train, test in folds.split(x):
        predicted[test] = x[test] @ nonnegative_fit(x[train], y[train])
    return PredictionError.of(predicted, y)


class ModelledLatency(Estimator):
    """Latency in ms as a model predicts it, a few ms an architecture; no clock is asked.

    Args:
        model: a fitted model.
        space: the space of the architectures.
        details: what an estimate says beside the model's error, such as the device.
    """

    name = "latency_ms"
    direction: ClassVar[int] = -1

    def __init__(self, model: CostModel, space: Space, details: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self._profile = Analytic.of(space).profile
        self._details = dict(details or {})

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """One prediction for each architecture; details hold the model's error, as in `PredictionError`."""
        found = [self.model.estimate(self._profile(a)) for a in architectures]
        return [replace(e, details={**e.details, **self._details}) for e in found]
