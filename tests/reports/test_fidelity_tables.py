"""The cells of reduced settings, what is said of missing ones, and the sentences around the table."""

import math
from typing import Any

import pytest

from nassay.gaps.fidelity import fidelity_rows
from nassay.reports.fidelity_tables import HEADINGS, fidelity_cells, fidelity_notes, fidelity_title
from nassay.reports.formats import DASH, NBSP

REFERENCE = "c0r0s0e30"
ROW = {
    "setting": "c2r0s0e8",
    "kendall_tau": 0.625,
    "ci_low": -0.125,
    "ci_high": 0.9,
    "spearman_rho": -0.75,
    "rho_ci_low": -0.9,
    "rho_ci_high": -0.5,
    "tau_better_half": -0.333,
    "accuracy": 0.8125,
    "price": 0.0625,
    "planned_price": 0.25,
    "seconds": 12.345,
    "n": 20,
    "front": False,
}
NUMBERS = [name for name in ROW if name not in ("setting", "n", "front")]
SUMMARY = {
    "networks": 20,
    "space": "mobile",
    "source": "digits",
    "train": 1149,
    "validation": 288,
    "input_shape": [1, 32, 24],
    "classes": 10,
    "seed": 7,
    "trained": 180,
    "wanted": 180,
    "reference": REFERENCE,
    "price": "CPU seconds",
}


def cells_of(**changes: Any) -> dict[str, str]:
    return dict(zip(HEADINGS, fidelity_cells(ROW | changes, REFERENCE), strict=True))


def test_a_setting_in_cells() -> None:
    assert cells_of() == {
        "setting": "c2r0s0e8",
        "τ (95 %)": "0.62 (−0.12 to 0.90)",  # halves go to the even digit
        "ρ (95 %)": "−0.75 (−0.90 to −0.50)",
        "τ, top half": "−0.33",
        "accuracy": f"81.2{NBSP}%",
        "price": f"6.2{NBSP}%",
        "planned": f"25.0{NBSP}%",
        "seconds": "12.3",
        "n": "20",
    }


@pytest.mark.parametrize(
    ("setting", "front", "text"),
    [
        ("c2r0s0e8", False, "c2r0s0e8"),
        ("c2r0s0e8", True, "c2r0s0e8 *"),
        (REFERENCE, False, f"{REFERENCE} (ref.)"),
        (REFERENCE, True, f"{REFERENCE} (ref.)"),  # the reference is not one of the reduced settings
    ],
)
def test_the_reference_and_the_front_are_marked(setting: str, front: bool, text: str) -> None:
    assert cells_of(setting=setting, front=front)["setting"] == text


def test_that_the_reference_ranks_as_itself_is_not_shown_but_what_it_takes_is() -> None:
    cells = cells_of(setting=REFERENCE, kendall_tau=1.0, price=1.0, planned_price=1.0)
    assert [cells[name] for name in ("τ (95 %)", "ρ (95 %)", "τ, top half")] == [DASH] * 3
    assert [cells[name] for name in ("accuracy", "price", "planned")] == [f"{v}{NBSP}%" for v in (81.2, 100.0, 100.0)]
    assert (cells["seconds"], cells["n"]) == ("12.3", "20")


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_what_is_missing_is_a_dash_and_never_a_number(nothing: float | None) -> None:
    ends = dict.fromkeys(("ci_low", "ci_high", "rho_ci_low", "rho_ci_high"))
    cells = cells_of(**dict.fromkeys(NUMBERS, nothing) | ends, n=0)
    assert (cells.pop("setting"), cells.pop("n")) == ("c2r0s0e8", "0")
    assert set(cells.values()) == {DASH}


@pytest.mark.parametrize("end", ["low", "high"])
def test_a_correlation_without_both_ends_of_its_interval_stands_alone(end: str) -> None:
    cells = cells_of(**{f"ci_{end}": None, f"rho_ci_{end}": None})
    assert (cells["τ (95 %)"], cells["ρ (95 %)"]) == ("0.62", "−0.75")


def test_an_interval_that_begins_at_zero_is_an_interval() -> None:
    assert cells_of(ci_low=0.0)["τ (95 %)"] == "0.62 (0.00 to 0.90)"


def test_rows_of_a_study_whose_trainings_failed_have_dashes() -> None:
    """No network has both trainings; the setting's planned price is known all the same: 2 of 8."""
    values: dict[str, list[float | None]] = {REFERENCE: [0.5, 0.6, 0.7], "c2r0s0e8": [None] * 3}
    seconds: dict[str, list[float | None]] = {REFERENCE: [4.0, 4.0, 4.0], "c2r0s0e8": [None] * 3}
    rows = fidelity_rows(values, seconds, {REFERENCE: 8.0, "c2r0s0e8": 2.0}, REFERENCE, 0)
    whole, failed = (fidelity_cells(row, REFERENCE) for row in rows)
    assert whole == [f"{REFERENCE} (ref.)", *[DASH] * 3, f"60.0{NBSP}%", *[f"100.0{NBSP}%"] * 2, "4.00", "3"]
    assert failed == ["c2r0s0e8", *[DASH] * 5, f"25.0{NBSP}%", DASH, "0"]


def test_the_title_of_a_finished_study() -> None:
    assert fidelity_title(SUMMARY) == (
        "20 random networks of mobile on digits (1149 + 288 images, 1x32x24, 10 classes), seed 7"
    )


@pytest.mark.parametrize("trained", [0, 179])
def test_the_title_of_a_stopped_study_says_how_far_it_came(trained: int) -> None:
    expected = f"{fidelity_title(SUMMARY)}, {trained} of 180 trainings"
    assert fidelity_title(SUMMARY | {"trained": trained}) == expected


def test_the_notes_name_the_truth_and_what_is_paid() -> None:
    settings, correlations, price, few = fidelity_notes(SUMMARY)
    assert f"ranking of {REFERENCE} counts as the truth" in settings
    assert "95 % bootstrap intervals" in correlations
    assert "share of the reference's CPU seconds" in price
    assert few.startswith("With 20 networks")


@pytest.mark.parametrize(("networks", "notes"), [(3, 4), (49, 4), (50, 3), (500, 3)])
def test_only_fewer_than_fifty_networks_are_warned_of(networks: int, notes: int) -> None:
    found = fidelity_notes(SUMMARY | {"networks": networks})
    assert len(found) == notes
    assert any(note.startswith(f"With {networks} networks") for note in found) == (notes == 4)
