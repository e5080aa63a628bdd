import json
import math

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.gaps import gap


def test_perfect_and_reversed_rankings():
    true = [1.0, 2.0, 3.0, 4.0, 5.0]
    up = gap("proxy", "accuracy", [10, 20, 30, 40, 50], true)
    down = gap("proxy", "accuracy", [50, 40, 30, 20, 10], true)
    assert (up.kendall_tau, up.spearman_rho, up.regret, up.top_k_recall) == pytest.approx((1, 1, 0, 1))
    assert (up.ci_low, up.ci_high) == pytest.approx((1, 1))
    assert (down.kendall_tau, down.spearman_rho, down.regret, down.top_k_recall) == pytest.approx((-1, -1, 4, 0))


def test_tau_b_with_ties_by_hand():
    # pairs: (1,2)+ (1,3)+ (2,3) tied in x -> concordant 2, discordant 0; untied in x 2, untied in y 3
    assert gap("p", "t", [1, 2, 2], [1, 2, 3]).kendall_tau == pytest.approx(2 / math.sqrt(2 * 3))


def test_direction_turns_the_sign_but_not_the_level():
    cheap, true = [3.0, 1.0, 2.0, 5.0], [0.1, 0.4, 0.3, 0.2]
    plain = gap("p", "t", cheap, true, same_unit=True)
    turned = gap("p", "t", cheap, true, same_unit=True, direction=-1)
    assert turned.kendall_tau == pytest.approx(-plain.kendall_tau)
    assert turned.level_difference == plain.level_difference == pytest.approx(2.75 - 0.25)
    assert turned.regret == pytest.approx(0.0)
    assert plain.regret == pytest.approx(0.2)


def test_level_difference_needs_one_unit():
    assert gap("p", "t", [1, 2, 3], [1, 2, 3]).level_difference is None


def test_missing_values_lower_the_coverage():
    report = gap("p", "t", [1.0, None, math.nan, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, None])
    assert report.n == 3
    assert report.coverage == pytest.approx(3 / 5)
    assert report.kendall_tau == pytest.approx(1.0)


def test_ties_at_the_top_count_by_chance():
    # k = 1 of 4; the estimator's best two are tied, one of them is the truly best
    report = gap("p", "t", [2, 2, 1, 0], [0.9, 0.5, 0.3, 0.1])
    assert report.top_k == 1
    assert report.top_k_recall == pytest.approx(0.5)
    assert report.regret == pytest.approx(0.9 - (0.9 + 0.5) / 2)


def test_top_k_is_a_tenth():
    n = 30
    cheap = np.arange(n, dtype=float)
    true = cheap.copy()
    true[[29, 0]] = true[[0, 29]]  # the estimator's best is truly the worst
    report = gap("p", "t", cheap.tolist(), true.tolist())
    assert report.top_k == 3
    assert report.top_k_recall == pytest.approx(2 / 3)
    assert report.regret == pytest.approx(29.0)


@pytest.mark.parametrize(
    ("cheap", "true", "word"),
    [
        ([], [], "found 0"),
        ([1, 2], [1, 2], "found 2"),
        ([1, None, 3], [1, 2, 3], "found 2"),
        ([7, 7, 7], [1, 2, 3], "estimator gives all 3 architectures the same value, 7"),
        ([1, 2, 3], [0.5, 0.5, 0.5], "truth gives all 3"),
    ],
)
def test_no_value_has_a_reason_and_is_null_in_json(cheap, true, word):
    report = gap("p", "t", cheap, true)
    assert word in report.reason
    facts = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert facts["kendall_tau"] is facts["ci_low"] is facts["ci_high"] is facts["regret"] is None
    assert facts["warning"] is None


def test_few_architectures_and_intervals_around_zero_are_warned_of():
    rng = np.random.default_rng(0)
    noise = gap("p", "t", rng.normal(size=20).tolist(), rng.normal(size=20).tolist())
    assert "spans 0" in noise.warning
    assert "only 20 architectures" in noise.warning
    backwards = gap("p", "t", list(range(60)), list(range(60))[::-1])
    assert backwards.warning == "The interval is below 0: this ranking runs against the truth."
    strong = gap("p", "t", list(range(60)), list(range(60)))
    assert strong.warning is None


def test_the_interval_covers_the_true_tau():
    # bivariate normal: tau = 2/pi asin(r) (Kendall); 60 samples of 50, 95 % nominal
    r = 0.6
    tau = 2 / math.pi * math.asin(r)
    rng = np.random.default_rng(42)
    draws = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size=(60, 50))
    reports = [gap("p", "t", d[:, 0].tolist(), d[:, 1].tolist(), resamples=200) for d in draws]
    assert sum(g.ci_low <= tau <= g.ci_high for g in reports) >= 52


def test_to_dict_has_the_promised_keys():
    facts = gap("synflow", "test_accuracy", [1, 2, 4, 3], [1, 2, 3, 4]).to_dict()
    assert facts["estimator"] == "synflow"
    assert facts["truth"] == "test_accuracy"
    assert {"kendall_tau", "ci_low", "ci_high", "n", "warning", "reason", "coverage"} <= facts.keys()
    json.dumps(facts, allow_nan=False)


def test_the_user_is_told_what_is_wrong():
    with pytest.raises(UserError, match="found 2 and 3"):
        gap("p", "t", [1, 2], [1, 2, 3])
    with pytest.raises(UserError, match="direction"):
        gap("p", "t", [1, 2, 3], [1, 2, 3], direction=0)
