"""EcoNAS's names of training settings, read and written."""

import pytest

from nassay.errors import UserError
from nassay.estimators.base import Fidelity
from nassay.estimators.fidelity_names import fidelity_of, full_epochs, name_of


def test_the_recommended_setting_has_nine_of_36_channels_and_eight_of_32_pixels() -> None:
    setting = fidelity_of("c4r4s0e60")
    assert setting == Fidelity(epochs=60, channels=9 / 36, resolution=8 / 32, samples=1.0, horizon=60.0)


@pytest.mark.parametrize(("step", "sqrt"), [(0, 1.0), (1, 0.70710678), (2, 0.5), (3, 0.35355339), (4, 0.25)])
def test_steps_of_channels_and_resolution_divide_by_the_root_of_two(step: int, sqrt: float) -> None:
    assert fidelity_of(f"c{step}r0s0e1").channels == pytest.approx(sqrt)
    assert fidelity_of(f"c0r{step}s0e1").resolution == pytest.approx(sqrt)
    assert fidelity_of(f"c0r0s{step}e1").samples == pytest.approx(sqrt**2)


@pytest.mark.parametrize("name", ["c0r0s0e600", "c4r4s0e60", "c1r3s2e8", "c9r9s9e1"])
def test_names_are_read_and_written_alike(name: str) -> None:
    assert name_of(fidelity_of(name)) == name
    assert fidelity_of(f" {name.upper()} ") == fidelity_of(name)


def test_the_schedule_is_not_part_of_a_name() -> None:
    assert name_of(Fidelity(epochs=4, channels=0.5, samples=0.25, final=True)) == "c2r0s2e4"


@pytest.mark.parametrize(
    "name", ["", "c4r4s0", "c4r4s0e0", "c4r4s0e-3", "c10r0s0e3", "r4c4s0e60", "c4r4s0e1.5", "fast"]
)
def test_other_names_are_refused_with_an_example(name: str) -> None:
    with pytest.raises(UserError, match="c4r4s0e60"):
        fidelity_of(name)


@pytest.mark.parametrize(
    "fidelity",
    [
        Fidelity(seconds=3),
        Fidelity(epochs=1.5),
        Fidelity(epochs=2, channels=0.3),
        Fidelity(epochs=2, resolution=2.0),
        Fidelity(epochs=2, samples=2.0**-10),
    ],
)
def test_settings_between_the_steps_have_no_name(fidelity: Fidelity) -> None:
    with pytest.raises(UserError):
        name_of(fidelity)


def test_every_step_halves_the_price() -> None:
    assert full_epochs(fidelity_of("c0r0s0e60")) == 60
    for name in ("c1r0s0e60", "c0r1s0e60", "c0r0s1e60", "c0r0s0e30"):
        assert full_epochs(fidelity_of(name)) == pytest.approx(30)
    assert full_epochs(fidelity_of("c4r4s0e60")) == pytest.approx(60 / 256)
    with pytest.raises(UserError, match="seconds"):
        full_epochs(Fidelity(seconds=3))
