"""What every training of a super-network shares: fixed batches, inherited accuracy, the architecture's own half."""

import copy
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.training import RECALIBRATION, BilevelTraining, SuperTraining
from nassay.spaces.cell64 import Cell64
from nassay.tasks.base import Split, Task, task_from


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def training(
    kind: type[SuperTraining] = SuperTraining, seed: int = 0, task: Task | None = None, **options: Any
) -> SuperTraining:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(Cell64((1, 8, 8), 10, channels=4, cells=1))
    return kind(network, task or digits(), seed=seed, fidelity=Fidelity(epochs=1), **options)


def test_plain_batches_are_the_same_every_time_and_training_images() -> None:
    once, again = (training().plain_batches() for _ in range(2))
    assert [len(b) for b in once] == [64] * RECALIBRATION
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    every = {image.numpy().tobytes() for image in digits().prepare(torch.from_numpy(np.array(digits().train.x)))}
    assert all(image.numpy().tobytes() in every for batch in once for image in batch)


def test_another_seed_has_other_plain_batches() -> None:
    assert not torch.equal(training(seed=0).plain_batches()[0], training(seed=1).plain_batches()[0])


def test_every_plain_batch_is_of_all_classes_though_images_are_sorted_by_class() -> None:
    """Images are told by a single grey of their class; 64 random ones miss two of ten classes once in 10,000 times."""
    labels = np.sort(digits().train.y)
    task = copy.copy(digits())
    task.train = Split(np.broadcast_to(labels[:, None, None, None], (len(labels), 1, 8, 8)).astype(np.uint8), labels)
    assert all(len(batch.unique()) >= 9 for batch in training(task=task).plain_batches())


def paths_of(one: SuperTraining) -> None:
    """Steps of a plain `SuperTraining` go through one fixed path."""
    forward = one.network.forward
    one.network.forward = lambda x, selection=(0, 0, 0): forward(x, selection)  # type: ignore[method-assign]
    one.outputs = lambda split: one.selected_outputs((0, 0, 0), split)  # type: ignore[method-assign]


def test_a_super_network_is_evaluated_at_its_end_alone() -> None:
    one = training()
    paths_of(one)
    found = one.run(Fidelity(epochs=0.5, final=True))
    assert [point["step"] for point in found.details["curve"]] == [one.state.step]


def test_the_end_of_the_search_is_not_the_end_of_the_cosine() -> None:
    """Half of two epochs are done where the cosine, made for 2.3 of them, has come to cos^2(pi / 2 x 1 / 2.3)."""
    one, other = training(end=2.0), training()
    for each in (one, other):
        paths_of(each)
        each.run(Fidelity(epochs=1, horizon=2.3))
    last = 1 - 1 / one.steps_per_epoch  # where the last step began
    assert one._done == pytest.approx(last / 2)
    assert other._done == pytest.approx(last / 2.3)
    assert one.annealed == pytest.approx(math.cos(math.pi / 2 * last / 2.3) ** 2)


def test_steps_behind_the_bound_keep_to_the_schedule() -> None:
    """Also in a training that was loaded at its end and has made no step yet: cos^2(pi / 2 / 1.2)."""
    one = training(end=1.0)
    paths_of(one)
    one.state.step = one.steps_per_epoch
    one.run(Fidelity(epochs=1, horizon=1.2))
    with torch.random.fork_rng(devices=[]):
        one._step(None)
    assert one._done == 1.0
    assert one.annealed == pytest.approx(math.cos(math.pi / 2 / 1.2) ** 2)


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
