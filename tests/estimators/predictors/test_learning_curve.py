"""The common shape of learning curves: recovered where curves have one, and what it does to a ranking."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from nassay.estimators.predictors.learning_curve import Curve, CurveModel

Shape = Callable[[float], float]


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def curve(quality: float, shape: Shape, epochs: Sequence[float]) -> Curve:
    """Points of logit(accuracy) = quality + shape(ln epochs)."""
    return [(e, 1 / (1 + math.exp(-quality - shape(math.log(e))))) for e in epochs]


def straight(log_epochs: float) -> float:
    return 0.8 * log_epochs


def levelling(log_epochs: float) -> float:
    """Slope 1.5 up to eight epochs, 0.2 from there."""
    return 1.5 * min(log_epochs, math.log(8)) + 0.2 * max(0.0, log_epochs - math.log(8))


def test_a_straight_shape_is_recovered_exactly_and_extrapolated() -> None:
    """Networks seen at different times: no two curves share a point."""
    seen = [curve(-1.0, straight, [1, 2, 4]), curve(0.3, straight, [0.5, 3, 9]), curve(-0.2, straight, [5, 6])]
    model = CurveModel.fit(seen)
    for quality, points in zip((-1.0, 0.3, -0.2), seen, strict=True):
        for epochs in (10, 30, 100):
            assert model.project(points, epochs) == pytest.approx(curve(quality, straight, [epochs])[0][1])


def test_a_bent_shape_is_recovered_closely() -> None:
    epochs = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32]
    model = CurveModel.fit([curve(q, levelling, epochs) for q in (-1.0, -0.5, 0.2)])
    young = curve(-0.3, levelling, [1, 2])
    for later in (4, 8, 16, 32):
        expected = -0.3 + levelling(math.log(later))
        assert logit(model.project(young, later)) == pytest.approx(expected, abs=0.25)


def test_noise_averages_out() -> None:
    """Thirty curves with an error of 0.1 in each logit give the gain from 3 to 27 epochs, 0.8 ln 9 = 1.76."""
    rng = np.random.default_rng(0)

    def noisy(points: Curve) -> Curve:
        return [(e, 1 / (1 + math.exp(-logit(a) - rng.normal(scale=0.1)))) for e, a in points]

    model = CurveModel.fit([noisy(curve(q, straight, [1, 3, 9, 27])) for q in rng.normal(scale=0.5, size=30)])
    assert logit(model.project([(3, 0.5)], 27)) == pytest.approx(0.8 * math.log(9), abs=0.15)


def test_a_large_network_on_its_way_overtakes_a_small_one_that_has_levelled_off() -> None:
    """In equal time the small network saw 24 epochs, the large one three: it is behind now and ahead at 48."""
    small = curve(-0.9, levelling, [2, 4, 8, 16, 24])
    large = curve(0.2, levelling, [0.5, 1, 2, 3])
    model = CurveModel.fit([small, large, curve(-0.5, levelling, [1, 2, 4, 8, 16])])
    assert small[-1][1] > large[-1][1]
    assert model.project(small, 48) < model.project(large, 48)
    assert model.project(small, 48) < small[-1][1] + 0.1  # levelled off, and known to be


def test_no_epochs_to_go_change_nothing() -> None:
    model = CurveModel.fit([curve(0.0, straight, [1, 2, 4, 8])])
    for epochs in (4, 3, 0.1):
        assert model.project([(1, 0.2), (4, 0.7)], epochs) == pytest.approx(0.7)


def test_projections_rise_with_epochs_and_with_what_is_reached() -> None:
    model = CurveModel.fit([curve(q, levelling, [1, 2, 4, 8, 16]) for q in (-1.0, 0.0)])
    later = [model.project([(2, 0.4)], epochs) for epochs in (2, 3, 5, 9, 20, 50)]
    assert later == sorted(later)
    better = [model.project([(2, accuracy)], 20) for accuracy in (0.1, 0.3, 0.5, 0.9)]
    assert better == sorted(better)
    assert 0 < better[0] < better[-1] < 1


def test_falling_curves_are_not_projected_to_fall() -> None:
    model = CurveModel.fit([[(1, 0.6), (2, 0.5), (4, 0.4)], [(1, 0.7), (8, 0.3)]])
    assert (model.slopes >= 0).all()
    assert model.project([(4, 0.4)], 32) == pytest.approx(0.4, abs=1e-3)


def test_curves_of_one_point_keep_their_order() -> None:
    curves = [[(2.0, 0.3)], [(2.0, 0.5)], [(2.0, 0.4)]]
    model = CurveModel.fit(curves)
    low, high, middle = (model.project(points, 50) for points in curves)
    assert 0.3 <= low < middle < high < 1


def test_perfect_and_hopeless_accuracies_stay_finite() -> None:
    model = CurveModel.fit([[(1, 0.0), (2, 0.5), (4, 1.0)]])
    assert 0.99 < model.project([(4, 1.0)], 8) <= 1
    assert 0 <= model.project([(1, 0.0)], 1) < 0.01


def test_small_values_are_told_apart() -> None:
    """Average precisions from 1 to 50 in ten thousand follow the shape as large values do."""
    seen = [curve(quality, straight, [1, 2, 4]) for quality in (-9.0, -8.0, -7.0)]
    model = CurveModel.fit(seen)
    for quality, points in zip((-9.0, -8.0, -7.0), seen, strict=True):
        assert points[-1][1] < 0.005
        assert model.project(points, 30) == pytest.approx(curve(quality, straight, [30])[0][1])


def test_points_of_nothing_do_not_bend_the_shape() -> None:
    late: Curve = [(0.1, 0.0), (0.5, 0.0), *curve(-3.0, straight, [2, 4, 8])]
    model = CurveModel.fit([late, curve(0.3, straight, [1, 2, 4]), [(1, 0.0), (2, 0.0)]])
    assert model.project(late, 30) == pytest.approx(curve(-3.0, straight, [30])[0][1])
    assert model.project([(2, 0.0)], 30) < model.project([(2, 0.001)], 30)


def test_networks_that_have_learnt_nothing_yet_are_projected_to_nothing() -> None:
    assert CurveModel.fit([[(1, 0.0), (2, 0.0)]]).project([(2, 0.0)], 30) == pytest.approx(1e-5)


def test_without_a_curve_there_is_no_model() -> None:
    with pytest.raises(ValueError, match="at least one curve"):
        CurveModel.fit([])
