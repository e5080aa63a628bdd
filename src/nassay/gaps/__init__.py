"""How far one estimator's ranking is from the truth, with intervals and the number of architectures."""

from nassay.gaps.gap import GapReport, gap
from nassay.gaps.proportions import Interval, difference_interval, wilson_interval

__all__ = ["GapReport", "Interval", "difference_interval", "gap", "wilson_interval"]
