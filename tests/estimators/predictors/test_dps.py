from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import spearmanr

from nassay.errors import UserError
from nassay.estimators.predictors.dps import HALVES, Found, Halves, Losses, search_recipe
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Recipe

N = 20
TRUTH = np.random.default_rng(4).permutation(N).astype(float).tolist()
MACS = [1.0] * N


class World:
    """A recipe's losses order the architectures the better the closer its learning rate is to 0.9."""

    def __init__(self) -> None:
        self.asked: list[Recipe] = []

    def __call__(self, recipes: list[Recipe]) -> list[Losses]:
        self.asked += recipes
        return [self.losses(recipe) for recipe in recipes]

    def losses(self, recipe: Recipe) -> Sequence[float | None]:
        error = abs(recipe.learning_rate - 0.9)
        noise = np.random.default_rng(int(10 * recipe.learning_rate)).normal(size=N)
        return (40 - np.array(TRUTH) + 100 * error * noise).tolist()


def found(losses: object, evaluations: int = 60, seed: int = 0, macs: Sequence[float] = MACS) -> Found:
    return search_recipe(TRUTH, macs, losses, evaluations=evaluations, seed=seed)  # type: ignore[arg-type]


def test_the_recipe_that_orders_best_is_found() -> None:
    result = found(World())
    assert result.recipe.learning_rate == 0.9
    assert result.rho == pytest.approx(1)
    assert result.fitness == pytest.approx(1)
    assert result.plain < 0.9
    assert result.expected > result.plain


def test_plain_eproxy_comes_first_and_nothing_is_trained_twice() -> None:
    world = World()
    result = found(world)
    assert world.asked[0] == PLAIN
    assert len(set(world.asked)) == len(world.asked) <= 61
    assert all(recipe == recipe.regression for recipe in world.asked)
    assert (len(result.history), result.evaluations) == (61, 60)
    assert result.history[0][0] == str(PLAIN)
    assert result.fitness == max(fitness for _, fitness in result.history)


def test_the_seed_decides() -> None:
    assert found(World(), seed=3) == found(World(), seed=3)
    assert found(World(), seed=3).history != found(World(), seed=4).history


def test_the_macs_term_is_used_without_training_anew() -> None:
    """All losses alike: only MACs can order, and they are the truth; a positive alpha favours many of them."""
    result = found(lambda recipes: [[0.5] * N for _ in recipes], macs=[t + 1 for t in TRUTH])
    assert result.recipe.alpha > 0
    assert result.recipe.max_macs == N
    assert result.rho == pytest.approx(1)
    assert result.history[0] == (str(PLAIN), -1.0)


def test_what_suits_the_labels_by_chance_is_not_expected_elsewhere() -> None:
    def noise(recipes: list[Recipe]) -> list[Losses]:
        return [np.random.default_rng([*str(r).encode()]).normal(size=N).tolist() for r in recipes]

    result = found(noise, evaluations=200)
    assert result.rho > 0.5  # the best of two hundred random orders
    assert abs(result.expected) < 0.25


def test_a_network_without_a_value_is_the_worst() -> None:
    worst = int(np.argmin(TRUTH))

    def losses(recipes: list[Recipe]) -> list[Losses]:
        return [[None if i == worst else -TRUTH[i] for i in range(N)] for _ in recipes]

    result = found(losses, evaluations=4)
    assert result.recipe.alpha == 0  # of equally good recipes the first
    assert result.rho == pytest.approx(1)


def test_recipes_that_fail_are_worth_nothing() -> None:
    result = found(lambda recipes: [[None] * N for _ in recipes], evaluations=3)
    assert result.recipe == PLAIN
    assert result.fitness == -1


def test_halves_have_no_architecture_in_common_and_rho_is_spearman_s() -> None:
    halves = Halves(list(range(9)), seed=0)
    for first, second in zip(halves._firsts, halves._seconds, strict=True):
        assert len(set(first) | set(second)) == 8
    scores = [3.0, 1.0, 1.0, 5.0, -2.0, 0.0, 4.0, 9.0, 7.0]
    assert halves.rho(scores) == pytest.approx(-spearmanr(scores, range(9)).statistic)
    first, _ = halves.rhos(scores)
    row = halves._firsts[0]
    assert first[0] == pytest.approx(-spearmanr(np.array(scores)[row], row).statistic)


def test_scores_of_unseen_halves_are_by_the_recipe_that_ranks_the_other_half_best() -> None:
    """Losses are a formula of recipe and network, so a score tells which recipe gave it."""
    result = found(World(), evaluations=30)
    halves = Halves(TRUTH, 0)
    assert result.unseen.shape == (2 * HALVES, N)
    known = ~np.isnan(result.unseen)
    for row, (seen, unseen) in enumerate(zip(halves._firsts, halves._seconds, strict=True)):
        assert set(np.flatnonzero(known[row])) == set(unseen)
        assert set(np.flatnonzero(known[row + HALVES])) == set(seen)
    rhos = [-spearmanr(row[k], np.array(TRUTH)[k]).statistic for row, k in zip(result.unseen, known, strict=True)]
    assert np.mean(rhos) == pytest.approx(result.expected)


def test_the_result_is_plain_data() -> None:
    plain = found(World(), evaluations=2).to_dict()
    assert plain["proxy"] == f"eproxy:{plain['recipe']}"
    assert plain["evaluations"] == 2
    assert len(plain["history"]) == 3


@pytest.mark.parametrize("truth", [[1.0] * 7, list(range(7)), [1.0] * 20])
def test_too_few_labels_are_told(truth: list[float]) -> None:
    with pytest.raises(UserError, match="at least 8 architectures"):
        search_recipe(truth, [1.0] * len(truth), World())


def test_numbers_that_do_not_match_are_told() -> None:
    with pytest.raises(UserError, match="found 20, 1"):
        search_recipe(TRUTH, [1.0], World())
