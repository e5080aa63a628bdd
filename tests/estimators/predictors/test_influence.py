"""Concordance, influence and combined ranks by hand; the surrogate never judges what it was fitted on."""

import math
from typing import Any

import numpy as np
import pytest

from nassay.estimators.predictors import influence
from nassay.estimators.predictors.influence import (
    combined_rank,
    concordance,
    held_out_predictions,
    influences,
    surrogate,
)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1, 2, 3, 4], 1.0),
        ([4, 3, 2, 1], 0.0),
        ([1, 2, 4, 3], 5 / 6),  # one of six pairs is swapped
        ([7, 7, 7, 7], 0.5),
        ([1, 1, 3, 4], 5.5 / 6),  # a tie counts half
        ([1, 2, 3, None], (3 + 3 * 0.5) / 6),  # so do the three pairs of a missing score
        ([None] * 4, 0.5),
    ],
)
def test_concordance_by_hand(scores: list[float | None], expected: float) -> None:
    assert concordance(scores, [0.1, 0.2, 0.3, 0.4]) == pytest.approx(expected)


def test_a_tie_in_the_truth_counts_half() -> None:
    assert concordance([1, 2, 3], [0.5, 0.5, 0.9]) == pytest.approx((0.5 + 1 + 1) / 3)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_architectures_have_no_order(n: int) -> None:
    assert concordance([1.0] * n, [0.3] * n) == 0.5


def test_concordance_looks_at_order_alone() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.normal(size=(2, 20))
    assert concordance(np.exp(scores).tolist(), (5 * truth).tolist()) == concordance(scores.tolist(), truth.tolist())


def test_influences_are_a_softmax_of_the_concordances() -> None:
    """After one evaluation the temperature is 0.05, and 0.05 ln 3 more concordance is three times the weight."""
    weights = influences({"a": 0.6, "b": 0.6 + 0.05 * math.log(3), "c": 0.6}, 1)
    assert weights == pytest.approx({"a": 0.2, "b": 0.6, "c": 0.2})


@pytest.mark.parametrize("evaluated", [0, 1, 10, 1000])
def test_influences_sum_to_one_and_equal_sources_share(evaluated: int) -> None:
    weights = influences({"a": 0.5, "b": 0.9, "c": 0.5}, evaluated)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["a"] == weights["c"] < weights["b"]


def test_a_better_source_dominates_as_evidence_grows() -> None:
    best = [influences({"good": 0.8, "fair": 0.7, "noise": 0.5}, n)["good"] for n in (1, 4, 16, 64)]
    assert best == sorted(best)
    assert best[-1] > 0.99


def test_combined_rank_by_hand() -> None:
    """Ranks of a: 2, 3, 1; of b, whose two missing scores share the lowest: 1.5, 1.5, 3."""
    sources = {"a": [5.0, 7.0, -2.0], "b": [None, None, 0.1]}
    assert combined_rank(sources, {"a": 0.75, "b": 0.25}) == pytest.approx([1.875, 2.625, 1.5])


def test_a_missing_score_ranks_below_the_worst() -> None:
    assert combined_rank({"a": [None, -1e300]}, {"a": 1.0}).tolist() == [1, 2]


# The surrogate --------------------------------------------------------------------------------------------------


class Memory:
    """A surrogate that knows what it has seen, and nothing else: 1 for a row that it was fitted on, else 0."""

    def fit(self, features: np.ndarray, truth: np.ndarray) -> "Memory":
        assert len(features) == len(truth)
        self.seen = set(features[:, 0])
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.array([float(row in self.seen) for row in features[:, 0]])


@pytest.mark.parametrize("n", [2, 4, 5, 23])
def test_no_prediction_comes_from_a_surrogate_that_has_seen_its_row(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr(influence, "surrogate", lambda seed: Memory())
    features = np.arange(n, dtype=float)[:, None]
    assert Memory().fit(features, features).predict(features).tolist() == [1.0] * n  # what it would claim in sample
    assert held_out_predictions(features, [0.5] * n, seed=0).tolist() == [0.0] * n


def test_on_pure_noise_the_surrogate_gets_no_credit_for_what_it_remembers() -> None:
    """Means over five draws of noise; the standard error of the mean is 0.03 with thirty architectures."""
    in_sample, held_out = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        features, truth = rng.normal(size=(30, 4)), rng.normal(size=30).tolist()
        fitted = surrogate(seed).fit(features, truth)
        in_sample.append(concordance(fitted.predict(features).tolist(), truth))
        held_out.append(concordance(held_out_predictions(features, truth, seed).tolist(), truth))
    assert np.mean(in_sample) > 0.85
    assert np.mean(held_out) < 0.57


def test_what_can_be_learned_is_learned_out_of_sample_missing_scores_and_all() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    truth = (features[:, 0] + 0.1 * rng.normal(size=60)).tolist()
    features[rng.random(features.shape) < 0.1] = np.nan
    assert concordance(held_out_predictions(features, truth, 0).tolist(), truth) > 0.75


def test_predictions_depend_on_the_seed_alone() -> None:
    features: Any = np.random.default_rng(0).normal(size=(12, 3))
    truth = features[:, 0].tolist()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = held_out_predictions(features, truth, 7)
    assert np.array_equal(first, held_out_predictions(features, truth, 7))
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_arrays_with_nan_count_like_lists_with_none() -> None:
    scores: list[float | None] = [1.0, None, 3.0, 2.0]
    array = np.array([1.0, np.nan, 3.0, 2.0])
    assert concordance(array, np.array([0.1, 0.2, 0.3, 0.4])) == concordance(scores, [0.1, 0.2, 0.3, 0.4])
    assert combined_rank({"a": array}, {"a": 1.0}).tolist() == combined_rank({"a": scores}, {"a": 1.0}).tolist()


def test_another_surrogate_can_be_held_out() -> None:
    features = np.arange(7, dtype=float)[:, None]
    assert held_out_predictions(features, [0.5] * 7, 0, lambda seed: Memory()).tolist() == [0.0] * 7
