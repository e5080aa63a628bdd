"""Latency on a new device from about ten measurements there, and other devices of which more is known.

A network's latency on the new device is, up to noise, a sum: what the known devices take on average, how each of them
deviates from that average, and counts of operations that the new device may be better or worse at. Ten measurements do
not determine so many weights, so each group of them has a prior variance: a Bayesian linear regression, which is a
Gaussian process with three linear kernels, or a ridge. Everything is relative to medians, so that a fast device is
like a slow one. The problem is that of HELP (Lee et al. 2021, arXiv:2106.08630), which meta-learns a network for it.

Group widths, noise, and the linear scale rather than a logarithmic one were chosen on thirteen devices of HELP's table
(its nine of meta-training and four of validation), each as a new one against those of other makes; see
`benchmarks/devices.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nassay.errors import UserError

AVERAGE, DEVIATION, COUNTS = 1.0, 0.5, 0.3  # prior standard deviations of the groups' weights
NOISE = 0.01  # variance, of latencies relative to their median
LOWEST = 0.05  # of the median: what is measured as less was hardly run at all
FEWEST = 3  # measurements


@dataclass(frozen=True)
class Population:
    """Networks of which other devices' latencies are known, as rows of a regression.

    Attributes:
        medians: (m,) latency of each source device.
        means: (m + d,) of relative latencies and counts.
        scales: (d,) standard deviations of the counts.
    """

    medians: np.ndarray
    means: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, sources: np.ndarray, counts: np.ndarray) -> "Population":
        """What rows are centred and scaled by.

        Args:
            sources: (n, m) latencies of networks on source devices, n at least 2.
            counts: (n, d) counts of their operations, or other sizes.

        Raises:
            UserError: no source device, or a latency that is not a positive number.
        """
        if sources.ndim != 2 or min(sources.shape) < 1 or not (np.isfinite(sources) & (sources > 0)).all():
            raise UserError(
                f"Transfer needs latencies of source devices, all positive numbers, found an array {sources.shape}."
            )
        medians, scales = np.median(sources, axis=0), counts.std(axis=0)
        means = np.concatenate([(sources / medians).mean(axis=0), counts.mean(axis=0)])
        return cls(medians, means, np.where(scales > 0, scales, 1.0))

    def rows(self, sources: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """(n, 2 + m + d) rows of networks: one, the devices' average, their deviations, the counts.

        Args:
            sources: (n, m) latencies.
            counts: (n, d).
        """
        m, d = len(self.medians), len(self.scales)
        relative = sources / self.medians - self.means[:m]
        average = relative.mean(axis=1, keepdims=True)
        sizes = (counts - self.means[m:]) / self.scales
        groups = (AVERAGE * average, DEVIATION * (relative - average) / np.sqrt(m), COUNTS * sizes / np.sqrt(max(d, 1)))
        return np.hstack([np.ones((len(relative), 1)), *groups])


@dataclass(frozen=True)
class Transferred:
    """Latency on a new device, linear in a population's rows; `fit` makes one."""

    weights: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray, latencies_ms: Sequence[float]) -> "Transferred":
        """The posterior mean of the weights.

        Args:
            rows: (k, p) of the networks measured on the new device.
            latencies_ms: (k,) their latencies there.

        Raises:
            UserError: fewer than three, unequal numbers, or a latency that is not a positive number.
        """
        y = np.asarray(latencies_ms, dtype=float)
        if len(y) < FEWEST or len(y) != len(rows) or not (np.isfinite(y) & (y > 0)).all():
            raise UserError(
                f"Transfer needs {FEWEST} or more positive latencies of the new device, one for each network, found "
                f"{len(y)} for {len(rows)} networks."
            )
        median = float(np.median(y))
        relative = np.maximum(y / median, LOWEST) - 1
        precision = rows.T @ rows + NOISE * np.eye(rows.shape[1])
        weights = np.linalg.solve(precision, rows.T @ relative)
        return cls(median * (weights + np.eye(len(weights))[0]))

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """(n,) ms of networks given by their rows (n, p)."""
        return rows @ self.weights


def left_out(rows: np.ndarray, latencies_ms: Sequence[float]) -> np.ndarray:
    """(k,) predictions of each measured network from the others."""
    y = np.asarray(latencies_ms, dtype=float)
    every = np.arange(len(y))
    return np.array([Transferred.fit(rows[every != i], y[every != i]).predict(rows[i : i + 1])[0] for i in every])


def most_telling(rows: np.ndarray, count: int) -> list[int]:
    """The networks to measure on a new device: each next one leaves the least uncertainty about all the others.

    Args:
        rows: (n, p) of a population.
        count: how many, at most n.
    """
    covariance = np.eye(rows.shape[1])
    chosen: list[int] = []
    for _ in range(min(count, len(rows))):
        shared = rows @ covariance @ rows.T
        gains = (shared**2).sum(axis=0) / (np.diag(shared) + NOISE)
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        direction = covariance @ rows[chosen[-1]]
        covariance = covariance - np.outer(direction, direction) / (rows[chosen[-1]] @ direction + NOISE)
    return chosen
