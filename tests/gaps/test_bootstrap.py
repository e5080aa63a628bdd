import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from nassay.gaps import bootstrap
from nassay.gaps.bootstrap import rank_resamples


def pairs(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Columns with ties in both."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n, size=n).astype(float)
    return x, np.round(x / 2 + rng.normal(size=n))


def drawn_columns(x: np.ndarray, y: np.ndarray, resamples: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same resamples written out item by item, for the correlations of SciPy."""
    n = len(x)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return [(np.repeat(x, w), np.repeat(y, w)) for w in counts]


@pytest.mark.parametrize("n", [5, 23])
def test_every_resample_equals_scipy_on_the_drawn_items(n):
    x, y = pairs(n)
    found = rank_resamples(x, y, resamples=40, seed=3)
    columns = [(a, b) for a, b in drawn_columns(x, y, 40, 3) if np.ptp(a) > 0 and np.ptp(b) > 0]
    np.testing.assert_allclose(found.tau, [kendalltau(a, b).statistic for a, b in columns], atol=1e-12)
    np.testing.assert_allclose(found.rho, [spearmanr(a, b).statistic for a, b in columns], atol=1e-12)


def test_blocks_of_rows_give_the_same_numbers(monkeypatch):
    x, y = pairs(17)
    whole = rank_resamples(x, y, resamples=20, seed=0)
    monkeypatch.setattr(bootstrap, "_BLOCK", 17 * 5)
    blocks = rank_resamples(x, y, resamples=20, seed=0)
    np.testing.assert_allclose(blocks.tau, whole.tau, atol=1e-12)
    np.testing.assert_allclose(blocks.rho, whole.rho, atol=1e-12)


@pytest.mark.parametrize("y", [pairs(23)[1], np.eye(1, 23)[0]], ids=["ties", "nearly constant"])
def test_sorting_every_resample_gives_the_same_numbers(monkeypatch, y):
    x, _ = pairs(23)
    whole = rank_resamples(x, y, resamples=30, seed=2)
    monkeypatch.setattr(bootstrap, "_SORT_FROM", 23)
    one_by_one = rank_resamples(x, y, resamples=30, seed=2)
    np.testing.assert_allclose(one_by_one.tau, whole.tau, atol=1e-12)
    np.testing.assert_allclose(one_by_one.rho, whole.rho, atol=1e-12)
    assert one_by_one.dropped == whole.dropped


def test_constant_resamples_are_left_out_and_counted():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])
    found = rank_resamples(x, y, resamples=200, seed=0)
    constant = sum(bool(np.ptp(a) == 0 or np.ptp(b) == 0) for a, b in drawn_columns(x, y, 200, 0))
    assert found.dropped == constant > 0
    assert len(found.tau) == len(found.rho) == 200 - constant
    assert np.isfinite(found.tau).all()


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    x, y = pairs(10)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (rank_resamples(x, y, resamples=30, seed=s).tau for s in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
