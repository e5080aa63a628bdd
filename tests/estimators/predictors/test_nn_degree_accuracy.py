"""The predictor's curve: recovered from its own values, bounded, never falling."""

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.predictors.nn_degree_accuracy import DegreeAccuracy


def curve(g: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return 1 / (a * np.exp(b / g) + c)


def test_exact_values_give_the_curve_back() -> None:
    g = np.random.default_rng(0).uniform(20, 120, 25)
    model = DegreeAccuracy.fit(g, curve(g, 0.4, 12.0, 0.7))
    assert (model.a, model.b, model.c) == pytest.approx((0.4, 12.0, 0.7), rel=1e-2)
    assert model.rmse < 1e-6
    assert model.predict([15.0, 300.0]) == pytest.approx(curve(np.array([15.0, 300.0]), 0.4, 12.0, 0.7), abs=1e-4)
    assert model.rise == pytest.approx(np.ptp(curve(g, 0.4, 12.0, 0.7)), abs=1e-4)


def test_25_noisy_networks_suffice() -> None:
    """Noise of 0.3 points: the curve itself is known to about a tenth of a point where the networks lie."""
    errors = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        g = rng.uniform(20, 120, 25)
        truth = np.linspace(20, 120, 50)
        model = DegreeAccuracy.fit(g, curve(g, 0.4, 12.0, 0.7) + rng.normal(0, 0.003, 25))
        errors.append(np.sqrt(np.mean((model.predict(truth) - curve(truth, 0.4, 12.0, 0.7)) ** 2)))
    assert np.median(errors) < 0.002


@pytest.mark.parametrize("seed", range(4))
def test_predictions_are_accuracies_and_never_fall(seed: int) -> None:
    """Whatever the accuracies are, those that fall with the degree included."""
    rng = np.random.default_rng(seed)
    g = rng.uniform(20, 120, 12)
    model = DegreeAccuracy.fit(g, np.clip(1.2 - g / 100 + rng.normal(0, 0.1, 12), 0, 1))
    predicted = model.predict(np.linspace(5, 500, 100))
    assert (np.diff(predicted) >= -1e-12).all()
    assert (predicted >= 0).all()
    assert (predicted <= 1).all()
    assert min(model.a, model.b, model.c) >= 0


def test_accuracies_that_fall_are_met_by_their_mean() -> None:
    g = np.linspace(20, 120, 10)
    y = 0.9 - g / 400
    model = DegreeAccuracy.fit(g, y)
    assert model.predict(g) == pytest.approx(np.full(10, y.mean()), abs=2e-3)


@pytest.mark.parametrize(
    ("degrees", "accuracies", "message"),
    [
        ([10, 20, 30], [0.1, 0.2, 0.3], "4 or more"),
        ([10, 20, 30, 40], [0.1, 0.2, 0.3], "4 networks and 3"),
        ([10, 20, 30, 0], [0.1, 0.2, 0.3, 0.4], "must be positive"),
        ([10, 20, 30, 40], [0.1, 0.2, 0.3, 40.0], "between 0 and 1"),
        ([10, 20, 30, 40], [0.1, 0.2, 0.3, float("nan")], "between 0 and 1"),
    ],
)
def test_wrong_measurements_are_refused(degrees: list[float], accuracies: list[float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        DegreeAccuracy.fit(degrees, accuracies)
