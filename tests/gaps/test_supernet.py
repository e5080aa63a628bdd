"""The optimization gap by hand: three super-networks of four architectures."""

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from nassay.gaps.supernet import ceiling, supernet_gap, tau_of_pairs

ALONE = [[0.5, 0.6, 0.7, 0.8], [0.52, 0.62, 0.82, 0.72]]  # means .51 .61 .76 .76
TRUTH = np.mean(ALONE, axis=0)


def run(inherited: list[float], **others: Any) -> dict[str, Any]:
    return {
        "inherited": inherited,
        "plain": [v / 2 for v in inherited],
        "epochs": {"0.5": inherited[::-1], "1": inherited},
        "window": [inherited, inherited],
        "update_counts": [[3, 3], [2, 4]],
        "mixture": None,
        "discretised": None,
        **others,
    }


def test_the_ceiling_is_the_tau_between_seeds() -> None:
    assert ceiling(np.array(ALONE)) == pytest.approx(4 / 6)
    assert ceiling(np.array(ALONE[:1])) is None


def test_levels_and_ranks() -> None:
    found = supernet_gap(ALONE, [run([0.1, 0.2, 0.3, 0.4]), run([0.3, 0.2, 0.1, 0.0])])
    tied = 5 / (5 * 6) ** 0.5  # five pairs in order, one tie in the truth
    assert found["recalibrated"]["taus"] == pytest.approx([tied, -tied])
    assert found["recalibrated"]["mean_tau"] == pytest.approx(0.0)
    assert found["recalibrated"]["level_difference"] == pytest.approx(0.2 - TRUTH.mean())
    assert found["recalibrated"]["level_spread"] == pytest.approx(np.std(TRUTH - 0.2))
    assert found["plain"]["level_difference"] == pytest.approx(0.1 - TRUTH.mean())
    assert found["stability"] == pytest.approx(-1.0)
    assert found["share_of_ceiling"] == pytest.approx(0.0)
    assert found["epochs"] == pytest.approx({"0.5": 0.0, "1": 0.0})
    assert found["unfairness"] == 2
    assert found["discretisation_gap"] is None
    assert [w["tau_mean"] for w in found["window"]] == pytest.approx([tied, -tied])


def test_the_share_of_the_ceiling_is_of_like_with_like() -> None:
    """Tau with each single seed, 4/6 and 2/6 (two pairs of six are turned), over 4/6 between seeds: 3/4.

    With the mean of the seeds tau is 3 / sqrt(30), for one pair is tied there: that is not what the ceiling is.
    """
    found = supernet_gap(ALONE, [run([0.2, 0.1, 0.3, 0.4])])
    assert found["mean_tau_with_seed"] == pytest.approx(3 / 6)
    assert found["share_of_ceiling"] == pytest.approx(3 / 4)
    assert found["recalibrated"]["mean_tau"] == pytest.approx(3 / 30**0.5)


@pytest.mark.parametrize(
    ("alone", "inherited"), [([[0.5] * 4] * 2, [0.1, 0.2, 0.3, 0.4]), (ALONE, [0.25] * 4)], ids=["alone", "inherited"]
)
def test_where_all_accuracies_are_equal_there_is_no_tau_and_no_crash(
    alone: list[list[float]], inherited: list[float]
) -> None:
    found = supernet_gap(alone, [run(inherited), run(inherited)])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["recalibrated"]["taus"] == [None, None]
    assert found["mean_tau_with_seed"] is None
    assert found["share_of_ceiling"] is None
    assert found["epochs"] == {"0.5": None, "1": None}
    assert found["window"][0]["tau_mean"] is None


def test_a_single_super_network_has_no_stability() -> None:
    found = supernet_gap(ALONE[:1], [run([0.1, 0.2, 0.3, 0.4], mixture=0.9, discretised=0.6, update_counts=None)])
    assert found["stability"] is None
    assert found["ceiling"] is None
    assert found["share_of_ceiling"] is None
    assert found["unfairness"] is None
    assert found["discretisation_gap"] == pytest.approx(0.3)


def test_within_classes_only_their_pairs_count() -> None:
    """Networks 0 and 2 have one depth and are in order, 1 and 3 another and are not: (1 - 1) / 2."""
    found = supernet_gap(ALONE, [run([0.1, 0.4, 0.3, 0.2])], classes={"depth": [4, 7, 4, 7], "width": [0, 1, 2, 3]})
    assert found["within"] == {
        "depth": {"pairs": 2, "taus": [0.0], "mean_tau": 0.0},
        "width": {"pairs": 0, "taus": [None], "mean_tau": None},
    }
    assert found["recalibrated"]["mean_tau"] == pytest.approx(1 / (5 * 6) ** 0.5)  # 3 in order, 2 not, one tie
    assert supernet_gap(ALONE, [run([0.1, 0.4, 0.3, 0.2])])["within"] == {}


def test_tau_of_all_pairs_is_kendall_s() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(5, size=12).astype(float), rng.integers(5, size=12).astype(float)
    pairs = np.array([(i, j) for i in range(12) for j in range(i)])
    assert tau_of_pairs(x, y, pairs) == pytest.approx(kendalltau(x, y).statistic)
