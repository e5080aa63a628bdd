"""How well a score ranks the architectures of a benchmark: all of them, the truly better half, and so on to the best.

Correlations over all architectures flatter: telling a broken network from a working one is easy, telling two good ones
apart is the job (Li et al. 2024, arXiv:2307.01998, repeat every correlation on the best 5 %). The best share p holds
every architecture at least as good as the (1 - p) quantile of the truth, ties included.

An architecture without a score ranks last, tied with the others that have none: who chooses by the score never takes
it. The same correlations over the scored architectures alone stand beside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from nassay.gaps.gap import GapReport, gap

SHARES = (1.0, 0.5, 0.25, 0.1, 0.05)
BUDGETS = (0.1, 0.25, 0.5, 0.75, 1.0)
MOST_RESAMPLES, FEWEST_RESAMPLES = 1000, 40
DRAWN = 2_000_000  # architectures in all resamples: intervals over many are narrow, and dear


@dataclass(frozen=True)
class Ranking:
    """One score held against the truth.

    Attributes:
        name: of the score.
        coverage: share of the architectures that have a score.
        shares: one report for each of `SHARES`, unscored architectures ranked last.
        scored: the report over the scored architectures alone; None where all or none are scored.
        pick: index of the architecture with the best score, the first of several; None where there is no score.
        tied: how many architectures share the best score.
        picked: expected true value of the architecture with the best score, ties broken by chance.
        regret: best true value minus `picked`, in the truth's unit.
    """

    name: str
    coverage: float
    shares: tuple[GapReport, ...]
    scored: GapReport | None
    pick: int | None
    tied: int
    picked: float | None
    regret: float | None

    def to_dict(self) -> dict[str, Any]:
        """All attributes, ready for JSON; every report has its share beside it."""
        reports = [{"share": p, **g.to_dict()} for p, g in zip(SHARES, self.shares, strict=True)]
        scored = self.scored.to_dict() if self.scored else None
        return {**vars(self), "shares": reports, "scored": scored}


def rank(name: str, scores: np.ndarray, truth: np.ndarray, *, direction: int = +1, seed: int = 0) -> Ranking:
    """Hold a score against the truth over all architectures and within the best shares of them.

    Args:
        name: of the score.
        scores: (n,) scores, NaN where there is none.
        truth: (n,) finite true values, larger is better.
        direction: +1 if a larger score is better, -1 if a smaller one is.
        seed: of the bootstrap; equal seeds resample the same architectures for every score.
    """
    has = ~np.isnan(scores)
    x = last_where_missing(scores, direction)
    best = np.flatnonzero(has & (x == x.max())) if has.any() else np.array([], dtype=int)
    picked = float(truth[best].mean()) if len(best) else None
    return Ranking(
        name=name,
        coverage=float(has.mean()),
        shares=tuple(_report(name, x[m], truth[m], has.any(), seed) for m in (best_share(truth, p) for p in SHARES)),
        scored=_report(name, x[has], truth[has], True, seed) if 0 < has.sum() < len(has) else None,
        pick=int(best[0]) if len(best) else None,
        tied=len(best),
        picked=picked,
        regret=None if picked is None else float(truth.max()) - picked,
    )


def budget_regrets(
    scores: np.ndarray, truth: np.ndarray, cost: np.ndarray, *, direction: int = +1
) -> list[dict[str, float | None]]:
    """What choosing by a score costs where only the cheapest architectures may be chosen, for each of `BUDGETS`.

    Args:
        scores: (n,) scores, NaN where there is none.
        truth: (n,) finite true values, larger is better.
        cost: (n,) finite costs.
        direction: +1 if a larger score is better, -1 if a smaller one is.

    Returns:
        For each budget its share of the architectures, the largest cost, and the regret: the best true value within
        the budget minus the expected one of the pick; None where no architecture within it has a score.
    """
    found: list[dict[str, float | None]] = []
    for share in BUDGETS:
        limit = float(np.quantile(cost, share, method="higher"))
        inside = cost <= limit
        x, has = last_where_missing(scores[inside], direction), ~np.isnan(scores[inside])
        picked = truth[inside][has & (x == x.max())] if has.any() else np.array([])
        regret = float(truth[inside].max() - picked.mean()) if len(picked) else None
        found.append({"share": share, "limit": limit, "regret": regret})
    return found


def best_share(truth: np.ndarray, share: float) -> np.ndarray:
    """(n,) true values -> (n,) booleans: the best `share` of them, ties with the last one included."""
    return truth >= np.quantile(truth, 1 - share, method="higher")


def last_where_missing(scores: np.ndarray, direction: int = +1) -> np.ndarray:
    """(n,) scores with NaN for none -> (n,) finite values for ranking, larger is better, no score below every score."""
    turned = direction * scores
    known = turned[~np.isnan(turned)]
    below = np.nextafter(known.min(), -np.inf) if len(known) else 0.0
    return np.where(np.isnan(turned), below, turned)


def rank_correlations(columns: Sequence[np.ndarray]) -> np.ndarray:
    """(k, k) Spearman's rho between k columns of n values for ranking; NaN where a column is constant."""
    ranks = np.array([rankdata(column) for column in columns])
    centred = ranks - ranks.mean(1, keepdims=True)
    norms = np.sqrt((centred**2).sum(1))
    norms[norms == 0] = np.nan
    return np.clip(centred @ centred.T / np.outer(norms, norms), -1.0, 1.0)


def _report(name: str, x: np.ndarray, truth: np.ndarray, any_score: bool, seed: int) -> GapReport:
    if not any_score:
        return GapReport(name, "truth", 0, 0.0, reason="no architecture has a score")
    resamples = min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, DRAWN // max(1, len(x))))
    return gap(name, "truth", x.tolist(), truth.tolist(), seed=seed, resamples=resamples)
