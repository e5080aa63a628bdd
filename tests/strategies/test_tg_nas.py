"""The search by a predictor: what pruning and evolution find, judged by an independent look at the whole space."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.topology.tg_nas import predict
from nassay.spaces.base import Architecture, Graph, Space, spaces
from nassay.spaces.blocks import chain_graph
from nassay.spaces.nb201 import NB201
from nassay.spaces.resnet import ResNet
from nassay.strategies import Budget, Constraints, Problem, strategies
from nassay.strategies.tg_nas import TGNAS, _without_least, is_chain


@pytest.fixture
def additive(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The predictor replaced by a sum of a value for each operation."""
    values = {"nor_conv_3x3": 3.0, "nor_conv_1x1": 2.0, "avg_pool_3x3": -1.0, "skip_connect": 0.5}

    def predicted(graphs: list[Graph]) -> np.ndarray:
        return np.array([sum(values.get(x, 0.0) for x in g.labels) if g.edges else np.nan for g in graphs])

    monkeypatch.setattr("nassay.strategies.tg_nas.predict", predicted)
    return values


def test_an_option_goes_whose_removal_leaves_the_best() -> None:
    column, values = np.array([0, 0, 2, 2, 5, 5]), np.array([1.0, 2.0, 9.0, 8.0, 4.0, 3.0])
    assert _without_least(np.array([0, 2, 5]), column, values).tolist() == [2, 5]  # without 0 the mean is 6
    assert _without_least(np.array([7]), np.full(6, 7), values).tolist() == [7]


def test_an_option_that_alone_has_scores_stays() -> None:
    column, values = np.array([0, 0, 1]), np.array([np.nan, np.nan, -5.0])
    assert _without_least(np.array([0, 1]), column, values).tolist() == [1]


def test_pruning_and_evolution_find_the_best_of_a_sum(additive: dict[str, float]) -> None:
    strategy = TGNAS(Problem(NB201(), seed=3))
    best = Architecture("nb201", (3,) * 6)
    assert strategy.search() == strategy.pruned == best
    assert strategy.scores[strategy.evolved] >= 0.85 * strategy.scores[best]
    assert strategy.by_score()[0] == best


def test_the_shipped_predictor_s_best_cells_are_found() -> None:
    space = NB201()
    cells = {space.canonical(Architecture("nb201", c)) for c in product((1, 2, 3), repeat=6)}
    everything = predict([space.graph(a) for a in cells])
    strategy = TGNAS(Problem(space))
    best = strategy.search()
    found = strategy.scores[best]
    assert (everything > found + 1e-5).mean() < 0.01


def test_limits_hold_from_the_first_score_on(additive: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(NB201(), Constraints(max_params=1))
    monkeypatch.setattr(problem, "admits", lambda a: a.choices.count(3) <= 2)
    strategy = TGNAS(problem)
    found = strategy.search()
    assert all(a.choices.count(3) <= 2 for a in strategy.by_score())
    assert any(a.choices.count(3) > 2 for a in strategy.scores)
    assert strategy.scores[found] == strategy.scores[strategy.by_score()[0]]
    assert strategy.scores[found] >= 12.0  # of 14, the best within the limit


def test_the_best_predicted_are_trained_and_some_random_draws(additive: dict[str, float], oracle: Any) -> None:
    problem = Problem(NB201(), budget=Budget(evaluations=16))
    strategy = TGNAS(problem)
    records = oracle(problem).drive(strategy)
    trained = [r.request.architecture for r in records if r.request.estimator == "training"]
    assert len(trained) == 16
    scores = [strategy.scores.get(a, -np.inf) for a in trained[:14]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == max(s for s in strategy.scores.values() if not np.isnan(s))
    drawn = problem.stream("random")
    assert trained[14:] == [next(drawn), next(drawn)]
    assert strategy.random_baseline in trained[14:]
    asked = [r.request.architecture for r in records if r.request.estimator == "tg_nas"]
    assert asked == trained  # so that the report can hold the predictor against training


def test_a_table_is_not_asked_for_predictions(additive: dict[str, float], oracle: Any) -> None:
    problem = Problem(NB201(), budget=Budget(evaluations=4), replay=True)
    assert {r.request.estimator for r in oracle(problem).drive(TGNAS(problem))} == {"training"}


def test_a_space_whose_graphs_hide_the_choices_is_refused() -> None:
    with pytest.raises(UserError, match="do not show"):
        TGNAS(Problem(ResNet())).ask()


@pytest.mark.parametrize("name", ["mobile", "nb_macro"])
def test_chains_of_blocks_are_refused_and_spaces_of_cells_are_named(name: str) -> None:
    with pytest.raises(UserError, match=r"chains of blocks\. It is for spaces of cells, such as nb201"):
        TGNAS(Problem(spaces[name].target((3, 32, 32), 10))).ask()


@pytest.mark.parametrize("name", ["nb101", "transnas_micro", "darts", "pnas", "cell64", "tiny201"])
def test_cells_are_no_chains(name: str) -> None:
    TGNAS.check_space(spaces[name].target((3, 32, 32), 10))


def test_shortcuts_leave_a_chain_a_chain_and_branches_do_not() -> None:
    assert is_chain(chain_graph([("stem", False), ("k3e6", True), ("k5e3", True), ("tail", False)]))
    branches = ("input", "nor_conv_3x3", "nor_conv_1x1", "output")
    assert not is_chain(Graph(branches, ((0, 1), (0, 2), (1, 3), (2, 3))))
    assert not is_chain(Graph(branches, ((0, 1), (1, 2), (1, 3))))  # the second leads nowhere
    assert not is_chain(Graph(("input", "output"), ()))


def test_without_a_space_cells_are_searched() -> None:
    assert strategies["tg_nas"].target.default_space == "nb201"


def test_a_graph_without_operations_is_searched_too(toy: Space) -> None:
    assert TGNAS(Problem(toy)).search() is not None
