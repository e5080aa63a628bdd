"""What every training of a super-network shares: fixed batches, inherited accuracy, the architecture's own half."""

from functools import cache

import numpy as np
import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.training import RECALIBRATION, BilevelTraining, SuperTraining
from nassay.spaces.cell64 import Cell64
from nassay.tasks.base import Task, task_from


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def training(kind: type[SuperTraining] = SuperTraining, seed: int = 0) -> SuperTraining:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(Cell64((1, 8, 8), 10, channels=4, cells=1))
    return kind(network, digits(), seed=seed, fidelity=Fidelity(epochs=1))


def test_plain_batches_are_the_same_every_time_and_training_images() -> None:
    once, again = (training().plain_batches() for _ in range(2))
    assert [len(b) for b in once] == [64] * RECALIBRATION
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    every = {image.numpy().tobytes() for image in digits().prepare(torch.from_numpy(np.array(digits().train.x)))}
    assert all(image.numpy().tobytes() in every for batch in once for image in batch)


def test_another_seed_has_other_plain_batches() -> None:
    assert not torch.equal(training(seed=0).plain_batches()[0], training(seed=1).plain_batches()[0])


@pytest.mark.parametrize("recalibrate", [True, False])
def test_looking_at_a_sub_network_leaves_the_super_network_as_it_was(recalibrate: bool) -> None:
    one = training()
    before = {name: t.clone() for name, t in one.averaged.state_dict().items()}
    one.inherit((1, 2, 3), items=32, recalibrate=recalibrate)
    after = one.averaged.state_dict()
    assert all(torch.equal(t, after[name]) for name, t in before.items())


def test_inherited_accuracy_is_that_of_the_outputs() -> None:
    one = training()
    outputs, targets = one.selected_outputs((1, 2, 3), digits().validation_sample(40))
    assert outputs.shape == (40, 10)
    right = (outputs.argmax(1) == targets).double().mean().item()
    assert one.inherit((1, 2, 3), items=40).value == pytest.approx(right)


def test_every_weight_has_its_momentum_before_a_path_has_met_it() -> None:
    one = training()
    assert all("momentum_buffer" in one.optimizer.state[p] for p in one.network.parameters())


def test_the_architecture_has_a_half_of_the_training_images_of_its_own() -> None:
    both = training(BilevelTraining)
    assert not set(both.rows) & set(both.held_out)
    assert sorted([*both.rows, *both.held_out]) == list(range(len(digits().train)))
    assert abs(len(both.rows) - len(both.held_out)) <= 1


def test_a_held_out_batch_is_of_that_half_and_depends_on_the_step_alone() -> None:
    both = training(BilevelTraining)
    assert isinstance(both, BilevelTraining)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        _, labels = both._held_out_batch()
    rng = np.random.default_rng([0, 0, 0xA1FA])
    rows = np.sort(rng.choice(both.held_out, 64, replace=False))
    assert labels.tolist() == np.array(digits().train.y)[rows].tolist()
    both.state.step = 1
    assert both._held_out_batch()[1].tolist() != labels.tolist()
