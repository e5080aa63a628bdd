"""What every registered task promises: `nassay.tasks.base.Task`."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from nassay.tasks.base import Split, Task, task_from, tasks

# One small instance for each registered task, made anew from a seed.
EXAMPLES: dict[str, Callable[[int], Task]] = {"classification": lambda seed: task_from("digits", seed=seed)}


@pytest.fixture(params=tasks.names())
def make(request: pytest.FixtureRequest) -> Callable[[int], Task]:
    return EXAMPLES[request.param]


@pytest.fixture
def task(make: Callable[[int], Task]) -> Task:
    return make(0)


def splits_of(task: Task) -> tuple[Split, Split, Split]:
    return task.train, task.validation, task.open_test()


def test_registration_and_class_agree(task: Task) -> None:
    entry = tasks[task.name]
    assert entry.target is type(task)
    assert entry.info["metric"] == task.metric


def test_splits_are_filled_and_of_one_kind(task: Task) -> None:
    for split in splits_of(task):
        assert len(split) == len(split.x) == len(split.y) > 0
        assert split.x.shape[1:] == task.input_shape
        assert split.x.dtype == task.train.x.dtype
        assert split.x.dtype in (np.uint8, np.float32)


def test_the_test_split_has_no_public_name(task: Task) -> None:
    assert not hasattr(task, "test")


def test_prepared_inputs_are_finite_floats_of_the_same_shape(task: Task) -> None:
    x = torch.from_numpy(np.array(task.train.x[:16]))
    prepared = task.prepare(x)
    assert prepared.shape == x.shape
    assert prepared.dtype == torch.float32
    assert torch.isfinite(prepared).all()


def test_augmentation_is_drawn_from_torchs_global_generator(task: Task) -> None:
    prepared = task.prepare(torch.from_numpy(np.array(task.train.x[:16])))
    targets = torch.from_numpy(np.array(task.train.y[:16]))
    torch.manual_seed(0)
    first = task.augment(prepared, targets)
    torch.manual_seed(0)
    assert all(map(torch.equal, first, task.augment(prepared, targets)))
    assert [t.shape for t in first] == [prepared.shape, targets.shape]


def test_the_loss_is_a_scalar_with_a_gradient(task: Task) -> None:
    outputs = torch.randn(16, task.num_outputs, requires_grad=True)
    loss = task.loss(outputs, torch.from_numpy(np.array(task.train.y[:16])))
    loss.backward()
    assert loss.shape == ()
    assert outputs.grad is not None
    assert outputs.grad.abs().sum() > 0


def test_a_metric_of_nan_is_nan(task: Task) -> None:
    targets = torch.from_numpy(np.array(task.validation.y))
    outputs = torch.full((len(targets), task.num_outputs), math.nan)
    assert math.isnan(task.metric_of(outputs, targets))


def test_a_seed_is_a_task(make: Callable[[int], Task]) -> None:
    assert make(0).fingerprint() == make(0).fingerprint()
    assert make(0).fingerprint() != make(1).fingerprint()


def test_making_a_task_leaves_global_randomness_alone(make: Callable[[int], Task]) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    make(0)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_saved_and_loaded_it_is_the_same(task: Task, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = type(task).load(tmp_path)
    assert loaded.fingerprint() == task.fingerprint()
    assert (loaded.classes, loaded.notes, loaded.input_shape) == (task.classes, task.notes, task.input_shape)
    x = torch.from_numpy(np.array(task.validation.x[:4]))
    assert torch.equal(loaded.prepare(x), task.prepare(x))
    assert not list(tmp_path.rglob("*.pkl"))
