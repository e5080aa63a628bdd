import json

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.devices.profile import DeviceProfile
from nassay.spaces.base import spaces


def measured(profile, part=lambda row: True):
    """(predicted, measured) ms of a profile's own networks."""
    rows = [r for r in profile.form["networks"] if part(r)]
    analytic = Analytic.of(profile.space)
    texts = [profile.space.from_string(r["architecture"]) for r in rows]
    predicted = [profile.latency.predict(analytic.profile(a)) for a in texts]
    return np.array(predicted), np.array([r["median_ms"] for r in rows])


def test_the_table_and_its_correction_are_found(device_form):
    profile = DeviceProfile(device_form())
    predicted, true = measured(profile)
    assert predicted == pytest.approx(true, rel=1e-3)
    assert profile.latency.error.n == 4
    assert profile.latency.error.mape < 1e-3


def test_the_error_is_that_of_held_out_networks(device_form):
    form = device_form(networks=15)
    for row in form["networks"]:
        row["median_ms"] *= 2 if row["held_out"] else 1
    error = DeviceProfile(form).latency.error
    # a model of the others predicts half of what these take
    assert error.mape == pytest.approx(0.5, rel=1e-3)
    assert (error.within_10, error.n) == (0.0, 5)


def test_without_held_out_networks_the_error_is_cross_validated(device_form):
    form = device_form(networks=9)
    for row in form["networks"]:
        row["held_out"] = False
    assert DeviceProfile(form).latency.error.n == 9


def test_a_file_keeps_the_profile_and_tells_the_errors(device_form, tmp_path):
    profile = DeviceProfile(device_form())
    path = tmp_path / "device.json"
    path.write_text(profile.text())
    again = DeviceProfile.load(path)
    assert again.identity == profile.identity
    assert json.loads(path.read_text())["latency_error"]["n"] == 4
    assert measured(again)[0].tolist() == measured(profile)[0].tolist()


def test_other_measurements_are_another_identity(device_form):
    names = {DeviceProfile(device_form(**c)).identity for c in ({}, {"speed": 2.0}, {"seed": 1})}
    assert len(names) == 3
    assert all(name.startswith("board ") for name in names)


def test_estimates_name_the_device_and_the_error(device_form):
    profile = DeviceProfile(device_form())
    (found,) = profile.estimator(profile.space).estimate([profile.space.smallest()])
    assert found.value > 0
    assert found.details["device"] == "board"
    assert set(found.details) == {"device", "mape", "spearman", "within_10", "n"}


def test_noise_is_the_difference_of_two_measurements(device_form):
    form = device_form()
    assert DeviceProfile(form).noise is None
    form["networks"][2]["again_ms"] = 1.1 * form["networks"][2]["median_ms"]
    form["networks"][5]["again_ms"] = form["networks"][5]["median_ms"] / 1.3
    assert DeviceProfile(form).noise == pytest.approx(0.2)


# Energy ------------------------------------------------------------------------------------------------------------


def test_energy_without_a_meter_is_none(device_form):
    assert DeviceProfile(device_form()).energy is None


def test_energy_is_modelled_where_it_was_measured(device_form):
    form = device_form(energy={"source": "RAPL, whole processor package", "reason": None})
    for row in form["networks"]:
        row["energy_mj"] = 8 * row["median_ms"]  # 8 watts
    profile = DeviceProfile(form)
    space = profile.space
    found = profile.energy.predict(Analytic.of(space).profile(space.smallest()))
    assert found == pytest.approx(8 * profile.latency.predict(Analytic.of(space).profile(space.smallest())))
    assert json.loads(profile.text())["energy_error"]["n"] == 4


# Transfer ----------------------------------------------------------------------------------------------------------


def test_a_device_like_a_known_one_is_known_from_few_networks(device_form):
    source = device_form(networks=30)
    few = device_form(networks=6, speed=5.0, tabled=False, seed=7, sources=[source])
    profile = DeviceProfile(few)
    predicted, true = measured(DeviceProfile(device_form(networks=20, speed=5.0, seed=9)))
    space = profile.space
    rows = device_form(networks=20, speed=5.0, seed=9)["networks"]
    found = [profile.latency.predict(Analytic.of(space).profile(space.from_string(r["architecture"]))) for r in rows]
    assert found == pytest.approx(true, rel=0.1)
    assert predicted == pytest.approx(true, rel=0.01)
    assert profile.latency.error.n == 6
    assert profile.energy is None


# Refusals ----------------------------------------------------------------------------------------------------------


def test_another_space_or_input_is_refused(device_form):
    profile = DeviceProfile(device_form())
    profile.check_fits(spaces["nb201"].target((1, 8, 8), 77))
    for name, shape in (("nb201", (1, 16, 16)), ("mobile", (1, 8, 8))):
        with pytest.raises(UserError, match=f"nb201 at 1x8x8, the search is of {name} at 1x"):
            profile.check_fits(spaces[name].target(shape, 10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "no device profile"),
        ('{"format": "other"}', "no device profile"),
        ('{"format": "nassay device profile", "version": 99}', "version 99, not 1"),
        ('{"format": "nassay device profile", "version": 1}', "cannot be read: KeyError"),
    ],
)
def test_files_that_hold_no_profile(tmp_path, text, message):
    path = tmp_path / "device.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        DeviceProfile.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere.json"):
        DeviceProfile.load(tmp_path / "nowhere.json")


def test_too_few_networks_and_no_operators_are_refused(device_form):
    with pytest.raises(UserError, match="8 or more networks"):
        _ = DeviceProfile(device_form(networks=9)).latency  # three of them are held out
    with pytest.raises(UserError, match="table of operators is empty"):
        _ = DeviceProfile(device_form(tabled=False)).latency
