import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from nassay.errors import UserError
from nassay.estimators.tables.hardware import HardwareTable
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201


@pytest.fixture
def folder(tmp_path):
    space = NB201()
    encodings = [Architecture("nb201", c) for c in ((0, 0, 0, 1, 0, 0), (3, 0, 0, 1, 0, 0), (1, 1, 1, 1, 1, 1))]
    texts = [space.to_string(a) for a in encodings]
    help_columns = {"index": [0, 1, 2], "arch_str": texts, "lat_ms_1080ti_1": [3.0, 5.0, 9.0], "lat_ms_fpga": [1.0] * 3}
    parquet.write_table(pyarrow.table(help_columns), tmp_path / "help_nb201_latency.parquet")
    hw_columns = {
        "arch_str": texts,
        "cifar10__edgetpu_latency": [1.5, None, None],
        "cifar10__fpga_energy": [10.0, 20.0, 30.0],
        "cifar10__eyeriss_arithmetic_intensity": [1.0, 1.0, 1.0],
        "imagenet16_120__fpga_latency": [0.5, 0.5, 0.25],
    }
    parquet.write_table(pyarrow.table(hw_columns), tmp_path / "hwnasbench_nb201.parquet")
    return tmp_path, encodings


def test_devices_and_data_sets(folder):
    path, _ = folder
    assert HardwareTable("help", path).devices() == ("1080ti_1", "fpga")
    table = HardwareTable("hwnasbench", path)
    assert table.datasets == ("cifar10", "ImageNet16-120")
    assert (table.devices(), table.devices("energy_mj")) == (("edgetpu",), ("fpga",))
    assert table.devices(dataset="ImageNet16-120") == ("fpga",)


def test_encodings_of_one_network_are_averaged(folder):
    path, (alive, with_dead, other) = folder
    space = NB201()
    assert space.canonical(alive) == space.canonical(with_dead) != space.canonical(other)
    table = HardwareTable("help", path)
    assert table.values("1080ti_1") == {space.canonical(alive): 4.0, space.canonical(other): 9.0}
    assert table.values("1080ti_1", merge=False) == {alive: 3.0, with_dead: 5.0, other: 9.0}


def test_what_a_device_does_not_run_has_no_value(folder):
    path, (alive, *_) = folder
    assert HardwareTable("hwnasbench", path).values("edgetpu") == {NB201().canonical(alive): 1.5}


def test_data_sets_are_told_apart(folder):
    path, (*_, other) = folder
    table = HardwareTable("hwnasbench", path)
    found = table.values("fpga", dataset="ImageNet16-120")
    assert found[table.space("ImageNet16-120").canonical(other)] == 0.25
    assert table.space("ImageNet16-120").input_shape == (3, 16, 16)


@pytest.mark.parametrize("asked", [("edgegpu",), ("fpga", "latency_ms"), ("fpga", "energy_mj", "cifar100")])
def test_what_the_table_lacks_is_said_with_what_it_has(folder, asked):
    with pytest.raises(UserError, match="It has: ImageNet16-120 fpga latency_ms, cifar10 edgetpu latency_ms"):
        HardwareTable("hwnasbench", folder[0]).values(*asked)


def test_an_unknown_table_and_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="hwnasbench"):
        HardwareTable("hwnas", tmp_path)
    with pytest.raises(UserError, match=r"help_nb201_latency\.parquet"):
        HardwareTable("help", tmp_path)


def test_the_published_tables_agree_where_they_overlap(published):
    """HELP took raspi4, pixel3, eyeriss and fpga from HW-NAS-Bench."""
    ours, theirs = HardwareTable("help", published), HardwareTable("hwnasbench", published)
    assert len(ours.devices()) == 27
    one, other = ours.values("fpga", merge=False), theirs.values("fpga", merge=False)
    assert len(one) == 15625
    assert np.allclose([one[a] for a in other], list(other.values()))
