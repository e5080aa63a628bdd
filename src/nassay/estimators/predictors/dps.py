"""DPS, discrete proxy search: evolve Eproxy's recipe on some architectures whose accuracy is known.

Li et al., ICCV 2023, arXiv:2210.09459. Regularised evolution as in the authors' code: 40 random recipes, tournaments of
10, every gene of a child changed with probability 0.2, the youngest 40 live on, 200 recipes in all. What a recipe is
worth is Spearman's rho of its scores with the accuracies.

Two hundred recipes tried on the same twenty architectures find one that suits these twenty, and its own rho says so no
more. So it is cross-validated here, over random halves A and B of the architectures, B the rest:

    fitness(r)  = mean over A of rho_A(r) - standard deviation over A of rho_A(r)
    found       = argmax_r fitness(r), plain Eproxy among the recipes
    expected    = mean over A of rho_B(argmax_r rho_A(r)),  beside it plain = mean over B of rho_B(plain)

The fitness wants a ranking that holds on every half and does not hang on a few architectures. `expected` is what such a
search is worth on architectures that it has not seen; where it is not above `plain`, the labels do not show that the
search has gained anything. It errs to the low side, for it chooses by half of the labels. Halves cost nothing: all
share the same regressions.

Differs from the authors' code besides: children are made four at a time, so that workers can share them; recipes that
differ only in the MACs' term are trained once; a network without a value counts as the worst.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import rankdata

from nassay.errors import UserError
from nassay.estimators.predictors.dps_genes import Genome, mutated, random_genome, recipe_of
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Recipe

EVALUATIONS, POPULATION, TOURNAMENT = 200, 40, 10
CHILDREN = 4  # made from one state of the population
HALVES = 32  # random splits into two halves, each used both ways
FEWEST = 8  # architectures, so that a half can be ranked

Losses = Sequence[float | None]
Search = Generator[list[Recipe], list[Losses], "Found"]


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        recipe: the recipe to score with.
        fitness: its fitness; see the module.
        rho: its Spearman's rho on all labelled architectures, which the search has seen.
        expected: cross-validated rho of a search like this one on architectures that it has not seen.
        plain: mean rho of plain Eproxy on the same halves.
        evaluations: recipes that were tried, plain Eproxy not counted.
        history: text and fitness of each recipe, in order, plain Eproxy first.
        unseen: (64, n) scores, smaller is better, that the recipe which ranks one half best gives to the other half;
            NaN on the half that it was chosen by. What `expected` is made of.
    """

    recipe: Recipe
    fitness: float
    rho: float
    expected: float
    plain: float
    evaluations: int
    history: tuple[tuple[str, float], ...] = field(repr=False, default=())
    unseen: np.ndarray = field(repr=False, compare=False, default_factory=lambda: np.empty((0, 0)))

    @property
    def trusted(self) -> bool:
        """Whether the labels show that the search has gained anything over plain Eproxy."""
        return self.expected > self.plain

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "recipe": str(self.recipe),
            "proxy": self.recipe.name,
            "fitness": self.fitness,
            "rho_on_labelled": self.rho,
            "expected_rho": self.expected,
            "plain_rho": self.plain,
            "trusted": self.trusted,
            "evaluations": self.evaluations,
            "history": [list(entry) for entry in self.history],
        }


class Halves:
    """Random halves of some architectures, and how a score orders the truth on each.

    Args:
        truth: (n,) true values, larger is better.
        seed: of the halves.

    Raises:
        UserError: fewer than eight architectures, or all have the same value.
    """

    def __init__(self, truth: Sequence[float], seed: int) -> None:
        n = len(truth)
        if n < FEWEST or len(set(truth)) < 2:
            raise UserError(f"A recipe is searched on at least {FEWEST} architectures that differ, found {n}.")
        rng = np.random.default_rng([seed, *b"halves"])
        orders = [rng.permutation(n) for _ in range(HALVES)]
        self._firsts, self._seconds = (
            np.array([o[: n // 2] for o in orders]),
            np.array([o[n - n // 2 :] for o in orders]),
        )
        self._truth = np.asarray(truth, dtype=np.float64)

    def rhos(self, scores: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Spearman's rho of (n,) scores, smaller is better, on the (32,) first halves and on the second ones.

        -1 where all scores of a half are the same: such a recipe orders nothing; 0 where the truth is.
        """
        found = [_spearman(-np.asarray(scores)[half], self._truth[half]) for half in (self._firsts, self._seconds)]
        return found[0], found[1]

    def crossed(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(64, n): of (32, n) `first` the second halves, then of `second` the first ones; NaN elsewhere."""
        crossed = np.full((2 * HALVES, len(self._truth)), np.nan)
        for rows, scores, halves in (
            (slice(HALVES), first, self._seconds),
            (slice(HALVES, None), second, self._firsts),
        ):
            np.put_along_axis(crossed[rows], halves, np.take_along_axis(scores, halves, axis=1), axis=1)
        return crossed

    def rho(self, scores: Sequence[float]) -> float:
        """Spearman's rho of (n,) scores, smaller is better, on all architectures."""
        return float(_spearman(-np.asarray(scores)[None], self._truth[None])[0])


def _spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row-wise Spearman's rho of (rows, n) scores and truth; -1 for constant scores, else 0 for a constant truth."""
    a, b = (rankdata(v, axis=1) - (v.shape[1] + 1) / 2 for v in (x, y))
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    rho = (a * b).sum(1) / np.where(scale > 0, scale, 1.0)
    return np.where((a != 0).any(1), rho, -1.0)


def search(truth: Sequence[float], macs: Sequence[float], *, evaluations: int = EVALUATIONS, seed: int = 0) -> Search:
    """The search as a dialogue: it asks for the losses of some regressions on all labelled architectures, is told them,
    and asks again; its return value is what it has found.

    Args:
        truth: (n,) accuracies of the labelled architectures, larger is better.
        macs: (n,) MACs of each for one input.
        evaluations: recipes to try.
        seed: of the evolution and of the halves.

    Yields:
        Recipes without a MACs' term; the answer is, for each, (n,) losses, None where there is none.

    Raises:
        UserError: too few architectures, or numbers that do not match.
    """
    if len(truth) != len(macs) or evaluations < 1:
        raise UserError(
            f"One accuracy and MACs for each architecture, found {len(truth)}, {len(macs)}; {evaluations=}."
        )
    tried = _Tried(Halves(truth, seed), macs)
    yield from tried.score([PLAIN])
    rng, max_macs = np.random.default_rng([seed, *b"evolution"]), round(max(macs))
    population: list[tuple[float, Genome]] = []
    for start in range(0, evaluations, CHILDREN):
        count = min(CHILDREN, evaluations - start)
        children = [_next_genome(population, start + i, rng) for i in range(count)]
        fitness = yield from tried.score([recipe_of(child, max_macs) for child in children])
        population = (population + list(zip(fitness, children, strict=True)))[-POPULATION:]
    return tried.best()


def _next_genome(population: list[tuple[float, Genome]], index: int, rng: np.random.Generator) -> Genome:
    """A random genome, until there are forty; then a mutant of a tournament's winner."""
    if index < POPULATION:
        return random_genome(rng)
    drawn = rng.choice(len(population), size=min(TOURNAMENT, len(population)), replace=False)
    winner = max((population[i] for i in drawn), key=lambda member: member[0])
    return mutated(winner[1], rng)


class _Tried:
    """The recipes that were tried, with their scores of the labelled architectures."""

    def __init__(self, halves: Halves, macs: Sequence[float]) -> None:
        self._halves, self._macs = halves, macs
        self._losses: dict[Recipe, Losses] = {}  # by regression
        self._recipes: list[Recipe] = []
        self._scores: list[list[float]] = []
        self._fitness: list[float] = []

    def score(self, recipes: Sequence[Recipe]) -> Generator[list[Recipe], list[Losses], list[float]]:
        """Ask for what was not trained yet; the recipes' fitness."""
        missing = [r for r in dict.fromkeys(r.regression for r in recipes) if r not in self._losses]
        if missing:
            self._losses |= zip(missing, (yield missing), strict=True)
        for recipe in recipes:
            pairs = zip(self._losses[recipe.regression], self._macs, strict=True)
            scores = [np.inf if loss is None else recipe.value(loss, macs) for loss, macs in pairs]
            rhos = np.concatenate(self._halves.rhos(scores))
            self._recipes.append(recipe)
            self._scores.append(scores)
            self._fitness.append(float(rhos.mean() - rhos.std()))
        return self._fitness[-len(recipes) :]

    def best(self) -> Found:
        """The recipe with the best fitness, plain Eproxy among them, and what a search like this one is worth."""
        first, second = (np.array(rhos) for rhos in zip(*map(self._halves.rhos, self._scores), strict=True))
        split = np.arange(first.shape[1])
        unseen = np.concatenate([second[first.argmax(0), split], first[second.argmax(0), split]])
        plain = float(np.concatenate([first[0], second[0]]).mean())
        best, scores = int(np.argmax(self._fitness)), np.array(self._scores)
        return Found(
            self._recipes[best],
            self._fitness[best],
            self._halves.rho(self._scores[best]),
            float(unseen.mean()),
            plain,
            len(self._recipes) - 1,
            tuple(zip(map(str, self._recipes), self._fitness, strict=True)),
            self._halves.crossed(scores[first.argmax(0)], scores[second.argmax(0)]),
        )


def search_recipe(
    truth: Sequence[float],
    macs: Sequence[float],
    losses: Callable[[list[Recipe]], list[Losses]],
    *,
    evaluations: int = EVALUATIONS,
    seed: int = 0,
) -> Found:
    """Run a search with a function that pays for regressions; see `search`.

    Args:
        truth: (n,) accuracies of the labelled architectures, larger is better.
        macs: (n,) MACs of each for one input.
        losses: for each recipe, the (n,) losses of the architectures, None where there is none.
        evaluations: recipes to try.
        seed: of the evolution and of the halves.
    """
    dialogue = search(truth, macs, evaluations=evaluations, seed=seed)
    try:
        wanted = next(dialogue)
        while True:
            wanted = dialogue.send(losses(wanted))
    except StopIteration as stop:
        found: Found = stop.value
        return found
