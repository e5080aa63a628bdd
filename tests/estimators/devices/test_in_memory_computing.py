"""The modelled accelerator: crossbars, area and energy of a small network by hand."""

import pytest
from torch import nn

from nassay.estimators.analytic import profile
from nassay.estimators.devices.in_memory_computing import Chip, ChipArea, ChipEnergy
from nassay.spaces.nb_macro import NBMacro

CHIP = Chip(crossbar_mm2=1.0, buffer_mm2_per_byte=0.001, router_mm2=10.0, read_nj=1e3, byte_nj=10.0)


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),  # 27 inputs, 16 * 4 cells: 1 crossbar, 64 positions
        nn.ReLU(),
        nn.Conv2d(16, 40, 3, stride=2, padding=1),  # 144 inputs, 160 cells: 2 * 2 crossbars, 16 positions
        nn.Conv2d(40, 40, 3, padding=1, groups=40),  # 40 groups of 9 inputs and 4 cells, 16 positions
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(40, 10),  # 40 inputs, 40 cells: 1 crossbar, 1 position
    )


def test_crossbars_by_hand() -> None:
    layers = profile(network(), (3, 8, 8)).layers
    counts = [CHIP.crossbars(layer) for layer in layers if layer.macs]
    assert counts == [1, 4, 40, 1]
    assert sum(CHIP.crossbars(layer) for layer in layers) == 46


def test_area_by_hand() -> None:
    # the second convolution moves most: 16 * 64 + 40 * 16 = 1664 bytes; the ReLU before it 16 * 64 * 2 = 2048
    assert CHIP.area_mm2(profile(network(), (3, 8, 8))) == pytest.approx(46 + 2.048 + 10 * 46**0.5)


def test_energy_by_hand() -> None:
    reads = 1 * 64 + 4 * 16 + 40 * 16 + 1
    moved = (3 * 64 + 16 * 64) + (16 * 64 + 40 * 16) + 2 * 40 * 16 + (40 + 10)
    assert CHIP.energy_mj(profile(network(), (3, 8, 8))) == pytest.approx(1e-6 * (1e3 * reads + 10 * moved))


def test_wider_cells_need_fewer_crossbars() -> None:
    found = profile(network(), (3, 8, 8))
    assert Chip(bits_per_cell=8).area_mm2(found) < Chip(bits_per_cell=1).area_mm2(found)


def test_estimates_say_that_they_are_modelled() -> None:
    space = NBMacro((3, 16, 16), 4)
    for estimator in (ChipArea(space), ChipEnergy(space)):
        (found,) = estimator.estimate([space.smallest()])
        assert found.value is not None
        assert found.value > 0
        assert found.details == {"status": "modelled"}
        assert estimator.direction == -1
