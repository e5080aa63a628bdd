"""Edges of the comparison of reduced settings: equal rows, bounds, missing values and missing intervals."""

import pytest

from nassay.gaps.fidelity import contrast_sentence, contrasts, difference, fidelity_findings, fidelity_rows

TRUTH = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def by_name(values, seconds, planned=None):
    planned = planned or dict.fromkeys(values, 1.0)
    return {r["setting"]: r for r in fidelity_rows(values, seconds, planned, "full", 0)}


def test_the_price_counts_only_networks_that_both_have_trained():
    values = {"full": [None, *TRUTH[1:]], "half": [*TRUTH[:5], None]}
    seconds = {"full": [100.0, 4.0, 4.0, 4.0, 8.0, 100.0], "half": [50.0, 1.0, 1.0, 1.0, 2.0, 50.0]}
    row = by_name(values, seconds)["half"]
    assert row["price"] == pytest.approx(5 / 20)
    assert row["seconds"] == pytest.approx(5 / 4)
    assert row["accuracy"] == pytest.approx((1 + 2 + 3 + 4) / 4)


def test_without_seconds_of_the_reference_there_is_no_price():
    rows = by_name({"full": TRUTH, "half": TRUTH}, {"full": [0.0] * 6, "half": [1.0] * 6})
    assert rows["half"]["price"] is None
    assert not rows["half"]["front"]


def test_equal_settings_share_the_front_and_one_that_only_costs_more_is_off_it():
    values = dict.fromkeys(("full", "a", "b", "dear"), TRUTH)
    seconds = {"full": [8.0] * 6, "a": [1.0] * 6, "b": [1.0] * 6, "dear": [2.0] * 6}
    assert {name for name, r in by_name(values, seconds).items() if r["front"]} == {"a", "b"}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([9.0, 8.0, 7.0, 0.0, 2.0, 1.0], 1 / 3),  # of 0, 2, 1 two pairs are in order and one is not
        ([0.0, 1.0, 2.0, 5.0, 5.0, 5.0], None),  # constant among the better half
        ([0.0, None, None, None, 1.0, None], None),
        ([0.0, 1.0, 2.0, None, None, None], None),  # two of three are the better half
    ],
)
def test_tau_of_the_better_half(column, expected):
    row = by_name({"full": TRUTH, "half": column}, {"full": [1.0] * 6, "half": [1.0] * 6})["half"]
    assert row["tau_better_half"] == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("planned", "pairs"), [(1.15, 1), (1.16, 0), (1 / 1.14, 1), (1 / 1.16, 0)])
def test_settings_are_alike_in_price_up_to_fifteen_percent_either_way(planned, pairs):
    values = {"full": TRUTH, "a": TRUTH, "b": TRUTH[::-1]}
    assert len(contrasts(values, {"full": 9.0, "a": planned, "b": 1.0}, "full", 0)) == pairs


def test_a_pair_without_a_difference_is_left_out():
    values = {"full": TRUTH, "a": TRUTH, "b": [1.0] * 6}
    assert contrasts(values, dict.fromkeys(values, 1.0), "full", 0) == []


def test_a_difference_is_of_the_networks_that_have_all_three():
    found = difference([0, 1, 2, None, 9], [2, 1, 0, 7, None], [0, 1, 2, 3, 4], 0)
    assert (found["n"], found["difference"]) == (3, 2.0)
    assert found["low"] is found["high"] is None  # a ninth of the resamples of three networks is one network


def test_a_contrast_without_an_interval_says_so_whichever_is_better():
    pair = {"a": "a", "b": "b", "n": 3, "difference": -2.0, "low": None, "high": None}
    says = "At the same price, b and a cannot be told apart: b has tau 2.00 higher (no interval, n 3)."
    assert contrast_sentence(pair) == says


def test_an_interval_that_begins_at_nothing_tells_nothing_apart():
    pair = {"a": "a", "b": "b", "n": 9, "difference": 0.25, "low": 0.0, "high": 0.5}
    assert "cannot be told apart: a has tau 0.25 higher (95 % interval 0.00 to 0.50, n 9)" in contrast_sentence(pair)


def test_a_cheaper_setting_that_is_clearly_worse_is_not_named():
    truth = [float(i) for i in range(12)]
    values = {"full": truth, "best": truth, "worse": truth[::-1]}
    rows = fidelity_rows(
        values, {"full": [9.0] * 12, "best": [3.0] * 12, "worse": [1.0] * 12}, dict.fromkeys(values, 1.0), "full", 0
    )
    (only,) = fidelity_findings(rows, values, "full", 0)
    assert only.startswith("best keeps the order best: tau 1.00")
