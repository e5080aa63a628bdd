"""The small cousin of NAS-Bench-201: what it keeps, and its sizes by hand."""

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201
from nassay.spaces.tiny201 import Tiny201

THREE = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


def params_by_hand(space: Tiny201, choices: tuple[int, ...]) -> int:
    """Stem, two cells, last norm and head; 1x1 and 3x3 convolutions are options 2 and 3."""
    c = space.channels
    cell = sum({2: c * c + 2 * c, 3: 9 * c * c + 2 * c}.get(choice, 0) for choice in choices)
    return 9 * space.input_shape[0] * c + 2 * c + space.cells * cell + 2 * c + c * space.num_outputs + space.num_outputs


def test_every_network_once() -> None:
    space = Tiny201()
    networks = space.networks()
    assert space.size == 4**6
    assert len(networks) == 1011
    assert networks == sorted(networks)
    assert all(space.canonical(a) == a for a in networks)
    rng = np.random.default_rng(0)
    assert {space.sample(rng) for _ in range(300)} <= set(networks)


def test_networks_are_those_of_nb201_that_do_without_pooling() -> None:
    whole = {NB201().canonical(Architecture("nb201", a.choices)).choices for a in Tiny201().networks()}
    assert whole == {a.choices for a in Tiny201().networks()}


@pytest.mark.parametrize("number", [0, 300, 700, 1010])
def test_params_by_hand(number: int) -> None:
    space = Tiny201()
    architecture = space.networks()[number]
    network = space.build(architecture)
    assert sum(p.numel() for p in network.parameters()) == params_by_hand(space, architecture.choices)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_nothing_is_reduced() -> None:
    network, x = Tiny201().build(Tiny201().from_string(THREE)), torch.randn(2, 1, 8, 8)
    for stage in network.stages:
        x = stage(x)
        assert x.shape == (2, 8, 8, 8)
    assert len(network.stages) == 3


def test_strings_are_those_of_nb201_without_pooling() -> None:
    space = Tiny201()
    assert space.to_string(space.from_string(THREE)) == THREE
    with pytest.raises(UserError, match="options"):
        space.from_string(THREE.replace("nor_conv_1x1", "avg_pool_3x3"))


def test_neighbours_and_scaled_stay_inside() -> None:
    space = Tiny201()
    networks = set(space.networks())
    here = space.canonical(space.from_string(THREE))
    assert set(space.neighbors(here)) <= networks - {here}
    assert all(here in space.neighbors(near) for near in space.neighbors(here)[:5])
    cheapest = space.scaled(here, 0.0)
    assert {*cheapest.choices} <= {0, 1}
    assert not space.is_dead(cheapest)
