"""Zero-cost scores as others published them, above all NAS-Bench-Suite-Zero (Krishnakumar et al. 2022, 2210.03230)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow

from nassay.spaces.base import Architecture

PROXIES = (
    *("epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params", "plain"),
    *("snip", "synflow", "zen", "naswot_original"),
)
FAILED = -1e8  # what NAS-Bench-Suite-Zero wrote where a proxy had no value


@dataclass(frozen=True)
class Scores:
    """Published values of one zero-cost proxy.

    Attributes:
        values: as published, no sign is changed.
        seconds: what one value took its authors on average; None where that is not published.
    """

    values: dict[Architecture, float]
    seconds: float | None


def rows_of(architectures: Sequence[Architecture]) -> dict[Architecture, list[int]]:
    """The positions of each architecture."""
    found: dict[Architecture, list[int]] = {}
    for row, architecture in enumerate(architectures):
        found.setdefault(architecture, []).append(row)
    return found


def scores_of(rows: pyarrow.Table, architectures: Sequence[Architecture], prefix: str = "") -> dict[str, Scores]:
    """The proxies' scores in rows, by the name they were published under.

    Args:
        rows: with a column `prefix + proxy` for some of `PROXIES` and maybe `time_` and the proxy's name, in seconds.
        architectures: of each row; several rows of one architecture give their mean.
        prefix: of the columns of values.
    """
    index = rows_of(architectures)
    found = {}
    for proxy in PROXIES:
        if prefix + proxy not in rows.column_names:
            continue
        column = _numbers(rows, prefix + proxy)
        column[column <= FAILED] = np.nan
        means = {architecture: _mean(column[numbers]) for architecture, numbers in index.items()}
        values = {architecture: mean for architecture, mean in means.items() if mean is not None}
        if values:
            time = f"time_{proxy}"
            found[proxy] = Scores(values, _mean(_numbers(rows, time)) if time in rows.column_names else None)
    return found


def _numbers(rows: pyarrow.Table, column: str) -> np.ndarray:
    """(rows,) float64, NaN where there is no value."""
    return np.array(rows[column].cast(pyarrow.float64()).to_numpy())


def _mean(values: np.ndarray) -> float | None:
    """Mean of the finite values; None if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
