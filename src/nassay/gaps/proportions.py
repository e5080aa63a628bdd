"""Intervals for accuracies: a share of correct answers on N test items is a binomial proportion.

Wilson's score interval (Wilson 1927) for one accuracy, Newcombe's hybrid score interval (Newcombe 1998,
Statistics in Medicine 17:873, method 10) for the difference of two. Newcombe's takes the two for independent;
networks tested on the same items err alike, so for them it is on the wide, careful side.
"""

from math import sqrt
from typing import NamedTuple

from scipy.stats import norm

from nassay.errors import UserError


class Interval(NamedTuple):
    """Lower and upper end of an interval."""

    low: float
    high: float


def wilson_interval(share: float, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion.

    Args:
        share: observed proportion, 0 to 1 (an accuracy).
        n: number of items it was observed on.
        confidence: coverage of the interval.

    Raises:
        UserError: the share is no proportion, or there are no items.
    """
    if not 0 <= share <= 1 or n < 1:
        raise UserError(f"A proportion lies in 0..1 and needs at least one item, found {share=} {n=}.")
    z = float(norm.ppf((1 + confidence) / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def difference_interval(share: float, other: float, n: int, *, confidence: float = 0.95) -> Interval:
    """Newcombe's interval of `share - other`, both observed on n items.

    Raises:
        UserError: a share is no proportion, or there are no items.
    """
    low, high = wilson_interval(share, n, confidence=confidence)
    other_low, other_high = wilson_interval(other, n, confidence=confidence)
    below = sqrt((share - low) ** 2 + (other_high - other) ** 2)
    above = sqrt((high - share) ** 2 + (other - other_low) ** 2)
    return Interval(share - other - below, share - other + above)
