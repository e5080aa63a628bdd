"""Adapt the few-shot proxy to a task: discrete proxy search on the architectures that were trained on it.

A strategy delegates to `adapted_recipe` and so pays for the regressions as for everything else: through its study, with
its workers, into its ledger. `FewShot` is the proxy that comes out of it, as one more source of proposals.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from nassay.estimators.predictors.dps import EVALUATIONS, FEWEST, Found, search
from nassay.estimators.predictors.influence import concordance
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Recipe
from nassay.spaces.base import Architecture
from nassay.strategies.base import Record, Request
from nassay.strategies.problem import Problem

FEWEST_RECIPES = 8  # a search over fewer is not worth its name
MOST_RECIPES = 64  # of a search inside a search: forty random ones, and the children of the best
SOURCE = "eproxy+dps"


def adapted_recipe(
    problem: Problem,
    labels: Mapping[Architecture, float],
    *,
    evaluations: int = EVALUATIONS,
    seconds: float | None = None,
) -> Generator[list[Request], list[Record], Found | None]:
    """Search Eproxy's recipe on labelled architectures of a problem's space.

    Args:
        problem: counts MACs, and has the seed.
        labels: how good each of eight or more architectures is on the task, larger is better; not all alike.
        evaluations: recipes to try at most.
        seconds: of computing that may be spent, summed over workers; None for no limit. The price of plain Eproxy,
            which the records tell, decides how many recipes that allows, so that replaying them decides alike.

    Yields:
        Requests for regressions, by the names of `Recipe.name`; the answer is their records.

    Returns:
        What was found; its `recipe.name` is the proxy to ask for, smaller is better. None where the time does not allow
        a search.

    Raises:
        UserError: too few labels.
    """
    architectures = list(labels)
    if seconds is not None:
        records = yield [Request(a, PLAIN.name) for a in architectures]
        price = max(sum(r.estimate.seconds for r in records), 1e-9)
        evaluations = min(evaluations, int(seconds / price) - 1)
        if evaluations < FEWEST_RECIPES:
            return None
    macs = [float(problem.profile(a).macs) for a in architectures]
    dialogue = search(list(labels.values()), macs, evaluations=evaluations, seed=problem.seed)
    wanted: list[Recipe] = next(dialogue)
    while True:
        records = yield [Request(a, recipe.name) for recipe in wanted for a in architectures]
        values = [r.value for r in records]
        try:
            wanted = dialogue.send([values[i : i + len(macs)] for i in range(0, len(values), len(macs))])
        except StopIteration as stop:
            found: Found = stop.value
            return found


class FewShot:
    """The few-shot proxy with a recipe that was found on some architectures of a search.

    Args:
        problem: counts MACs.
        found: the search's outcome.
        labelled: the architectures that it was made on, in the order of their labels.

    Attributes:
        concordance: of the last `judged`.
    """

    def __init__(self, problem: Problem, found: Found, labelled: Sequence[Architecture]) -> None:
        self.problem, self.found, self.labelled = problem, found, list(labelled)
        self.concordance: float | None = None
        self._losses: dict[Architecture, float | None] = {}

    def ask(self, architectures: Sequence[Architecture]) -> Generator[list[Request], list[Record], None]:
        """Pay for the regressions of those that have not been asked for; the labelled ones' were paid by the search."""
        new = [a for a in dict.fromkeys(architectures) if a not in self._losses]
        if new:
            records = yield [Request(a, self.found.recipe.regression.name) for a in new]
            self._losses |= {r.request.architecture: r.value for r in records}

    def scores(self, architectures: Sequence[Architecture]) -> list[float | None]:
        """Larger is better; None where there is no value, or nobody has asked for it."""
        recipe, losses = self.found.recipe, [self._losses.get(a) for a in architectures]
        macs = [self.problem.profile(a).macs for a in architectures]
        return [
            None if v is None or not recipe.covers(m) else -recipe.value(v, m)
            for v, m in zip(losses, macs, strict=True)
        ]

    def judged(self, truth: Mapping[Architecture, float], comparable: np.ndarray) -> float:
        """Share of comparable pairs that are ordered as the truth has it, never by a recipe that has seen both.

        Pairs of labelled architectures count by recipes that were chosen on the other half of the labels, see
        `estimators/predictors/dps.py`; the others by the found recipe itself.

        Args:
            truth: of the labelled architectures and of others, larger is better.
            comparable: (n, n) bools, which pairs of these count.
        """
        architectures, y = list(truth), list(truth.values())
        at = [architectures.index(a) for a in self.labelled]
        inside, fresh = comparable[np.ix_(at, at)], comparable.copy()
        fresh[np.ix_(at, at)] = False
        shares = [_concordance_of(row, [y[i] for i in at], inside) for row in self.found.unseen]
        pairs = [np.triu(p, 1).sum() for p in (inside, fresh)]
        both = [float(np.mean(shares)), concordance(self.scores(architectures), y, fresh)]
        self.concordance = float(np.average(both, weights=pairs)) if sum(pairs) else 0.5
        return self.concordance

    def to_dict(self) -> dict[str, Any]:
        """What a summary tells of it."""
        told = {key: value for key, value in self.found.to_dict().items() if key != "history"}
        return {**told, "labelled": len(self.labelled), "concordance": self.concordance}


def _concordance_of(unseen: np.ndarray, truth: Sequence[float], comparable: np.ndarray) -> float:
    """Concordance of (n,) scores, smaller is better, NaN for those that the recipe was chosen by."""
    known = ~np.isnan(unseen)
    scores = [-float(v) if np.isfinite(v) else None for v in unseen]
    return concordance(scores, truth, comparable & np.outer(known, known))


def few_shot(
    problem: Problem, labels: Mapping[Architecture, float], seconds: float | None
) -> Generator[list[Request], list[Record], FewShot | None]:
    """The few-shot proxy for a search; None while there are too few labels, or where there is no time for one.

    Args:
        problem: see `adapted_recipe`.
        labels: how good the architectures trained so far are.
        seconds: of computing that may be spent; see `adapted_recipe`.
    """
    if len(labels) < FEWEST or len(set(labels.values())) < 2:
        return None
    found = yield from adapted_recipe(problem, labels, evaluations=MOST_RECIPES, seconds=seconds)
    return None if found is None else FewShot(problem, found, list(labels))


def told(found: FewShot | None) -> dict[str, Any]:
    """What the summary tells of a search for a recipe."""
    if found is None:
        return {"reason": f"it takes {FEWEST} trained networks that differ and the time for {FEWEST_RECIPES} recipes"}
    return found.to_dict()
