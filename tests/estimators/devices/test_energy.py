import pytest

from nassay.errors import UserError
from nassay.estimators.devices import energy, on_device
from nassay.estimators.devices.energy import EnergyEstimator, Nvml
from nassay.estimators.devices.on_device import Rapl
from nassay.spaces.base import spaces


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is a quarter of a second after the last."""
    now = iter(i / 4 for i in range(1000))
    for module in (energy, on_device):
        monkeypatch.setattr(module.time, "perf_counter", lambda: next(now))


@pytest.fixture
def tree(tmp_path):
    """tree(energies, range) makes a powercap tree of packages; their sub-zones and the platform's must not count."""

    def make(energies, most=10**6):
        zones = [(f"intel-rapl:{len(energies)}", "psys", sum(energies))]
        for i, value in enumerate(energies):
            zones += [(f"intel-rapl:{i}", f"package-{i}", value), (f"intel-rapl:{i}:0", "core", value)]
        for folder, name, value in zones:
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / "name").write_text(f"{name}\n")
            (tmp_path / folder / "energy_uj").write_text(f"{value}\n")
            (tmp_path / folder / "max_energy_range_uj").write_text(f"{most}\n")
        return tmp_path

    return make


def test_energy_of_a_run_is_the_mean_over_packages_sums(tree, clock):
    meter = Rapl(tree([1000, 5000]))
    assert meter.reason is None
    used = iter([(3000, 5000), (4000, 9000)])  # the clock allows two runs: 3000 + 4000 uJ
    assert meter.energy_mj(lambda: tree(next(used))) == pytest.approx((3000 + 4000) / 1e3 / 2)


def test_a_counter_that_starts_again_goes_on(tree, clock):
    meter = Rapl(tree([999_000], most=999_999))
    used = iter([(999_500,), (2_000,)])
    assert meter.energy_mj(lambda: tree(next(used), 999_999)) == pytest.approx(3_000 / 1e3 / 2)


def test_no_counter_is_a_reason(tmp_path):
    assert "there is no RAPL counter" in Rapl(tmp_path).reason


def test_a_platform_without_packages_is_no_counter(tree):
    assert "there is no RAPL counter" in Rapl(tree([])).reason


def test_a_counter_that_cannot_be_read_is_a_reason(tree):
    folder = tree([1])
    (folder / "intel-rapl:0" / "energy_uj").unlink()
    assert "cannot be read" in Rapl(folder).reason


class FakeNvml:
    """Stands in for pynvml: a GPU that uses 40 mJ between two looks."""

    class NVMLError(Exception):
        pass

    def __init__(self, broken=False):
        self.broken, self.used = broken, 0

    def nvmlInit(self):
        if self.broken:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):
        self.used += 40
        return self.used


def test_a_gpu_is_read_in_millijoules(clock):
    meter = Nvml(library=FakeNvml())
    assert meter.reason is None
    assert meter.energy_mj(lambda: None) == 40 / 2  # two runs between two looks


def test_a_gpu_without_a_driver_is_a_reason():
    assert "Driver Not Loaded" in Nvml(library=FakeNvml(broken=True)).reason


def test_without_the_library_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(energy, "import_module", missing)
    assert "nassay[energy]" in Nvml().reason


class FixedMeter:
    name = "fixed"

    def __init__(self, reason=None):
        self.reason, self.runs = reason, 0

    def energy_mj(self, run):
        run()
        self.runs += 1
        return 2.5


@pytest.fixture(scope="module")
def space():
    return spaces["nb201"].target((1, 8, 8), 3)


def test_the_estimator_runs_the_network_and_names_the_meter(space):
    estimator = EnergyEstimator(space, meter=FixedMeter())
    (found,) = estimator.estimate([space.smallest()])
    assert (found.value, found.details["meter"], estimator.meter.runs) == (2.5, "fixed", 1)
    assert (estimator.name, estimator.direction) == ("energy_mj", -1)


def test_without_a_counter_energy_is_unavailable_and_nothing_is_run(space):
    meter = FixedMeter("there is no RAPL counter")
    (found,) = EnergyEstimator(space, meter=meter).estimate([space.smallest()])
    assert (found.value, found.reason, meter.runs) == (None, "unavailable: there is no RAPL counter", 0)


def test_other_devices_are_refused(space):
    with pytest.raises(UserError, match="cpu or cuda, found 'tpu'"):
        EnergyEstimator(space, "tpu")
