from collections.abc import Callable
from itertools import islice

import pytest

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.estimators.predictors.dps import Found
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Recipe
from nassay.spaces.base import Architecture, Space
from nassay.strategies import Problem, Record
from nassay.strategies.adaptation import adapted_recipe


def drive(toy: Space, loss: Callable[[Recipe, int], float], **limits: float) -> tuple[Found | None, list[Record]]:
    """Answer requests by a formula of the recipe and the architecture's params; a regression takes 2 s."""
    problem = Problem(toy, seed=1)
    labels = {a: float(problem.profile(a).params) for a in islice(problem.stream("labels"), 10)}
    plan = adapted_recipe(problem, labels, **limits)  # type: ignore[arg-type]
    paid: list[Record] = []
    requests = next(plan)
    while True:
        records = []
        for request in requests:
            assert request.architecture in labels
            recipe = Recipe.parse(request.estimator.removeprefix("eproxy:"))
            value = loss(recipe, problem.profile(request.architecture).params)
            records.append(Record(request, Estimate.of(value, seconds=2.0)))
        paid += records
        try:
            requests = plan.send(records)
        except StopIteration as stop:
            return stop.value, paid


def honest(recipe: Recipe, params: int) -> float:
    """Only recipes with slow learning are right; the others have it the wrong way round."""
    return -params if recipe.learning_rate < 0.8 else params


def test_the_search_is_paid_for_by_requests(toy: Space) -> None:
    found, paid = drive(toy, honest, evaluations=20)
    assert found is not None
    assert found.recipe.learning_rate < 0.8
    assert found.rho == pytest.approx(1)
    assert found.evaluations == 20
    assert {r.request.fidelity for r in paid} == {None}
    assert paid[0].request.estimator == PLAIN.name


def test_the_time_decides_how_many_recipes_are_tried(toy: Space) -> None:
    """Ten labels at 2 s each make 20 s a recipe: 300 s are fifteen, plain Eproxy among them."""
    found, _ = drive(toy, honest, seconds=300)
    assert found is not None
    assert found.evaluations == 14


def test_no_time_no_search(toy: Space) -> None:
    found, paid = drive(toy, honest, seconds=100)
    assert found is None
    assert len(paid) == 10


def test_labels_are_needed(toy: Space) -> None:
    with pytest.raises(UserError, match="at least 8"):
        next(adapted_recipe(Problem(toy), {Architecture("toy", (0,) * 8): 1.0}))
