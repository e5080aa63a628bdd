"""Training of a super-network by paths through options that have weights: the others have nothing to learn.

OPANAS, Liang et al. 2021, arXiv:2103.04507: a step goes through every weighted option of every choice exactly once, in
as many passes as a choice has of them, each choice in an order of its own (the strict fairness of FairNAS,
arXiv:1907.01845), and their gradients make one update. What has no weights (identities, pooling, `none`) comes in with
the search. The authors' search code is not public: this is what third parties and the published logs tell.
"""

from collections.abc import Sequence
from math import lcm
from typing import Any

import numpy as np

from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.supernets.sampling import Path, strictly_fair, uniform
from nassay.estimators.supernets.supernet import SuperNet
from nassay.tasks.base import Task


class WeightedPathTraining(PathTraining):
    """A super-network's training by paths through weighted options.

    Args:
        network: trained in place.
        task: data, loss and metric.
        fair: strictly fair paths; else as many uniform ones, to compare with.
        options: see `SuperTraining`.

    Attributes:
        weighted: for each choice the options that have weights; all where none has.
    """

    def __init__(self, network: SuperNet, task: Task, *, fair: bool = True, **options: Any) -> None:
        super().__init__(network, task, "fairnas", **options)
        self.fair = fair
        self.weighted = weighted_options(network)

    def paths(self, step: int) -> list[Path]:
        """The paths of a step."""
        counts = [len(options) for options in self.weighted]
        rng = np.random.default_rng([self.seed, step, 0x0FA])
        drawn = strictly_fair(rng, counts) if self.fair else uniform_passes(rng, counts)
        return [tuple(options[i] for options, i in zip(self.weighted, path, strict=True)) for path in drawn]


def weighted_options(network: SuperNet) -> list[tuple[int, ...]]:
    """For each choice the options that have weights somewhere in the network; all where none has."""
    found: list[set[int]] = [set() for _ in network.space.options]
    for _, choice in network.choices():
        found[choice.position] |= {
            i for i, option in enumerate(choice.options) if any(True for _ in option.parameters())
        }
    return [tuple(sorted(own or range(n))) for own, n in zip(found, network.space.options, strict=True)]


def uniform_passes(rng: np.random.Generator, options: Sequence[int]) -> list[Path]:
    """As many paths as strict fairness takes, each uniform."""
    return [uniform(rng, options)[0] for _ in range(lcm(*options))]
