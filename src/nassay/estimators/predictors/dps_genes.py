"""The option table of discrete proxy search as a genome: one small integer for every choice.

Options, odds of a random genome and rate of mutation are those of the authors' configuration files and code (Li et al.,
ICCV 2023, arXiv:2210.09459): about 4e17 recipes. A genome describes three branches; the gene `branches` says how many
of them are used, the others sleep.
"""

import numpy as np

from nassay.estimators.proxies.eproxy_recipe import INITS, MAX_BRANCHES, Branch, Recipe
from nassay.estimators.proxies.eproxy_targets import FEATURES

Genome = tuple[int, ...]

LEARNING_RATES = tuple(round(0.5 + 0.1 * k, 1) for k in range(11))
ALPHAS = tuple(round(-0.5 + 0.1 * k, 1) for k in range(11))
LEVELS = (0.5, 1.0, 1.5, 2.0)
KERNELS = (1, 3, 7)
CHANNELS = (16, 32, 64, 128, 256, 512)

_WHOLE = (len(LEARNING_RATES), len(ALPHAS), MAX_BRANCHES, len(INITS), len(INITS))
_BRANCH = (*(2,) * len(FEATURES), len(LEVELS), len(KERNELS), len(KERNELS), len(CHANNELS), len(CHANNELS))
OPTIONS: Genome = _WHOLE + _BRANCH * MAX_BRANCHES  # how many options each gene has
BITS = frozenset(len(_WHOLE) + b * len(_BRANCH) + i for b in range(MAX_BRANCHES) for i in range(len(FEATURES)))

FEATURE_ODDS = 0.2  # that a random genome's target has a feature
MUTATION_RATE = 0.2  # of every gene


def random_genome(rng: np.random.Generator) -> Genome:
    """Every choice uniform, but for features, each of which is there in one case of five."""
    return tuple(int(rng.random() < FEATURE_ODDS) if i in BITS else int(rng.integers(n)) for i, n in enumerate(OPTIONS))


def mutated(genome: Genome, rng: np.random.Generator) -> Genome:
    """Every gene is changed in one case of five: a feature is turned on or off, another choice is drawn anew."""
    child = list(genome)
    for i, n in enumerate(OPTIONS):
        if rng.random() < MUTATION_RATE:
            child[i] = 1 - child[i] if i in BITS else int(rng.integers(n))
    return tuple(child)


def recipe_of(genome: Genome, max_macs: int) -> Recipe:
    """The recipe that a genome stands for.

    Args:
        genome: an option's index for each gene.
        max_macs: the MACs that count as 1.
    """
    rate, alpha, branches, network, barrier = genome[: len(_WHOLE)]
    starts = [len(_WHOLE) + b * len(_BRANCH) for b in range(branches + 1)]
    return Recipe(
        branches=tuple(_branch(genome[start : start + len(_BRANCH)]) for start in starts),
        learning_rate=LEARNING_RATES[rate],
        network_init=INITS[network],
        barrier_init=INITS[barrier],
        alpha=ALPHAS[alpha],
        max_macs=max_macs if ALPHAS[alpha] else None,
    )


def _branch(genes: Genome) -> Branch:
    bits, (level, transform, barrier, c_transform, c_target) = genes[: len(FEATURES)], genes[len(FEATURES) :]
    return Branch(
        tuple(feature for feature, bit in zip(FEATURES, bits, strict=True) if bit),
        LEVELS[level],
        KERNELS[transform],
        CHANNELS[c_transform],
        KERNELS[barrier],
        CHANNELS[c_target],
    )
