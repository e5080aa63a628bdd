"""A child that nobody has paid for yet; shared by the strategies that evolve populations."""

import numpy as np

from nassay.spaces.base import Architecture
from nassay.strategies.problem import Problem

ATTEMPTS = 50  # at a new child, by mutation and then by random draw


def new_mutant(
    problem: Problem, parent: Architecture, seen: set[Architecture], rng: np.random.Generator
) -> Architecture | None:
    """A mutant inside the limits that is not among `seen`, to which the parent belongs.

    Further mutations, then random draws, where the parent has no new neighbour; None where these find nothing, either.
    """
    for attempt in range(ATTEMPTS):
        child = parent
        for _ in range(1 + attempt // 10):
            child = problem.space.mutate(child, rng)
        if child not in seen and problem.admits(child):
            return child
    draws = (problem.sample(rng) for _ in range(ATTEMPTS))
    return next((a for a in draws if a not in seen), None)
