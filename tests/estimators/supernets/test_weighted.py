"""Paths through weighted options: which these are, and that each is updated exactly equally often."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.weighted import WeightedPathTraining, uniform_passes, weighted_options
from nassay.spaces.cell64 import Cell64
from nassay.spaces.fpn import FPN
from nassay.spaces.fpn_paths import BU, FS, SE, TD
from nassay.tasks.base import Task, task_from

WEIGHTED = (FS, TD, BU, SE)


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def training(fair: bool = True, checkpoint: Path | None = None) -> WeightedPathTraining:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(FPN((1, 8, 8), 10, nodes=2, channels=4), width=0.25)
    return WeightedPathTraining(network, digits(), fair=fair, checkpoint=checkpoint)


def test_which_options_have_weights() -> None:
    assert weighted_options(training().network) == [WEIGHTED] * 3
    assert weighted_options(SuperNet(Cell64((1, 8, 8), 10, channels=4, cells=1))) == [(1, 2, 3)] * 3  # 0 is pooling


def test_a_step_goes_through_each_weighted_option_once() -> None:
    training_ = training()
    for step in range(5):
        paths = np.array(training_.paths(step))
        assert paths.shape == (4, 3)
        assert all(sorted(column) == sorted(WEIGHTED) for column in paths.T)
    orders = {tuple(training_.paths(step)) for step in range(20)}
    assert len(orders) == 20


def test_updates_are_exactly_equal_and_uniform_ones_are_not(tmp_path: Path) -> None:
    """Over a training that is stopped and continued, counted as they happen."""
    first = training(checkpoint=tmp_path / "super.pt")
    first.run(Fidelity(epochs=0.2))
    training_ = training(checkpoint=tmp_path / "super.pt")
    for _ in range(2):
        training_._step(None)
    steps = training_.state.step
    assert steps == first.state.step + 2 > 2
    assert training_.update_counts() == [[0, 0, steps, steps, steps, steps]] * 3

    uniform = training(fair=False)
    assert all(len(uniform.paths(step)) == 4 for step in range(200))
    counts = np.bincount(np.ravel([uniform.paths(step) for step in range(200)]), minlength=6)
    assert counts[:2].tolist() == [0, 0]
    assert len(set(counts[2:])) > 1


def test_every_weight_of_every_path_moves_in_a_step() -> None:
    training_ = training()
    before = {name: p.detach().clone() for name, p in training_.network.named_parameters()}
    training_._step(None)
    still = [name for name, p in training_.network.named_parameters() if torch.equal(before[name], p)]
    assert still == []


def test_sub_networks_with_identities_inherit_though_they_were_never_on_a_path() -> None:
    training_ = training()
    training_._step(None)
    found = training_.inherit((1, 0, 3), items=64)
    assert found.value is not None
    assert 0 <= found.value <= 1


def test_uniform_passes_are_as_many_as_strict_fairness_takes() -> None:
    assert len(uniform_passes(np.random.default_rng(0), (2, 3))) == 6


@pytest.mark.parametrize("step", [0, 7])
def test_paths_depend_on_seed_and_step_alone(step: int) -> None:
    assert training().paths(step) == training().paths(step) != training().paths(step + 1)
