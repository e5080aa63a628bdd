"""Adapt the few-shot proxy to a task: discrete proxy search on the architectures that were trained on it.

A strategy delegates to `adapted_recipe` and so pays for the regressions as for everything else: through its study, with
its workers, into its ledger.
"""

from collections.abc import Generator, Mapping

from nassay.estimators.predictors.dps import EVALUATIONS, Found, search
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Recipe
from nassay.spaces.base import Architecture
from nassay.strategies.base import Record, Request
from nassay.strategies.problem import Problem

FEWEST_RECIPES = 8  # a search over fewer is not worth its name


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
