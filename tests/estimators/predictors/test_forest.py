"""The forest's moments, what it is seeded by, and expected improvement by hand and by integration."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from nassay.estimators.predictors.forest import ProbabilisticForest, expected_improvement


@pytest.mark.parametrize(("mean", "deviation"), [(0.7, 0.1), (0.9, 0.2), (1.1, 0.3), (0.2, 0.05)])
def test_expected_improvement_is_the_mean_of_what_exceeds_the_best(mean: float, deviation: float) -> None:
    best = 0.9
    density = norm(mean, deviation).pdf
    expected, _ = quad(lambda y: (y - best) * density(y), best, mean + 12 * deviation)
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert found == pytest.approx([expected], abs=1e-7)


def test_expected_improvement_by_hand() -> None:
    """At z = 0 it is s phi(0); without spread it is nothing, however good the mean."""
    found = expected_improvement(np.array([0.5, 0.5, 2.0]), np.array([2.0, 0.0, 0.0]), 0.5)
    assert found == pytest.approx([2 / np.sqrt(2 * np.pi), 0, 0])


def test_moments_are_those_of_the_trees() -> None:
    rng = np.random.default_rng(0)
    features, truth = rng.normal(size=(40, 3)), rng.normal(size=40)
    forest = ProbabilisticForest(1).fit(features, truth)
    each = np.stack([tree.predict(features.astype(np.float32)) for tree in forest.trees])
    mean, deviation = forest.moments(features)
    assert mean == pytest.approx(each.mean(0))
    assert deviation == pytest.approx(each.std(0))
    assert np.array_equal(forest.predict(features), mean)


def test_what_was_seen_is_more_certain_than_what_was_not() -> None:
    """One-hot choices; the first choice decides and was seen with two of its three options only."""
    rng = np.random.default_rng(0)
    features = np.eye(3)[rng.integers(2, size=60)]
    truth = features[:, 0] + 0.01 * rng.normal(size=60)
    mean, _ = ProbabilisticForest(0).fit(features, truth).moments(np.eye(3))
    assert mean[0] == pytest.approx(1, abs=0.05)
    assert mean[1] == pytest.approx(0, abs=0.05)


def test_a_constant_truth_has_no_spread() -> None:
    features = np.random.default_rng(0).normal(size=(10, 2))
    mean, deviation = ProbabilisticForest(0).fit(features, np.full(10, 0.25)).moments(features)
    assert mean == pytest.approx(0.25)
    assert deviation == pytest.approx(0)


def test_the_seed_alone_decides() -> None:
    rng = np.random.default_rng(0)
    features, truth = rng.normal(size=(30, 4)), rng.normal(size=30)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (ProbabilisticForest(s).fit(features, truth).predict(features) for s in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
