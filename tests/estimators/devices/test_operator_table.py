import json
from itertools import product

import numpy as np
import pytest
from torch import nn

from nassay.errors import UserError
from nassay.estimators.analytic import profile
from nassay.estimators.devices.operator_table import KINDS, Operator, OperatorTable, operators

CONV = Operator("conv", (3, 3), (1, 1), 1, 16, 32, 64, 64)


def pointwise(c_in, c_out, positions=64):
    return Operator("pointwise", (1, 1), (1, 1), 1, c_in, c_out, positions, positions)


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 5, padding=2, groups=8),
        nn.Conv2d(8, 16, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    )


def test_the_operators_of_a_network():
    found = operators(profile(network(), (3, 8, 8)))
    assert found == [
        Operator("conv", (3, 3), (2, 2), 1, 3, 8, 64, 16),
        Operator("depthwise", (5, 5), (1, 1), 8, 8, 8, 16, 16),
        Operator("pointwise", (1, 1), (1, 1), 1, 8, 16, 16, 16),
        Operator("pool", (1, 1), (1, 1), 1, 16, 16, 16, 1),
        Operator("vector", (1, 1), (1, 1), 1, 16, 4, 1, 1),
    ]


def test_macs_of_operators_are_those_of_the_layers():
    whole = profile(network(), (3, 8, 8))
    assert sum(o.macs for o in operators(whole)) == whole.macs


def test_an_activation_is_fused_into_a_product_and_into_nothing_else():
    fused = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.ReLU())
    assert [o.kind for o in operators(profile(fused, (1, 4, 4)))] == ["pointwise"]
    alone = nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.ReLU())
    assert [o.kind for o in operators(profile(alone, (1, 4, 4)))] == ["pool", "elementwise"]


def test_json_keeps_an_operator():
    assert Operator.from_json(json.loads(json.dumps({**CONV.to_json(), "median_ms": 1.0}))) == CONV


def test_what_was_timed_is_looked_up():
    table = OperatorTable({CONV: 0.25, pointwise(8, 8): 0.125})
    assert table.times_ms([pointwise(8, 8), CONV]).tolist() == [0.125, 0.25]


def test_a_power_law_is_followed_between_and_beyond_the_entries():
    channels = (8, 16, 32, 64)
    timed = {o: 1e-6 * o.macs for o in (pointwise(a, b) for a, b in product(channels, channels))}
    table = OperatorTable(timed)
    between, beyond = pointwise(24, 48), pointwise(96, 96)
    assert table.times_ms([between])[0] == pytest.approx(1e-6 * between.macs, rel=0.1)
    assert table.times_ms([beyond])[0] == pytest.approx(1e-6 * beyond.macs, rel=0.3)


def test_predictions_do_not_depend_on_what_was_asked_before():
    timed = {pointwise(8 * i, 8): 1e-3 * i for i in range(1, 6)}
    first, second = OperatorTable(timed), OperatorTable(timed)
    first.times_ms([pointwise(200, 8)])
    assert first.times_ms([pointwise(20, 8)])[0] == pytest.approx(second.times_ms([pointwise(20, 8)])[0])


def test_sums_by_kind():
    found = operators(whole := profile(network(), (3, 8, 8)))
    table = OperatorTable({o: 0.5 * (i + 1) for i, o in enumerate(found)})
    sums = dict(zip(KINDS, table.sums(whole).tolist(), strict=True))
    assert sums == {
        "conv": 0.5, "depthwise": 1.0, "pointwise": 1.5, "pool": 2.0, "vector": 2.5, "elementwise": 0.0
    }  # fmt: skip


def test_a_kind_that_was_never_timed_takes_no_time_of_its_own():
    assert OperatorTable({CONV: 1.0}).times_ms([pointwise(8, 8)]).tolist() == [0.0]


def test_times_below_the_clock_stay_positive():
    found = OperatorTable({CONV: -0.01, pointwise(8, 8): 0.0}).times_ms([CONV, pointwise(8, 8)])
    assert (found > 0).all()
    assert np.isfinite(found).all()


def test_an_empty_table_is_refused():
    with pytest.raises(UserError, match="Measure the device again"):
        OperatorTable({})
