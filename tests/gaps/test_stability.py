"""The measures of arXiv:2001.01431, by hand and on the study's own published run."""

import os
from pathlib import Path

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.gaps.stability import stability_tau, top_rank, window_gap

TRUTH = np.array([1.0, 2.0, 3.0, 4.0])
TABLES = Path(os.environ.get("NASSAY_DATA", "")) / "tables"
PUBLISHED = TABLES / "weight_sharing_64_share_all_last128.csv"


def test_a_window_by_hand() -> None:
    """Six pairs: as the truth tau is 1, with two neighbours swapped 4/6, reversed -1."""
    snapshots = np.array([[4.0, 3, 2, 1], [1.0, 2, 3, 4], [0.0, 2, 1, 3]])
    found = window_gap(snapshots, TRUTH, last=2)
    assert found.snapshots == 2
    assert found.tau_mean == pytest.approx((1 + 4 / 6) / 2)
    assert found.tau_std == pytest.approx((1 - 4 / 6) / 2)
    assert found.neighbour_tau == pytest.approx(4 / 6)
    assert found.tau_of_mean == pytest.approx(5 / (6 * 5) ** 0.5)  # .5, 2, 2, 3.5: one tie
    assert (found.top_1_rank, found.top_3_rank) == (1, 1)
    assert found.level_gap == pytest.approx((0.5 + 0 + 1 + 0.5) / 4)
    assert found.level_spread == pytest.approx(np.std([0.5, 0, 1, 0.5]))


def test_a_single_snapshot_has_no_neighbour() -> None:
    assert window_gap(TRUTH[None], TRUTH).neighbour_tau is None


def test_equal_values_of_all_architectures_are_no_ranking() -> None:
    """A tau with them is left out of means, and None where there is no other."""
    found = window_gap(np.array([np.ones(4), TRUTH, TRUTH]), TRUTH)
    assert (found.tau_mean, found.tau_std, found.neighbour_tau, found.tau_of_mean) == (1.0, 0.0, 1.0, 1.0)
    nothing = window_gap(np.ones((2, 4)), TRUTH)
    assert (nothing.tau_mean, nothing.tau_std, nothing.neighbour_tau, nothing.tau_of_mean) == (None,) * 4
    assert nothing.level_gap == pytest.approx(1.5)
    runs = np.array([np.ones(3), [1.0, 2, 3], [1.0, 3, 2]])
    assert stability_tau(runs) == pytest.approx(1 / 3)
    assert stability_tau(runs[:2]) is None


def test_stability_is_the_mean_over_pairs_of_runs() -> None:
    runs = np.array([TRUTH, TRUTH, -TRUTH])
    assert stability_tau(runs) == pytest.approx((1 - 1 - 1) / 3)


def test_the_best_true_rank_among_those_on_top() -> None:
    values = np.array([9.0, 7, 8, 1])
    assert [top_rank(values, TRUTH, n) for n in (1, 2, 3, 4)] == [4, 2, 2, 1]


@pytest.mark.parametrize(
    ("accuracies", "truth"),
    [
        (np.zeros((2, 3)), TRUTH),
        (np.zeros((0, 4)), TRUTH),
        (np.full((1, 4), np.nan), TRUTH),
        (TRUTH[None, :2], TRUTH[:2]),
    ],
)
def test_bad_input_is_refused(accuracies: np.ndarray, truth: np.ndarray) -> None:
    with pytest.raises(UserError):
        window_gap(accuracies, truth)


def test_stability_needs_two_runs() -> None:
    with pytest.raises(UserError, match="two runs or more"):
        stability_tau(TRUTH[None])


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"needs tables/{PUBLISHED.name} in the folder NASSAY_DATA")
def test_the_published_run_gives_the_figures_known_for_it() -> None:
    """Fully shared run of 64 networks: window 64 has mean tau .508 and deviation .153, S-Tau of neighbours .646."""
    accuracies = np.loadtxt(PUBLISHED, delimiter=",", skiprows=1)[:, 1:]
    truth = np.loadtxt(TABLES / "weight_sharing_64_gt_mean.txt")
    assert accuracies.shape == (128, 64)
    found = window_gap(accuracies, truth)
    assert found.tau_mean == pytest.approx(0.508, abs=0.002)
    assert found.tau_std == pytest.approx(0.153, abs=0.002)
    assert found.tau_of_mean == pytest.approx(0.642, abs=0.002)
    assert found.top_1_rank == pytest.approx(13.3, abs=0.1)
    assert found.top_3_rank == pytest.approx(8.6, abs=0.1)
    assert found.level_gap == pytest.approx(0.176, abs=0.001)
    assert window_gap(accuracies, truth, last=128).neighbour_tau == pytest.approx(0.646, abs=0.002)
