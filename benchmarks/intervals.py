"""The interval that benchmarks of a few seeds give with a mean."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t


def half_width(values: "Sequence[float] | np.ndarray") -> float | None:
    """Half of the 95 % interval of the mean by Student's t; None for fewer than two values."""
    n = len(values)
    return float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5) if n > 1 else None
