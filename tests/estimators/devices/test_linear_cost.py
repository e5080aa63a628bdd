"""Linear costs: totals in closed form against counted ones, and a linear cost found exactly."""

from dataclasses import asdict

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.devices.linear_cost import LinearCost, Totals, skip_net_totals, totals_of
from nassay.spaces.base import Architecture
from nassay.spaces.skip_nets import SkipAdd, SkipConcat, SkipNets

TEXTS = ("w1.5-d5s6-d7s3-d9s20", "w2.0-d9s13-d5s2-d6s10")


def closed_form(space: SkipNets, architecture: Architecture) -> Totals:
    cells = space.cells(architecture)
    sizes = [np.array([getattr(c, name) for c in cells], dtype=float) for name in ("width", "depth", "skips")]
    return skip_net_totals(space, *sizes)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 21)], ids=str)
@pytest.mark.parametrize("family", [SkipAdd, SkipConcat])
def test_closed_forms_are_exact_for_whole_sizes(family: type[SkipNets], shape: tuple[int, int, int]) -> None:
    space = family(shape, 7)
    for text in TEXTS:
        architecture = space.from_string(f"{space.name}:{text}")
        counted = Analytic.of(space).profile(architecture)
        found = closed_form(space, architecture)
        assert (found.macs, found.params) == (counted.macs, counted.params)
        assert found.traffic_bytes == totals_of(counted).traffic_bytes


def test_many_networks_at_once() -> None:
    space, rng = SkipConcat((3, 16, 16), 5), np.random.default_rng(0)
    sizes = rng.uniform(8, 60, (4, 3)), rng.uniform(5, 30, (4, 3)), rng.uniform(0, 70, (4, 3))
    together = skip_net_totals(space, *sizes)
    for i in range(4):
        alone = skip_net_totals(space, *(column[i] for column in sizes))
        assert [t[i] for t in together] == pytest.approx([float(t) for t in alone])


def linear(totals: Totals) -> float:
    return float(0.3 + 2e-7 * totals.macs + 1e-6 * totals.params + 3e-8 * totals.traffic_bytes)


@pytest.fixture(scope="module")
def profiles() -> list:
    space, rng = SkipConcat((1, 8, 8), 3), np.random.default_rng(1)
    return [Analytic.of(space).profile(space.scaled(space.sample(rng), 0.3)) for _ in range(12)]


def test_a_linear_cost_is_found_exactly(profiles: list) -> None:
    model = LinearCost.fit(profiles[:9], [linear(totals_of(p)) for p in profiles[:9]])
    unseen = [float(model.predict(totals_of(p))) for p in profiles[9:]]
    assert unseen == pytest.approx([linear(totals_of(p)) for p in profiles[9:]], rel=1e-4)
    assert model.error.mape < 1e-3
    assert min(model.weights) >= 0


def test_an_estimate_carries_the_error(profiles: list) -> None:
    model = LinearCost.fit(profiles, [linear(totals_of(p)) for p in profiles])
    found = model.estimate(profiles[0])
    assert found.value == pytest.approx(linear(totals_of(profiles[0])), rel=1e-4)
    assert found.details == asdict(model.error)
    assert model.error.n == 12


@pytest.mark.parametrize(("count", "value", "message"), [(7, 1.0, "8 or more"), (8, -1.0, "positive numbers")])
def test_wrong_measurements_are_refused(profiles: list, count: int, value: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        LinearCost.fit(profiles[:count], [value] * count)
