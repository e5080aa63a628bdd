"""FLASH's accuracy predictor: a curve with three parameters over NN-Degree, fitted to some 25 trained networks.

    theta_A(g) = 1 / (a exp(b / g) + c),   a, b, c >= 0

It never falls in g and tends to 1 / (a + c). Li et al. 2021, arXiv:2108.00568; the form is remembered, the paper's text
could not be read. Fitted anew for each task and family of networks, by bounded least squares; the bounds keep the
prediction within 0..1: a + c >= 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from nassay.errors import UserError

MIN_NETWORKS = 4  # one more than there are parameters
LARGEST_EXPONENT = 8.0  # of b / g at the smallest g: e^8 is a factor of 3,000 between accuracies
STARTS = (0.1, 1.0, 3.0)  # exponents that the fit begins with


@dataclass(frozen=True, slots=True)
class DegreeAccuracy:
    """A fitted predictor; `fit` makes one.

    Attributes:
        a: weight of the part that falls with g.
        b: NN-Degree at which that part is e times its limit.
        c: the rest of the limit's inverse.
        rmse: root of the mean squared error on the networks of the fit.
        rise: how far the prediction rises over those networks, from the smallest NN-Degree to the largest.
    """

    a: float
    b: float
    c: float
    rmse: float
    rise: float

    @classmethod
    def fit(cls, degrees: Sequence[float], accuracies: Sequence[float]) -> "DegreeAccuracy":
        """Bounded least squares from a few starts; the best is kept.

        With u = a + c >= 1 the inverse of the limit and s the share of a in it, 1 / theta = u (1 + s (e^(b/g) - 1)).

        Args:
            degrees: (n,) NN-Degrees, positive.
            accuracies: (n,) in 0..1.

        Raises:
            UserError: fewer than 4 networks, unequal lengths, or values out of range.
        """
        g, y = np.asarray(degrees, dtype=float), np.asarray(accuracies, dtype=float)
        if len(g) != len(y) or len(g) < MIN_NETWORKS:
            raise UserError(
                f"The predictor needs {MIN_NETWORKS} or more networks with one accuracy each, "
                f"found {len(g)} networks and {len(y)} accuracies. Train more networks."
            )
        if not (np.isfinite(g) & (g > 0)).all() or not ((y >= 0) & (y <= 1)).all():
            raise UserError("NN-Degrees must be positive and accuracies between 0 and 1; found others.")

        def residuals(p: np.ndarray) -> np.ndarray:
            return 1 / (p[0] * (1 + p[1] * np.expm1(p[2] * g.min() / g))) - y

        bounds = ([1.0, 0.0, 0.0], [np.inf, 1.0, LARGEST_EXPONENT])
        inverse = 1 / max(float(y.max()), 1e-3)
        fits = [least_squares(residuals, [max(inverse, 1.0), 0.5, s], bounds=bounds, x_scale="jac") for s in STARTS]
        best = min(fits, key=lambda fitted: float(fitted.cost))
        inverse, share, exponent = (float(v) for v in best.x)
        predicted = y + best.fun
        rmse = float(np.sqrt(np.mean(best.fun**2)))
        return cls(inverse * share, exponent * float(g.min()), inverse * (1 - share), rmse, float(np.ptp(predicted)))

    def predict(self, degrees: Sequence[float] | np.ndarray | float) -> np.ndarray:
        """theta_A of each NN-Degree, array of the same shape."""
        return 1 / (self.a * np.exp(self.b / np.asarray(degrees, dtype=float)) + self.c)
