"""Rank consistency and price of reduced settings, from plain columns."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from nassay.gaps.fidelity import contrast_sentence, contrasts, difference, fidelity_findings, fidelity_rows

TRUTH = [float(i) for i in range(8)]
SWAPPED = [1.0, 0.0, *TRUTH[2:]]  # one of 28 pairs the other way round: tau 26 / 28
PLANNED = {"full": 32.0, "half": 8.0, "few": 8.4, "short": 2.0}


@pytest.fixture
def values() -> dict[str, Any]:
    return {"full": TRUTH, "half": SWAPPED, "few": [-v for v in TRUTH], "short": [*TRUTH[:7], None]}


@pytest.fixture
def seconds() -> dict[str, Any]:
    return {"full": [10.0] * 8, "half": [3.0] * 8, "few": [2.0] * 8, "short": [0.5] * 7 + [None]}


@pytest.fixture
def rows(values: dict[str, Any], seconds: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {r["setting"]: r for r in fidelity_rows(values, seconds, PLANNED, "full", 0)}


def test_the_reference_comes_first_and_the_others_by_price(rows: dict[str, dict[str, Any]]) -> None:
    assert list(rows) == ["full", "half", "few", "short"]
    assert [r["price"] for r in rows.values()] == pytest.approx([1.0, 0.3, 0.2, 0.05])
    assert [r["planned_price"] for r in rows.values()] == pytest.approx([1.0, 0.25, 0.2625, 0.0625])
    assert [r["seconds"] for r in rows.values()] == pytest.approx([10, 3, 2, 0.5])


def test_rank_consistency_is_that_of_the_networks_with_both_values(rows: dict[str, dict[str, Any]]) -> None:
    assert [r["kendall_tau"] for r in rows.values()] == pytest.approx([1, 26 / 28, -1, 1])
    assert rows["half"]["spearman_rho"] == pytest.approx(1 - 6 * 2 / (8 * 63))
    assert rows["short"]["n"] == 7
    assert rows["half"]["ci_low"] < 26 / 28 < rows["half"]["ci_high"] <= 1
    assert rows["half"]["tau_better_half"] == 1  # the exchanged pair is of the worse half
    assert rows["half"]["accuracy"] == pytest.approx(3.5)


def test_the_front_has_no_rival_that_ranks_as_well_for_less(rows: dict[str, dict[str, Any]]) -> None:
    assert [name for name, r in rows.items() if r["front"]] == ["short"]


def test_a_dearer_setting_is_on_the_front_if_it_ranks_better(values: Any, seconds: Any) -> None:
    values["short"] = [2.0, 1.0, 0.0, *TRUTH[3:]]
    found = fidelity_rows(values, seconds, PLANNED, "full", 0)
    assert [r["setting"] for r in found if r["front"]] == ["half", "short"]


def test_a_setting_without_values_has_no_price_and_a_reason(values: Any, seconds: Any) -> None:
    values["short"], seconds["short"] = [None] * 8, [None] * 8
    row = {r["setting"]: r for r in fidelity_rows(values, seconds, PLANNED, "full", 0)}["short"]
    assert row["price"] is row["kendall_tau"] is row["accuracy"] is row["tau_better_half"] is None
    assert "at least 3" in row["reason"]
    assert not row["front"]


def test_pairs_of_about_the_same_planned_price_are_contrasted(values: Any) -> None:
    (pair,) = contrasts(values, PLANNED, "full", 0)
    assert (pair["a"], pair["b"], pair["n"]) == ("half", "few", 8)
    assert pair["difference"] == pytest.approx(26 / 28 + 1)
    assert pair["low"] > 0
    assert "half ranks better than few: tau 1.93 higher" in contrast_sentence(pair)


def test_the_interval_of_a_difference_uses_the_same_resamples() -> None:
    """Two equal columns differ by nothing in every resample, however wide the interval of either."""
    rng = np.random.default_rng(0)
    column = (np.arange(12) + rng.normal(0, 4, 12)).tolist()
    same = difference(column, column, list(range(12)), 0)
    assert same == {"n": 12, "difference": 0.0, "low": 0.0, "high": 0.0}
    other = (np.arange(12) + rng.normal(0, 4, 12)).tolist()
    found = difference(column, other, list(range(12)), 0)
    assert found["difference"] == pytest.approx(
        kendalltau(column, range(12)).statistic - kendalltau(other, range(12)).statistic
    )
    assert found["low"] < found["difference"] < found["high"]


@pytest.mark.parametrize("column", [[1.0] * 8, [None] * 6 + [1.0, 2.0]])
def test_there_is_no_difference_from_a_constant_or_from_two_networks(column: list[float | None]) -> None:
    assert difference(column, TRUTH, TRUTH, 0) is None


@pytest.mark.parametrize(("low", "high", "says"), [(-0.1, 0.5, "a and b cannot be told apart: a has tau 0.20 higher")])
def test_what_the_networks_cannot_show_is_called_so(low: float, high: float, says: str) -> None:
    pair = {"a": "a", "b": "b", "n": 9, "difference": 0.2, "low": low, "high": high}
    assert says in contrast_sentence(pair)
    turned = {"a": "b", "b": "a", "n": 9, "difference": -0.2, "low": -high, "high": -low}
    assert contrast_sentence(turned) == contrast_sentence(pair)


def test_the_findings_name_the_best_and_what_cannot_be_told_from_it_for_less(values: Any, seconds: Any) -> None:
    values["short"], seconds["short"] = [*TRUTH[:6], 7.0, 6.0], [0.5] * 8
    values["half"] = TRUTH
    found = fidelity_rows(values, seconds, PLANNED, "full", 0)
    best, cheaper = fidelity_findings(found, values, "full", 0)
    assert best.startswith("half keeps the order best: tau 1.00")
    assert best.endswith("at 30% of the reference's price.")
    assert cheaper.startswith("short costs 5.0% and cannot be told from it on 8 networks: tau 0.93")


def test_without_values_there_is_nothing_to_say() -> None:
    values = {"full": [1.0, 2.0, None], "half": [None, 1.0, 2.0]}
    found = fidelity_rows(values, {k: [1.0] * 3 for k in values}, PLANNED, "full", 0)
    assert fidelity_findings(found, values, "full", 0) == ["No reduced setting has three networks to be ranked by."]
