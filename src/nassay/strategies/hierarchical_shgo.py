"""FLASH's optimiser: simplicial homology global optimisation of skip networks, first coarse, then fine.

    maximise  ln theta(g) - sum_k alpha_k ln cost_k    subject to  cost_k <= limit_k

1. Coarse: the width multiplier, and one depth and one number of skip connections that all cells share.
2. Fine: the multiplier kept; depth and skip connections of each cell in a box around the coarse optimum.
3. Whole: of the networks around the fine optimum, the best that keeps the limits; again around that one, until none is
   better.

Sizes are real numbers until the last step: rounding inside the objective would make plateaus on which a local minimiser
stands still. Li, Mandal, Ogras & Marculescu 2021, arXiv:2108.00568, with `scipy.optimize.shgo` (Endres, Sandrock &
Focke 2018, doi:10.1007/s10898-018-0645-y); the paper's text could not be read, the levels and the third step are ours.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import Bounds, shgo

from nassay.estimators.devices.linear_cost import Totals, skip_net_totals
from nassay.estimators.topology.nn_degree import nn_degree, skip_links
from nassay.spaces.base import Architecture
from nassay.spaces.skip_nets import BASE_WIDTHS, DEPTHS, MOST_SKIPS, MULTIPLIERS, NUM_CELLS, SkipNets

COARSE_POINTS, FINE_POINTS = 32, 65  # that SHGO samples; a box of six sides has 64 corners and a middle
BOX = (3.0, 0.2)  # half sides of the fine level: layers, share of the skip connections
LOCAL_STEPS = 40  # of the local minimiser
ROUNDS = 30  # of the last step, at most
_AROUND = np.array(list(product((0, -1, 1), repeat=1 + 2 * NUM_CELLS)), dtype=float)
UNIT = np.array([MULTIPLIERS[1] - MULTIPLIERS[0], *[1.0] * (2 * NUM_CELLS)])
LOW = np.array([MULTIPLIERS[0], *[DEPTHS[0]] * NUM_CELLS, *[0.0] * NUM_CELLS])
HIGH = np.array([MULTIPLIERS[-1], *[DEPTHS[-1]] * NUM_CELLS, *[float(MOST_SKIPS)] * NUM_CELLS])

Cost = Callable[[Totals], np.ndarray]


class HierarchicalShgo:
    """The best skip network by a predictor and closed-form costs.

    A point is an array (7,): width multiplier, three depths, three numbers of skip connections; points may be stacked,
    (..., 7).

    Args:
        space: family, input shape and number of outputs.
        theta: predicted accuracy from NN-Degree, positive; both arrays of one shape.
        costs: by name, positive; each from the totals of networks.
        limits: upper limits, by cost.
        exponents: alpha_k, by cost; none by default, so that only the limits count.

    Attributes:
        evaluations: points that SHGO has looked at so far.
    """

    def __init__(
        self,
        space: SkipNets,
        theta: Callable[[np.ndarray], np.ndarray],
        costs: Mapping[str, Cost],
        *,
        limits: Mapping[str, float],
        exponents: Mapping[str, float] | None = None,
    ) -> None:
        self.space, self.theta = space, theta
        self._limits = [(costs[name], limit) for name, limit in limits.items()]
        self._prices = [(costs[name], alpha) for name, alpha in (exponents or {}).items()]
        self.evaluations = 0

    def objective(self, points: np.ndarray, *, whole: bool = False) -> np.ndarray:
        """What is maximised, array (...) for points (..., 7); `whole` for channels as they are built, rounded."""
        widths, depths, skips = _sizes(points, whole)
        value = np.log(self.theta(nn_degree(widths, depths, skip_links(widths, skips, concat=self.space.concat))))
        if self._prices:
            totals = skip_net_totals(self.space, widths, depths, skips)
            value = value - sum(alpha * np.log(cost(totals)) for cost, alpha in self._prices)
        return np.asarray(value)

    def slack(self, points: np.ndarray, *, whole: bool = False) -> np.ndarray:
        """How much of each limit is left, array (..., limits): 1 - cost / limit, negative where it is broken."""
        if not self._limits:
            return np.zeros((*np.shape(points)[:-1], 0))
        totals = skip_net_totals(self.space, *_sizes(points, whole))
        return np.stack([1 - cost(totals) / limit for cost, limit in self._limits], -1)

    def search(self, seen: Collection[Architecture] = ()) -> Architecture | None:
        """The best network found; None where no network that was looked at keeps the limits.

        Args:
            seen: networks that are not wanted; the best other one around the optimum is returned.
        """
        low, high = np.array([MULTIPLIERS[0], DEPTHS[0], 0.0]), np.array([MULTIPLIERS[-1], DEPTHS[-1], 1.0])
        coarse = self._shgo(low, high, COARSE_POINTS, lambda u: u[[0, 1, 1, 1, 2, 2, 2]])
        here = low[[0, 1, 1, 1, 2, 2, 2]] if coarse is None else coarse
        reach = np.repeat(BOX, NUM_CELLS)
        below, above = (np.repeat(ends[1:], NUM_CELLS) for ends in (low, high))
        box = np.maximum(here[1:] - reach, below), np.minimum(here[1:] + reach, above)
        fine = self._shgo(*box, FINE_POINTS, lambda u: np.concatenate([here[:1], u]))
        return self._whole(_point(here if fine is None else fine), seen)

    def _shgo(
        self, low: np.ndarray, high: np.ndarray, count: int, filled: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray | None:
        """SHGO in a box of some variables.

        Args:
            low: smallest values.
            high: largest values.
            count: points to sample.
            filled: from these variables to a multiplier, depths, and skip connections as shares of what there is room
                for, (7,). Shares have bounds where numbers of connections would have a kink.

        Returns:
            The optimum, (7,), or None where no point keeps the limits.
        """

        def loss(u: np.ndarray) -> float:
            return -float(self.objective(_point(filled(u))))

        def slack(u: np.ndarray) -> np.ndarray:
            return self.slack(_point(filled(u)))

        limits: Any = {"type": "ineq", "fun": slack} if self._limits else None
        found = shgo(
            loss,
            Bounds(low, high),
            constraints=limits,
            n=count,
            sampling_method="simplicial",  # the others triangulate, which fails on degenerate points
            minimizer_kwargs={"method": "SLSQP", "options": {"ftol": 1e-7, "maxiter": LOCAL_STEPS}},
        )
        self.evaluations += int(found.nfev)
        return filled(np.asarray(found.x)) if found.success and found.x is not None else None

    def _whole(self, point: np.ndarray, seen: Collection[Architecture]) -> Architecture | None:
        """The best feasible network of whole sizes around a point; moves on until none around it is better."""
        here, best = LOW + np.round((point - LOW) / UNIT) * UNIT, -np.inf
        for _ in range(ROUNDS):
            around = np.clip(here + _AROUND * UNIT, LOW, HIGH)
            values = np.where(
                (self.slack(around, whole=True) >= 0).all(-1), self.objective(around, whole=True), -np.inf
            )
            if values.max() <= best:
                break
            here, best = around[int(values.argmax())], float(values.max())
        order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
        return next((a for a in map(self._architecture, around[order]) if a not in seen), None)

    def _architecture(self, point: np.ndarray) -> Architecture:
        """The network of a point of whole sizes."""
        multiplier, *cells = np.round((point - LOW) / UNIT).astype(int).tolist()
        choices = [c for pair in zip(cells[:NUM_CELLS], cells[NUM_CELLS:], strict=True) for c in pair]
        return self.space.canonical(Architecture(self.space.name, (multiplier, *choices)))


def _point(shares: np.ndarray) -> np.ndarray:
    """The point of a multiplier, three depths, and three shares of the skip connections that there is room for."""
    depths = shares[1 : 1 + NUM_CELLS]
    most = np.minimum(MOST_SKIPS, (depths - 1) * (depths - 2) / 2)
    return np.concatenate([shares[: 1 + NUM_CELLS], shares[1 + NUM_CELLS :] * most])


def _sizes(points: np.ndarray, whole: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Widths, depths and skip connections of the cells, (..., 3) each; no more connections than there is room for."""
    depths = points[..., 1 : 1 + NUM_CELLS]
    skips = np.minimum(points[..., 1 + NUM_CELLS :], (depths - 1) * (depths - 2) / 2)
    widths = points[..., :1] * np.array(BASE_WIDTHS)
    return np.round(widths) if whole else widths, depths, skips
