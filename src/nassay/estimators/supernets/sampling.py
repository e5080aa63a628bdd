"""Which sub-networks a step of a super-network's training goes through.

Each rule makes the paths of one update, whose gradients are added up: a path has an option's index for each choice.
"""

from collections.abc import Sequence
from math import lcm

import numpy as np

Path = tuple[int, ...]


def uniform(rng: np.random.Generator, options: Sequence[int]) -> list[Path]:
    """One path, every choice uniform (SPOS, Guo et al. 2020, arXiv:1904.00420).

    Args:
        rng: source of randomness.
        options: the number of options of each choice.
    """
    return [tuple(int(rng.integers(n)) for n in options)]


def groups(rng: np.random.Generator, options: Sequence[int], count: int = 4) -> list[Path]:
    """Uniform paths for equal parts of one batch (NetAdaptV2's ordered dropout, Yang et al. 2021, arXiv:2104.00031)."""
    return [uniform(rng, options)[0] for _ in range(count)]


def strictly_fair(rng: np.random.Generator, options: Sequence[int]) -> list[Path]:
    """Paths that go through every option of every choice equally often (FairNAS, Chu et al. 2021, arXiv:1907.01845).

    As many as a choice has options, each option once, in random order; where choices differ in their number of options,
    as many as their least common multiple.
    """
    passes = lcm(*options)
    columns = [rng.permutation(np.tile(np.arange(n), passes // n)) for n in options]
    return [tuple(map(int, path)) for path in np.transpose(columns)]


def sandwich(rng: np.random.Generator, options: Sequence[int], count: int = 4) -> list[Path]:
    """The largest and the smallest path, then uniform ones (Yu & Huang 2019, arXiv:1903.05134, section 3.2)."""
    between = [uniform(rng, options)[0] for _ in range(count - 2)]
    return [largest(options), (0,) * len(options), *between]


def largest(options: Sequence[int]) -> Path:
    """The last option of every choice: the largest, in spaces whose options have sizes."""
    return tuple(n - 1 for n in options)


def update_counts(paths: Sequence[Path], options: Sequence[int]) -> list[list[int]]:
    """How often each option of each choice was on a path."""
    return [np.bincount([p[i] for p in paths], minlength=n).tolist() for i, n in enumerate(options)]
