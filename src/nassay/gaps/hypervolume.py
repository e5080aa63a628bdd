"""Several objectives at once: what is not dominated, and how much it dominates.

The hypervolume (Zitzler & Thiele 1998) is computed by `moocore`. All objectives are minimised; negate what is to be
large. A front is compared with others under one reference point, on one scale.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from nassay.errors import UserError
from nassay.extras import extra


def pareto_front(points: np.ndarray) -> np.ndarray:
    """The rows that no other row dominates, (n,) bool; of equal rows the first alone.

    Args:
        points: (n, m) objectives, all minimised, finite.
    """
    kept: np.ndarray = _moocore().is_nondominated(_checked(points))
    return kept


def hypervolume(points: np.ndarray, reference: Sequence[float]) -> float:
    """The volume that the points dominate, up to a reference point; points beyond it add nothing.

    Args:
        points: (n, m) objectives, all minimised, finite.
        reference: (m,) worst values that count.

    Raises:
        UserError: points and reference do not fit together, or a value is not finite.
    """
    found = _checked(points)
    if found.shape[1] != len(reference):
        raise UserError(f"The reference has {len(reference)} objectives, the points have {found.shape[1]}.")
    return float(_moocore().hypervolume(found, ref=np.asarray(reference, dtype=float)))


def hypervolume_curve(points: np.ndarray, reference: Sequence[float], at: Sequence[int]) -> np.ndarray:
    """The hypervolume of the first so many points, for each number in `at`.

    Args:
        points: (n, m) objectives in the order in which they were evaluated.
        reference: (m,) worst values that count.
        at: numbers of points, ascending, each at least 1.
    """
    return np.array([hypervolume(points[:count], reference) for count in at])


def _checked(points: np.ndarray) -> np.ndarray:
    found = np.asarray(points, dtype=float)
    if found.ndim != 2 or not len(found) or not np.isfinite(found).all():
        raise UserError(f"Objectives are a finite array (n, m) with n at least 1, found shape {found.shape}.")
    return found


def _moocore() -> Any:
    with extra("moo"):
        return import_module("moocore")
