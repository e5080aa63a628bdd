"""Hierarchical SHGO: against random sampling, under limits and prices, and where nothing is feasible."""

import numpy as np
import pytest

from nassay.estimators.analytic import Analytic
from nassay.estimators.devices.linear_cost import Totals
from nassay.estimators.predictors.nn_degree_accuracy import DegreeAccuracy
from nassay.spaces.skip_nets import SkipAdd, SkipConcat, SkipNets
from nassay.strategies.hierarchical_shgo import HIGH, LOW, UNIT, HierarchicalShgo

THETA = DegreeAccuracy(0.4, 30.0, 0.65, 0.0, 0.1).predict
SPACES = [SkipAdd((1, 14, 14), 10), SkipConcat((1, 14, 14), 10)]


def macs(totals: Totals) -> np.ndarray:
    return totals.macs


def params(totals: Totals) -> np.ndarray:
    return totals.params


def random_points(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return LOW + np.round(rng.uniform(0, HIGH - LOW, (count, len(LOW))) / UNIT) * UNIT


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
@pytest.mark.parametrize("limit", [8e6, 60e6])
def test_limits_are_kept_and_random_networks_beaten(space: SkipNets, limit: float) -> None:
    optimiser = HierarchicalShgo(space, THETA, {"macs": macs}, limits={"macs": limit})
    found = optimiser.search()
    assert found is not None
    assert Analytic.of(space).profile(found).macs <= limit
    points = random_points(20_000)
    feasible = (optimiser.slack(points, whole=True) >= 0).all(-1)
    best = optimiser.objective(points, whole=True)[feasible].max(initial=-np.inf)
    cells = space.cells(found)
    skips = [c.skips * (c.width if space.concat else 1) / c.depth for c in cells]
    assert np.log(THETA(sum(c.width for c in cells) + sum(skips))) >= best - 0.005
    assert 0 < optimiser.evaluations < 2000


def test_without_limits_the_largest_degree_is_found() -> None:
    """Of added skips g = 56 m + sum of s / d: the widest, and of 13 layers with 66 skips, or 14 with 70."""
    found = HierarchicalShgo(SPACES[0], THETA, {}, limits={}).search()
    assert found is not None
    cells = SPACES[0].cells(found)
    assert [c.width for c in cells] == [24, 48, 96]
    assert {(c.depth, c.skips) for c in cells} <= {(13, 66), (14, 70)}


def test_prices_lead_to_smaller_networks() -> None:
    space = SPACES[1]
    sizes = []
    for alpha in (0.01, 0.3):
        optimiser = HierarchicalShgo(space, THETA, {"params": params}, limits={}, exponents={"params": alpha})
        found = optimiser.search()
        assert found is not None
        sizes.append(Analytic.of(space).profile(found).params)
    assert sizes[0] > sizes[1]


def test_objective_and_slack_by_hand() -> None:
    optimiser = HierarchicalShgo(
        SPACES[0], np.sqrt, {"macs": macs, "params": params}, limits={"macs": 1e7}, exponents={"params": 0.5}
    )
    point = np.array([1.0, 5, 5, 5, 4, 0, 9])  # nine skips: there is room for six
    space = SPACES[0]
    profile = Analytic.of(space).profile(space.from_string("skip_add:w1.0-d5s4-d5s0-d5s6"))
    degree = 8 + 16 + 32 + 4 / 5 + 6 / 5
    assert optimiser.objective(point) == pytest.approx(0.5 * np.log(degree) - 0.5 * np.log(profile.params))
    assert optimiser.slack(point) == pytest.approx([1 - profile.macs / 1e7])


def test_channels_are_rounded_at_the_end() -> None:
    optimiser = HierarchicalShgo(SPACES[0], np.asarray, {}, limits={})
    point = np.array([1.1, 5, 5, 5, 0, 0, 0])
    assert optimiser.objective(point) == pytest.approx(np.log(1.1 * (8 + 16 + 32)))
    assert optimiser.objective(point, whole=True) == pytest.approx(np.log(9 + 18 + 35))


def test_nothing_is_found_where_nothing_is_feasible() -> None:
    assert HierarchicalShgo(SPACES[1], THETA, {"macs": macs}, limits={"macs": 1e5}).search() is None


def test_a_search_repeats_itself_and_finds_others_if_asked_for() -> None:
    optimiser = HierarchicalShgo(SPACES[1], THETA, {"macs": macs}, limits={"macs": 3e7})
    best = optimiser.search()
    assert best is not None
    assert optimiser.search() == best
    second = optimiser.search({best})
    assert second is not None
    assert second != best
    assert Analytic.of(SPACES[1]).profile(second).macs <= 3e7
