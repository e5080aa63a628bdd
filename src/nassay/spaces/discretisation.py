"""From chances of options to networks: which architectures a search over mixtures makes likely, and in what order.

What can be decided for itself is a group of choices with its alternatives, each the options of the group's choices and
the logarithm of how likely they are; by default every choice is a group. The likeliest architectures are then those of
the largest sums.
"""

from collections.abc import Sequence

import numpy as np

Alternatives = list[tuple[tuple[int, ...], float]]


def scored(chances: np.ndarray) -> list[tuple[int, float]]:
    """Each option and the logarithm of its chance; minus infinity for one that is out of the question."""
    with np.errstate(divide="ignore"):
        return list(enumerate(np.log(chances).tolist()))


def each_alone(chances: Sequence[np.ndarray]) -> list[Alternatives]:
    """The alternatives of choices that are decided one by one."""
    return [[((option,), score) for option, score in scored(np.asarray(p))] for p in chances]


def likeliest(groups: Sequence[Alternatives], most: int) -> list[tuple[int, ...]]:
    """Options of all choices, best first; ties in the order of their options.

    Args:
        groups: in the order of their choices.
        most: how many; fewer where there are fewer that are not out of the question.
    """
    paths: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for group in groups:
        possible = sorted((item for item in group if item[1] > -np.inf), key=lambda item: -item[1]) or group[:1]
        grown = [
            ((*path, *options), total + score)
            for rank, (path, total) in enumerate(paths, start=1)
            for options, score in possible[: most // rank]  # what comes behind has as many before it
        ]
        paths = sorted(grown, key=lambda item: -item[1])[:most]
    return [path for path, _ in paths]
