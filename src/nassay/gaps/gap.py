"""The noun `gap`: how far a cheap estimator's ranking of architectures is from the truth.

Kendall's tau-b and Spearman's rho with 95 % percentile bootstrap intervals over architectures, the share of
the truly best that the estimator finds, and what choosing by it costs. No value has a reason, and is never NaN.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau, spearmanr

from nassay.errors import UserError
from nassay.gaps.bootstrap import rank_resamples

FEW = 50  # below this many architectures a tau's interval is wider than most differences between estimators


@dataclass(frozen=True)
class GapReport:
    """One estimator held against one truth on the architectures that have both.

    Attributes:
        estimator: name of the cheap estimator.
        truth: name of what it is held against.
        n: number of architectures with both values.
        coverage: share of the architectures with a true value that also have a cheap one; None without any.
        kendall_tau: Kendall's tau-b, positive where the estimator ranks as the truth does.
        ci_low: lower end of tau's 95 % bootstrap interval.
        ci_high: upper end of it.
        spearman_rho: Spearman's rho.
        rho_ci_low: lower end of rho's 95 % bootstrap interval.
        rho_ci_high: upper end of it.
        top_k: the k of the recall, a tenth of n, at least 1.
        top_k_recall: expected share of the truly best k among the estimator's best k, ties broken by chance.
        regret: best true value minus the expected true value of the estimator's choice, in the truth's unit.
        level_difference: mean of cheap minus true; None unless they have the same unit.
        dropped_resamples: resamples left out of the intervals because a column was constant in them.
        reason: why there are no correlations; None where there are.
    """

    estimator: str
    truth: str
    n: int
    coverage: float | None
    kendall_tau: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    spearman_rho: float | None = None
    rho_ci_low: float | None = None
    rho_ci_high: float | None = None
    top_k: int | None = None
    top_k_recall: float | None = None
    regret: float | None = None
    level_difference: float | None = None
    dropped_resamples: int = 0
    reason: str | None = None

    @property
    def warning(self) -> str | None:
        """A sentence for the reader where the numbers are weak evidence, else None."""
        if self.reason is not None:
            return None
        parts = []
        if self.ci_low is None or self.ci_high is None:
            parts.append("no resample had two varying columns, so there is no interval")
        elif self.ci_low <= 0 <= self.ci_high:
            parts.append("the interval spans 0: this ranking may be no better than chance")
        elif self.ci_high < 0:
            parts.append("the interval is below 0: this ranking runs against the truth")
        if self.n < FEW:
            parts.append(f"only {self.n} architectures, read the interval and not the point")
        sentence = "; ".join(parts)
        return sentence[0].upper() + sentence[1:] + "." if parts else None

    def to_dict(self) -> dict[str, Any]:
        """All attributes and the warning, ready for JSON."""
        return {**asdict(self), "warning": self.warning}


def gap(
    estimator: str,
    truth: str,
    cheap: Sequence[float | None],
    true: Sequence[float | None],
    *,
    direction: int = +1,
    same_unit: bool = False,
    seed: int = 0,
    resamples: int = 1000,
) -> GapReport:
    """Hold an estimator's values against the true ones.

    Args:
        estimator: name of the cheap estimator.
        truth: name of the truth.
        cheap: one value per architecture; None (or a value that is not finite) where the estimator failed.
        true: one value per architecture, in the same order, larger is better; None where it is not known.
        direction: +1 if a larger cheap value is better, -1 if a smaller one is.
        same_unit: whether cheap and true values have one unit, so that their levels can be compared.
        seed: of the bootstrap.
        resamples: number of bootstrap resamples.

    Raises:
        UserError: the two columns differ in length, or the direction is neither +1 nor -1.
    """
    if len(cheap) != len(true):
        raise UserError(f"One cheap and one true value per architecture, found {len(cheap)} and {len(true)}.")
    if direction not in (+1, -1):
        raise UserError(f"direction must be +1 or -1, found {direction}.")
    known = [(c, t) for c, t in zip(cheap, true, strict=True) if _is_value(t)]
    pairs = [(c, t) for c, t in known if _is_value(c)]
    x, y = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    facts: dict[str, Any] = {"coverage": len(pairs) / len(known) if known else None}
    if same_unit and pairs:
        facts["level_difference"] = float(np.mean(x - y))
    reason = _why_not(x, y)
    if reason is None:
        facts |= _correlations(x * direction, y, seed, resamples) | _choices(x * direction, y)
    return GapReport(estimator, truth, len(pairs), reason=reason, **facts)


def _is_value(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _why_not(x: np.ndarray, y: np.ndarray) -> str | None:
    """The reason why there is no correlation of (n,) x and y, or None."""
    if len(x) < 3:
        return f"needs at least 3 architectures with both values, found {len(x)}"
    for column, values in (("estimator", x), ("truth", y)):
        if np.all(values == values[0]):
            return f"the {column} gives all {len(x)} architectures the same value, {values[0]:g}"
    return None


def _correlations(x: np.ndarray, y: np.ndarray, seed: int, resamples: int) -> dict[str, Any]:
    """Tau-b and rho of (n,) x and y with their intervals; None for an interval that no resample supports."""
    found = rank_resamples(x, y, resamples=resamples, seed=seed)
    tau_low, tau_high = _middle_95(found.tau)
    rho_low, rho_high = _middle_95(found.rho)
    return {
        "kendall_tau": float(kendalltau(x, y, variant="b").statistic),
        "ci_low": tau_low,
        "ci_high": tau_high,
        "spearman_rho": float(spearmanr(x, y).statistic),
        "rho_ci_low": rho_low,
        "rho_ci_high": rho_high,
        "dropped_resamples": found.dropped,
    }


def _middle_95(values: np.ndarray) -> tuple[float | None, float | None]:
    if not len(values):
        return None, None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _choices(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """What choosing by x costs in y, both (n,) and larger is better."""
    k = max(1, round(len(x) / 10))
    return {
        "top_k": k,
        "top_k_recall": float(_in_top(x, k) @ _in_top(y, k)) / k,
        "regret": float(y.max() - y[x == x.max()].mean()),
    }


def _in_top(values: np.ndarray, k: int) -> np.ndarray:
    """(n,) values -> (n,) probabilities of being among the k largest when ties are broken by chance."""
    threshold = np.sort(values)[-k]
    above, tied = values > threshold, values == threshold
    return above + tied * ((k - above.sum()) / tied.sum())
