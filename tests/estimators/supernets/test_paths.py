"""A super-network's training: one path a step, exactly fair updates, resumed as if never interrupted."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.paths import PathTraining
from nassay.spaces.cell64 import Cell64
from nassay.tasks.base import Split, Task, task_from


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def supernet(seed: int = 0) -> SuperNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SuperNet(Cell64((1, 8, 8), 10, channels=4, cells=1))


def training(rule: str = "spos", checkpoint: Path | None = None) -> PathTraining:
    return PathTraining(supernet(), digits(), rule, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def trained() -> PathTraining:
    training_ = training("fairnas")
    estimate = training_.run(Fidelity(epochs=3, final=True))
    assert estimate.value is not None
    return training_


def test_its_sub_networks_learn_more_than_chance(trained: PathTraining) -> None:
    """Ten digits: a tenth by chance, with a standard error below .01 over the four together."""
    assert np.mean([trained.inherit((c, c, c)).value for c in range(4)]) > 0.2


def test_a_step_moves_only_what_is_on_its_path() -> None:
    fresh = training()
    before = {name: p.detach().clone() for name, p in fresh.network.named_parameters()}
    fresh._step(None)
    (path,) = fresh.paths(0)
    moved = {name for name, p in fresh.network.named_parameters() if not torch.equal(before[name], p)}
    for name, choice in fresh.network.choices():
        for option in range(4):
            own = {n for n in before if n.startswith(f"network.{name}.options.{option}.")}
            assert own <= moved if option == path[choice.position] else not own & moved


@pytest.mark.parametrize(("rule", "passes"), [("spos", 1), ("fairnas", 4), ("ordered_dropout", 4)])
def test_updates_are_counted(rule: str, passes: int) -> None:
    training_ = training(rule)
    for _ in range(3):
        training_._step(None)
    counts = np.array(training_.update_counts())
    assert counts.sum(1).tolist() == [3 * passes] * 3
    if rule == "fairnas":
        assert np.ptp(counts) == 0


def test_gradients_of_a_step_are_the_mean_over_its_paths() -> None:
    """Two weights of the head: the sum of a quarter of each path's own gradient."""
    training_ = training("fairnas")
    x, y = training_._batch(0)
    network = training_.network.train()
    weight = network.network.head[-1].weight
    expected = torch.zeros_like(weight)
    for path in training_.paths(0):
        (gradient,) = torch.autograd.grad(training_.task.loss(network(x, path), y), weight)
        expected += gradient / 4
    loss = training_._backward(x, y)
    torch.testing.assert_close(weight.grad, expected)
    assert loss.item() == pytest.approx(
        np.mean([training_.task.loss(network(x, p), y).item() for p in training_.paths(0)]), rel=1e-4
    )


def test_resumed_it_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    first = training(checkpoint=tmp_path / "super.pt")
    first.run(Fidelity(epochs=0.4))
    straight = training()
    straight.run(Fidelity(epochs=0.4))
    straight.run(Fidelity(epochs=0.6))
    again = training(checkpoint=tmp_path / "super.pt")
    assert again.state.step == first.state.step > 0
    again.run(Fidelity(epochs=0.6))
    for a, b in zip(again.network.state_dict().values(), straight.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert again.inherit((0, 1, 2)).value == straight.inherit((0, 1, 2)).value


def test_inheriting_changes_nothing(trained: PathTraining) -> None:
    before = {name: t.clone() for name, t in trained.averaged.state_dict().items()}
    values = [trained.inherit((3, 2, 1), recalibrate=r).value for r in (True, False, True)]
    assert values[0] == values[2]
    assert all(torch.equal(before[name], t) for name, t in trained.averaged.state_dict().items())


def test_paths_that_share_a_pass_see_a_part_of_the_batch_each() -> None:
    """Re-calibrated nothing: in training mode each option's norm sees its own items, as it would alone."""
    training_ = training("ordered_dropout")
    x, y = training_._batch(0)
    loss = training_._backward(x, y)
    paths, network = training_.paths(0), training_.network
    outputs = network.paths(x, paths)
    assert len(paths) == 4
    assert loss.item() == pytest.approx(training_.task.loss(outputs, y).item(), rel=1e-5)


def test_sub_networks_take_turns_over_the_items() -> None:
    training_ = training()
    split = digits().validation
    few = Split(split.x[:6], split.y[:6])
    outputs, targets = training_.outputs(few)
    assert targets.tolist() == split.y[[0, 4, 1, 5, 2, 3]].tolist()
    second, _ = training_.selected_outputs(training_.shown[1], Split(split.x[1:6:4], split.y[1:6:4]))
    torch.testing.assert_close(outputs[2:4], second)
    assert len(training_.outputs(Split(split.x[:2], split.y[:2]))[1]) == 2
