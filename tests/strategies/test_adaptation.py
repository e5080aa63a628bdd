from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.estimators.predictors.dps import Found
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Recipe
from nassay.spaces.base import Architecture, Space
from nassay.strategies import Problem, Record, Request
from nassay.strategies.adaptation import FewShot, adapted_recipe, few_shot, told


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


# The proxy as a source ------------------------------------------------------------------------------------------


def found_with(unseen: list[list[float]], **facts: float) -> Found:
    rhos = {"fitness": 0.0, "rho": 0.0, "expected": 0.5, "plain": 0.25, **facts}
    return Found(PLAIN, evaluations=8, unseen=np.array(unseen), **rhos)  # type: ignore[arg-type]


def drained(plan: Any, value: Callable[[Request], float | None]) -> tuple[list[Request], Any]:
    """Answer all requests by a formula; what was asked, and what the plan returned."""
    asked: list[Request] = []
    try:
        batch = next(plan)
        while True:
            asked += batch
            answers = [(r, value(r)) for r in batch]
            batch = plan.send([Record(r, Estimate.failed("no") if v is None else Estimate.of(v)) for r, v in answers])
    except StopIteration as stop:
        return asked, stop.value


def test_the_macs_term_is_added_to_the_regression(toy: Space) -> None:
    problem = Problem(toy)
    a, b = islice(problem.stream("two"), 2)
    recipe = Recipe(alpha=0.5, max_macs=1000)
    proxy = FewShot(problem, replace(found_with([[]]), recipe=recipe), [])
    asked, _ = drained(proxy.ask([a, b, a]), lambda r: 2.0 if r.architecture == a else None)
    assert asked == [Request(a, PLAIN.name), Request(b, PLAIN.name)]
    assert proxy.scores([a, b]) == [pytest.approx(-2.0 * (1 - problem.profile(a).macs / 2000)), None]
    assert drained(proxy.ask([b, a]), lambda r: 0.0)[0] == []


def test_pairs_of_labelled_networks_count_by_recipes_that_have_not_seen_them(toy: Space) -> None:
    """Four labelled networks: of the pairs (0, 1) and (2, 3) one recipe orders the first, another none; the only
    other pair that is comparable, with the fifth network, is ordered by the found recipe."""
    problem = Problem(toy)
    networks = list(islice(problem.stream("five"), 5))
    nan = float("nan")
    proxy = FewShot(problem, found_with([[2, 1, nan, nan], [nan, nan, 1, 2]]), networks[:4])
    drained(proxy.ask(networks), lambda r: 5.0 - networks.index(r.architecture))
    truth = dict(zip(networks, [1.0, 2.0, 3.0, 4.0, 5.0], strict=True))
    pairs = np.zeros((5, 5), dtype=bool)
    for i, j in ((0, 1), (2, 3), (0, 4)):
        pairs[i, j] = pairs[j, i] = True
    assert proxy.judged(truth, pairs) == pytest.approx((2 * 0.5 + 1 * 1.0) / 3)
    assert proxy.to_dict()["concordance"] == proxy.concordance
    assert proxy.judged(truth, np.zeros((5, 5), dtype=bool)) == 0.5


def test_a_recipe_by_chance_is_not_trusted() -> None:
    assert found_with([[]]).trusted
    assert not found_with([[]], expected=0.25).trusted


def test_too_few_labels_are_no_search(toy: Space) -> None:
    problem = Problem(toy)
    labels = dict.fromkeys(islice(problem.stream("labels"), 9), 1.0)
    assert drained(few_shot(problem, labels, None), lambda r: 0.0) == ([], None)  # all alike
    seven = {a: float(i) for i, a in enumerate(list(labels)[:7])}
    assert drained(few_shot(problem, seven, None), lambda r: 0.0) == ([], None)
    assert "8 trained networks" in told(None)["reason"]
