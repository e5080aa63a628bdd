"""Every way to train a super-network, by name: it takes a step, or says which spaces it is for."""

from functools import cache

import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.base import Fidelity
from nassay.estimators.supernets.methods import BY_PATHS, METHODS, SIZED, super_network, super_training
from nassay.estimators.supernets.partial import PartialChoice
from nassay.spaces.base import Space
from nassay.spaces.bypass import BypassSpace
from nassay.spaces.cell64 import Cell64
from nassay.spaces.mobile import Mobile
from nassay.spaces.nb201 import NB201
from nassay.tasks.base import Task, task_from


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def space_for(method: str) -> Space:
    return BypassSpace((1, 8, 8), 10) if method in SIZED else Cell64((1, 8, 8), 10, channels=4, cells=1)


@pytest.mark.parametrize("method", METHODS)
def test_a_step_by_every_name_changes_the_weights(method: str) -> None:
    torch.manual_seed(0)
    space = space_for(method)
    network = super_network(method, space, width=1.0)
    before = [p.detach().clone() for p in network.parameters()]
    training = super_training(method, network, digits(), fidelity=Fidelity(epochs=1), seed=0)
    training._step(0.0)
    assert any(not torch.equal(b, p) for b, p in zip(before, network.parameters(), strict=True))
    assert training.inherit([0] * len(space.options), items=16).value is not None


@pytest.mark.parametrize("method", SIZED)
def test_methods_that_need_sizes_refuse_a_space_without(method: str) -> None:
    with pytest.raises(UserError, match="the options of 'nb201' have no sizes"):
        super_network(method, NB201((1, 8, 8), 10))


@pytest.mark.parametrize("method", ["darts", "gdas", "beta_darts", "pc_darts", "p_darts"])
def test_methods_that_mix_refuse_a_space_of_sizes(method: str) -> None:
    with pytest.raises(UserError, match="mixes options, and those of 'mobile' are sizes of one network"):
        super_network(method, Mobile((3, 32, 32), 10))


def test_a_part_of_the_channels_goes_through_the_options_for_pc_darts_alone() -> None:
    cells = Cell64((1, 8, 8), 10, channels=4, cells=1)
    kinds = {
        m: {type(c) for c in super_network(m, cells).modules() if hasattr(c, "held")} for m in ("spos", "pc_darts")
    }
    assert PartialChoice in kinds["pc_darts"]
    assert PartialChoice not in kinds["spos"]


def test_no_name_stands_twice() -> None:
    assert len(set(METHODS)) == len(METHODS)
    assert set(BY_PATHS) < set(METHODS)
