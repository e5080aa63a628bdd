import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.devices.transfer import (
    AVERAGE,
    COUNTS,
    DEVIATION,
    NOISE,
    Population,
    Transferred,
    left_out,
    most_telling,
)

SOURCES = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]])
SIZES = np.array([[0.0], [2.0], [4.0]])


def many(n=60, devices=4, seed=0):
    """Networks of three sizes each; devices that weigh the sizes differently."""
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(1, 5, (n, 3))
    return sizes, sizes @ rng.uniform(0.5, 2.0, (3, devices))


def test_rows_by_hand():
    found = Population.of(SOURCES, SIZES).rows(SOURCES, SIZES)
    # relative to the medians 2 and 20: (.5, 1, 1.5) of mean 1, and (.5, 1, 3) of mean 1.5
    relative = np.array([[-0.5, -1.0], [0.0, -0.5], [0.5, 1.5]])
    average = relative.mean(axis=1)
    assert found[:, 0].tolist() == [1, 1, 1]
    assert found[:, 1] == pytest.approx(AVERAGE * average)
    assert found[:, 2:4] == pytest.approx(DEVIATION * (relative - average[:, None]) / np.sqrt(2))
    assert found[:, 4] == pytest.approx(COUNTS * (SIZES[:, 0] - 2) / np.sqrt(8 / 3))


def test_sizes_that_never_vary_say_nothing():
    assert (Population.of(SOURCES, np.ones((3, 1))).rows(SOURCES, np.ones((3, 1)))[:, 4] == 0).all()


def test_weights_solve_the_ridge():
    rows, y = Population.of(SOURCES, SIZES).rows(SOURCES, SIZES), np.array([2.0, 4.0, 8.0])
    weights = Transferred.fit(rows, y).weights / 4 - np.eye(5)[0]
    gradient = rows.T @ (rows @ weights - (y / 4 - 1)) + NOISE * weights
    assert gradient == pytest.approx(np.zeros(5), abs=1e-12)


def test_a_device_that_mixes_the_others_is_found_from_ten_measurements():
    sizes, latencies = many()
    new = 3 * latencies[:, 0] + latencies[:, 1]
    rows = Population.of(latencies, sizes).rows(latencies, sizes)
    measured = most_telling(rows, 10)
    predicted = Transferred.fit(rows[measured], new[measured]).predict(rows)
    assert np.abs(predicted / new - 1).max() < 0.05


def test_units_do_not_matter():
    sizes, latencies = many()
    rows = Population.of(latencies, sizes).rows(latencies, sizes)
    scaled = Population.of(latencies * [1, 10, 100, 1000], sizes).rows(latencies * [1, 10, 100, 1000], sizes)
    y = latencies[:10] @ np.ones(4)
    one = Transferred.fit(rows[:10], y).predict(rows)
    assert Transferred.fit(scaled[:10], 7 * y).predict(scaled) == pytest.approx(7 * one)


def test_the_most_telling_network_is_the_one_that_is_like_most_others():
    # two networks that are alike say something of each other; the third stands alone and is smaller
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.5]])
    assert most_telling(rows, 2) == [0, 2]
    assert sorted(most_telling(rows, 9)) == [0, 1, 2]


def test_each_prediction_left_out_has_not_seen_its_network():
    sizes, latencies = many()
    rows = Population.of(latencies, sizes).rows(latencies, sizes)[:6]
    y = latencies[:6, 0].copy()
    before = left_out(rows, y)[2]
    y[2] *= 50
    assert left_out(rows, y)[2] == pytest.approx(before)


@pytest.mark.parametrize("latencies", [[1.0, 2.0], [1.0, 2.0, 0.0], [1.0, 2.0, np.nan], [1.0, 2.0, 3.0, 4.0]])
def test_measurements_that_cannot_be_used_are_refused(latencies):
    rows = Population.of(SOURCES, SIZES).rows(SOURCES, SIZES)
    with pytest.raises(UserError, match="3 or more positive latencies"):
        Transferred.fit(rows, latencies)


@pytest.mark.parametrize("sources", [np.zeros((3, 0)), np.array([[1.0], [0.0], [2.0]]), np.full((3, 1), np.nan)])
def test_sources_that_cannot_be_used_are_refused(sources):
    with pytest.raises(UserError, match="source devices"):
        Population.of(sources, SIZES)
