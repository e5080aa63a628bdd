import pytest
from scipy.stats import binomtest

from nassay.errors import UserError
from nassay.gaps import difference_interval, wilson_interval


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (347, 360), (5, 9)])
def test_wilson_equals_scipy(right, n):
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("right", "other", "low", "high"), [(9, 3, 0.1705, 0.8090), (10, 0, 0.6075, 1.0000)])
def test_newcombe_published_examples(right, other, low, high):
    # Newcombe 1998, table II, method 10
    assert difference_interval(right / 10, other / 10, 10) == pytest.approx((low, high), abs=5e-5)


def test_the_difference_of_equals_spans_zero_and_turns_with_its_arguments():
    low, high = difference_interval(0.9, 0.9, 100)
    assert low < 0 < high
    assert difference_interval(0.7, 0.9, 50) == pytest.approx([-v for v in difference_interval(0.9, 0.7, 50)[::-1]])


@pytest.mark.parametrize(("share", "n"), [(1.2, 10), (-0.1, 10), (0.5, 0), (float("nan"), 5)])
def test_no_proportion(share, n):
    with pytest.raises(UserError, match="proportion"):
        wilson_interval(share, n)
