"""Projection of short trainings: what a network will reach after more epochs, learned from all curves of the study.

Networks trained for equal times stand at different points of their learning curves: a small one has seen many epochs
and has levelled off, a large one is still on its way. Ranking them by what they reached so far picks networks that are
too small. So all curves are fitted together by one shape and one offset for each network,

    logit(accuracy_i(E)) = q_i + g(ln E),    g piecewise linear, never falling,

and network i is projected from where it stands: logit_i(E_T) = logit_i(E_now) + g(ln E_T) - g(ln E_now). The additive
form is ours; extrapolating learning curves to compare candidates goes back to Domhan et al. (IJCAI 2015) and Swersky
et al. (freeze-thaw, arXiv:1406.3896).

An average precision may be a thousandth for long, which is more than nothing. Points of nothing at all have no logit
and are left out of the fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

KNOTS = 7
SMOOTHNESS = 0.3  # weight of equal neighbouring slopes against the data
LOWEST, HIGHEST = 1e-5, 0.995  # accuracies are kept within these before the logit

Curve = Sequence[tuple[float, float]]  # (epochs, accuracy), at least one point


@dataclass(frozen=True)
class CurveModel:
    """The common shape g of a study's learning curves.

    Attributes:
        knots: (K,) logarithms of epochs.
        slopes: (K - 1,) of g between the knots, not negative; g goes on with the last one.
    """

    knots: np.ndarray
    slopes: np.ndarray

    @classmethod
    def fit(cls, curves: Sequence[Curve]) -> "CurveModel":
        """Fit g to several curves by least squares in the logit, offsets free.

        Raises:
            ValueError: no curve.
        """
        if not curves:
            raise ValueError("a curve model needs at least one curve")
        curves = [risen for curve in curves if (risen := [(e, a) for e, a in curve if a > LOWEST])]
        if not curves:
            return cls(np.array([0.0, 1.0]), np.zeros(1))
        epochs = np.log([e for curve in curves for e, _ in curve])
        y = _logit([a for curve in curves for _, a in curve])
        owner = np.repeat(np.arange(len(curves)), [len(curve) for curve in curves])
        knots = _knots(epochs)
        rises = _rises(epochs, knots)
        offsets = np.eye(len(curves))[owner]
        smooth = SMOOTHNESS * (np.eye(len(knots) - 1)[1:] - np.eye(len(knots) - 1)[:-1])
        matrix = np.block([[rises, offsets], [smooth, np.zeros((len(smooth), len(curves)))]])
        lower = np.concatenate([np.zeros(rises.shape[1]), np.full(len(curves), -np.inf)])
        solution = lsq_linear(matrix, np.concatenate([y, np.zeros(len(smooth))]), bounds=(lower, np.inf)).x
        return cls(knots, solution[: rises.shape[1]])

    def project(self, curve: Curve, epochs: float) -> float:
        """Projected accuracy of a network at `epochs`, from the last point of its curve and never backwards."""
        now, accuracy = curve[-1]
        ends = np.log([max(epochs, now), now])
        gain = float(np.diff(_rises(ends, self.knots)[::-1] @ self.slopes)[0])
        return float(1 / (1 + np.exp(-(_logit([accuracy])[0] + gain))))


def _logit(accuracies: Sequence[float]) -> np.ndarray:
    p = np.clip(np.asarray(accuracies, dtype=float), LOWEST, HIGHEST)
    return np.log(p / (1 - p))


def _knots(log_epochs: np.ndarray) -> np.ndarray:
    """Quantiles of the points, distinct; at least two."""
    knots = np.unique(np.quantile(log_epochs, np.linspace(0, 1, KNOTS)).round(6))
    return knots if len(knots) > 1 else np.array([knots[0], knots[0] + 1.0])


def _rises(log_epochs: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(n, K - 1): how far each point has come into each segment, so that g = rises @ slopes; the last has no end."""
    ends = np.append(knots[1:-1], np.inf)
    return np.clip(log_epochs[:, None], knots[:-1], ends) - knots[:-1]
