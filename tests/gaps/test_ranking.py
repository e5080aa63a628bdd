import json

import numpy as np
import pytest

from nassay.gaps import ranking
from nassay.gaps.ranking import BUDGETS, SHARES, best_share, budget_regrets, last_where_missing, rank, rank_correlations

NAN = float("nan")


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_a_score_that_fails_among_the_best():
    # right order up to 4, reversed above: 6 of the 28 pairs are discordant
    found = rank("p", array(1, 2, 3, 4, 8, 7, 6, 5), array(1, 2, 3, 4, 5, 6, 7, 8))
    whole, half, quarter, tenth, twentieth = found.shares
    assert whole.kendall_tau == pytest.approx((28 - 2 * 6) / 28)
    # rank differences of the reversed four: 3, 1, -1, -3
    assert whole.spearman_rho == pytest.approx(1 - 6 * (9 + 1 + 1 + 9) / (8 * 63))
    assert (half.n, half.kendall_tau) == (4, pytest.approx(-1))
    assert (quarter.n, tenth.n, twentieth.n) == (2, 1, 1)
    assert quarter.kendall_tau is None
    assert "at least 3" in quarter.reason
    assert (found.pick, found.tied, found.picked, found.regret) == (4, 1, 5, 3)
    assert (found.coverage, found.scored) == (1, None)


def test_what_has_no_score_ranks_last():
    # pairs: (0, 1) and (0, 2) discordant, as the first has no score but is the best; (1, 2) concordant
    found = rank("p", array(NAN, 5, 6, 7), array(9, 1, 2, 3))
    assert found.shares[0].kendall_tau == pytest.approx((3 - 3) / 6)
    assert found.scored is not None
    assert found.scored.kendall_tau == pytest.approx(1)
    assert found.coverage == pytest.approx(3 / 4)
    assert (found.pick, found.regret) == (3, 6)


def test_a_smaller_score_may_be_the_better_one():
    found = rank("p", array(3, 2, 1, NAN), array(1, 2, 3, 0), direction=-1)
    assert found.shares[0].kendall_tau == pytest.approx(1)
    assert (found.pick, found.regret) == (2, 0)


def test_ties_at_the_top_are_broken_by_chance():
    found = rank("p", array(1, 2, 2), array(3, 1, 2))
    assert (found.pick, found.tied, found.picked, found.regret) == (1, 2, 1.5, 1.5)


def test_no_score_at_all_is_a_reason():
    found = rank("p", array(NAN, NAN, NAN), array(1, 2, 3))
    assert {report.reason for report in found.shares} == {"no architecture has a score"}
    assert (found.coverage, found.pick, found.picked, found.regret, found.scored) == (
        0,
        None,
        None,
        None,
        None,
    )
    json.dumps(found.to_dict(), allow_nan=False)


def test_equal_seeds_resample_equal_architectures():
    truth = np.random.default_rng(0).normal(size=40)
    noisy = truth + np.random.default_rng(1).normal(size=40)
    a, b, c = (rank("p", noisy, truth, seed=seed).shares[0] for seed in (1, 1, 2))
    assert (a.ci_low, a.ci_high) == (b.ci_low, b.ci_high) != (c.ci_low, c.ci_high)
    assert a.ci_low < a.kendall_tau < a.ci_high


def test_many_architectures_are_resampled_less_often(monkeypatch):
    asked = []
    monkeypatch.setattr(ranking, "gap", lambda *columns, resamples, **rest: asked.append(resamples))
    rank("p", np.arange(10.0), np.arange(10.0))
    monkeypatch.setattr(ranking, "DRAWN", 500)
    rank("p", np.arange(10.0), np.arange(10.0))
    monkeypatch.setattr(ranking, "DRAWN", 5)
    rank("p", np.arange(10.0), np.arange(10.0))
    assert asked == [1000] * 5 + [50, 100, 166, 500, 500] + [40] * 5


def test_the_best_share_includes_ties():
    assert best_share(array(1, 2, 2, 2), 0.5).tolist() == [False, True, True, True]
    assert best_share(np.arange(100.0), 0.05).sum() == 5
    assert best_share(np.arange(1000.0), 0.1).sum() == 100
    assert best_share(array(3, 1, 2), 1.0).all()


def test_values_for_ranking():
    assert last_where_missing(array(2, NAN, 1))[[0, 2]].tolist() == [2, 1]
    assert last_where_missing(array(2, NAN, 1))[1] < 1
    assert last_where_missing(array(2, NAN, 1), -1)[1] < -2
    assert last_where_missing(array(NAN, NAN)).tolist() == [0, 0]


def test_regret_within_budgets():
    found = budget_regrets(array(1, 2, 3, 4), array(10, 40, 30, 20), array(1, 2, 3, 4))
    assert [f["share"] for f in found] == list(BUDGETS)
    assert [f["limit"] for f in found] == [2, 2, 3, 4, 4]
    assert [f["regret"] for f in found] == [0, 0, 10, 20, 20]


def test_a_budget_without_scores_has_no_regret():
    found = budget_regrets(array(NAN, NAN, 3), array(1, 2, 3), array(1, 2, 3), direction=-1)
    assert [f["regret"] for f in found] == [None, None, None, 0, 0]


def test_correlations_between_scores():
    matrix = rank_correlations([array(1, 2, 3), array(30, 20, 10), array(1, 1, 1), array(1, 3, 2)])
    np.testing.assert_allclose(matrix[0, [0, 1, 3]], [1, -1, 0.5])
    assert np.isnan(matrix[2]).all()


def test_a_report_for_each_share_is_ready_for_json():
    plain = rank("p", np.arange(60.0), np.arange(60.0)).to_dict()
    assert [report["share"] for report in plain["shares"]] == list(SHARES)
    json.dumps(plain, allow_nan=False)
