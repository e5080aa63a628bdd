"""A value or a reason, never NaN; a fidelity's key."""

import math

import pytest

from nassay.estimators.base import Estimate, Fidelity


def test_an_estimate_of_a_number_has_a_value_and_details() -> None:
    estimate = Estimate.of(0.25, seconds=1.5, epochs=3)
    assert (estimate.value, estimate.reason, estimate.seconds) == (0.25, None, 1.5)
    assert dict(estimate.details) == {"epochs": 3}
    assert Estimate.of(7).value == 7.0


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_becomes_a_reason(raw: float) -> None:
    estimate = Estimate.of(raw, seconds=2.0, epochs=1)
    assert estimate.value is None
    assert estimate.reason == f"the value is {raw}"
    assert estimate.seconds == 2.0
    assert dict(estimate.details) == {"epochs": 1}
    with pytest.raises(ValueError, match="finite"):
        Estimate(raw)


@pytest.mark.parametrize(("value", "reason"), [(None, None), (1.0, "because")])
def test_an_estimate_is_a_value_or_a_reason(value: float | None, reason: str | None) -> None:
    with pytest.raises(ValueError, match="a value or a reason"):
        Estimate(value, reason)


def test_a_failed_estimate_says_why() -> None:
    estimate = Estimate.failed("too large", seconds=0.5, step=4)
    assert (estimate.value, estimate.reason, estimate.seconds) == (None, "too large", 0.5)
    assert dict(estimate.details) == {"step": 4}


@pytest.mark.parametrize("bounds", [{}, {"epochs": 1, "seconds": 1}])
def test_exactly_one_bound(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="epochs or seconds"):
        Fidelity(**bounds)


@pytest.mark.parametrize(
    ("fidelity", "key"),
    [
        (Fidelity(epochs=3), "epochs=3"),
        (Fidelity(epochs=0.5, final=True), "epochs=0.5,final"),
        (Fidelity(seconds=12.5, resolution=0.5), "seconds=12.5,resolution=0.5"),
        (Fidelity(epochs=6, channels=0.25, samples=0.1), "epochs=6,channels=0.25,samples=0.1"),
        (Fidelity(epochs=2, resolution=0.5, horizon=6), "epochs=2,resolution=0.5,horizon=6"),
    ],
)
def test_a_fidelity_prints_as_a_stable_key(fidelity: Fidelity, key: str) -> None:
    assert str(fidelity) == key


@pytest.mark.parametrize("wrong", [{"horizon": 4, "final": True}, {"horizon": 0}, {"horizon": -1}])
def test_a_horizon_is_positive_and_not_of_a_final_bound(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="horizon"):
        Fidelity(epochs=2, **wrong)


def test_a_zero_bound_is_a_bound() -> None:
    assert str(Fidelity(epochs=0)) == "epochs=0"
