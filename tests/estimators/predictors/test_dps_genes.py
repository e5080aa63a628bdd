from math import prod

import numpy as np
import pytest

from nassay.estimators.predictors.dps_genes import BITS, OPTIONS, mutated, random_genome, recipe_of
from nassay.estimators.proxies.eproxy_recipe import Branch, Recipe


def test_the_option_table_has_4e17_recipes() -> None:
    assert prod(OPTIONS) == (32 * 3 * 3 * 6 * 6 * 4) ** 3 * 11 * 11 * 3 * 4 * 4


def test_a_genome_spells_a_recipe() -> None:
    first = (1, 0, 0, 1, 0, 2, 0, 2, 1, 5)  # net and wave_h, level 1.5, 1 x 32, then 7 x 512
    second = (0, 0, 0, 0, 0, 0, 1, 0, 0, 0)  # zeros, level 0.5, 3 x 16, then 1 x 16
    asleep = (1,) * 10
    genome = (7, 8, 1, 1, 2, *first, *second, *asleep)
    assert recipe_of(genome, 99) == Recipe(
        (Branch(("net", "wave_h"), 1.5, 1, 32, 7, 512), Branch((), 0.5, 3, 16, 1, 16)),
        learning_rate=1.2,
        network_init="xavier_normal",
        barrier_init="kaiming_uniform",
        alpha=0.3,
        max_macs=99,
    )


def test_no_weight_needs_no_macs() -> None:
    genome = (0, 5, 0, 0, 0, *(0,) * 30)
    recipe = recipe_of(genome, 99)
    assert recipe == recipe.regression


def test_random_genomes_are_uniform_but_for_features() -> None:
    rng = np.random.default_rng(0)
    genomes = np.array([random_genome(rng) for _ in range(2000)])
    assert (genomes.max(0) == np.array(OPTIONS) - 1).all()
    expected = [0.2 if i in BITS else (n - 1) / 2 for i, n in enumerate(OPTIONS)]
    assert genomes.mean(0) == pytest.approx(expected, abs=0.4)
    assert genomes[:, sorted(BITS)].mean() == pytest.approx(0.2, abs=0.01)


def test_one_gene_of_five_is_changed() -> None:
    rng = np.random.default_rng(0)
    parent = random_genome(rng)
    changed = np.mean([np.array(mutated(parent, rng)) != parent for _ in range(2000)], axis=0)
    # a gene that is drawn anew from n options stays as it was in one case of n
    expected = [0.2 if i in BITS else 0.2 * (1 - 1 / n) for i, n in enumerate(OPTIONS)]
    assert changed == pytest.approx(expected, abs=0.04)
    assert all(0 <= gene < n for gene, n in zip(mutated(parent, rng), OPTIONS, strict=True))
