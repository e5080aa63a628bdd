"""Rank aggregation: several incomparable scores of the same candidates become one.

The log-sum of ranks is that of AZ-NAS (Lee & Ham, CVPR 2024, arXiv:2403.19232): one bad rank cannot be made
good by several fair ones. It has a value only relative to the set of candidates.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from nassay.errors import UserError


def log_rank_sum(
    columns: Sequence[Sequence[float | None]], weights: Sequence[float] | None = None
) -> list[float | None]:
    """score(i) = sum over columns of w ln(rank(i) / m), ranks from 1 (worst) to m (best), ties averaged.

    Args:
        columns: m scores per method, larger is better; None, no value, is worse than every value.
        weights: w of each column; all 1 by default.

    Returns:
        m scores, at most 0, larger is better; None where no column has a value.

    Raises:
        UserError: the columns are not equally long, a score is NaN, or there is not one weight for each column.
    """
    weights = [1.0] * len(columns) if weights is None else weights
    if len(weights) != len(columns):
        raise UserError(f"Each column needs a weight, found {len(weights)} weights and {len(columns)} columns.")
    if len({len(column) for column in columns}) > 1:
        raise UserError(f"All columns need the same length, found {[len(column) for column in columns]}.")
    if any(v is not None and math.isnan(v) for column in columns for v in column):
        raise UserError("A score to be ranked is NaN; use None for a missing score.")
    ranks = [rankdata([-math.inf if v is None else v for v in column]) for column in columns]
    m = len(columns[0]) if columns else 0
    logs = (np.log(np.asarray(column) / m) for column in ranks)
    sums = np.sum([w * column for w, column in zip(weights, logs, strict=True)], axis=0).tolist() if m else []
    missing = [all(v is None for v in row) for row in zip(*columns, strict=True)]
    return [None if gone else total for total, gone in zip(sums, missing, strict=True)]
