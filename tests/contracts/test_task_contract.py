"""What every registered task promises: `nassay.tasks.base.Task`."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from nassay.errors import UserError
from nassay.exports.bundle import TOLERANCE
from nassay.exports.onnx import INPUT, to_onnx
from nassay.spaces.base import spaces
from nassay.tasks.base import Criterion, Illustration, Split, Task, task_from, tasks

SPACES = ("mobile", "nb201")
BLIND_FACTOR = 3.0  # between the loss of an untrained network and the loss that a task calls blind
FREE = None  # a dimension of the outputs that depends on the network


@dataclass(frozen=True)
class Case:
    """A small instance of a task, and what its outputs and targets mean.

    Attributes:
        make: the task, made anew from a seed.
        perfect: targets -> outputs that are right.
        dimensions: of the outputs behind the batch, `FREE` where they depend on the network.
        agree: whether inputs and targets still belong together after an augmentation, for targets that move.
    """

    make: Callable[[int], Task]
    perfect: Callable[[Task, Tensor], Tensor]
    dimensions: Callable[[Task], tuple[int | None, ...]]
    agree: Callable[[Tensor, Tensor], bool] | None = None


# One instance of each task ------------------------------------------------------------------------------------------


def few_digits(seed: int, task: str = "classification") -> Task:
    from nassay.tasks.datasets import digits

    data = digits()
    return task_from((data.x[:300], data.y[:300]), task=task, seed=seed)


def slopes(seed: int) -> Task:
    """Frames of slopes whose brightness is their depth."""
    rng = np.random.default_rng(0)
    far = rng.uniform(1, 2, (60, 1, 1)) + rng.uniform(0.02, 0.1, (60, 1, 1)) * np.arange(32)
    depth = np.broadcast_to(far, (60, 32, 32)).astype(np.float32)
    return task_from((np.rint(40 * depth[:, None]).repeat(3, axis=1), depth), task="depth", seed=seed)


def few_canvases(seed: int) -> Task:
    from nassay.tasks.detection import Detection
    from nassay.tasks.detection.composites import composites

    return Detection(composites(seed, (48, 12, 12)), seed=seed)


def one_hot(count: int, y: Tensor) -> Tensor:
    return 20.0 * torch.nn.functional.one_hot(y, count).float()


def right_boxes(task: Task, y: Tensor) -> Tensor:
    """One point for each object, at its middle; points of no object have low logits."""
    classes = len(task.classes)
    outputs = torch.zeros(*y.shape[:2], 7 + classes)
    outputs[..., 0], outputs[..., 1] = (y[..., 1] + y[..., 3]) / 2, (y[..., 2] + y[..., 4]) / 2
    outputs[..., 2], outputs[..., 3:7] = 1 / 8, y[..., 1:]
    outputs[..., 7:] = -20.0
    found = y[..., 0] >= 0
    outputs[..., 7:][found] += 40.0 * torch.nn.functional.one_hot(y[..., 0][found].long(), classes)
    return outputs


def slopes_agree(x: Tensor, y: Tensor) -> bool:
    """In every image brightness and depth rise together."""
    pairs = zip(x[:, 0].flatten(1), y.flatten(1), strict=True)
    return all(torch.corrcoef(torch.stack(pair))[0, 1].item() > 0.9 for pair in pairs)


def boxes_agree(x: Tensor, y: Tensor) -> bool:
    """The boxes are brighter than the rest, on average."""
    side = x.shape[-1]
    inside = torch.zeros(len(x), *x.shape[-2:], dtype=torch.bool)
    for i, rows in enumerate(y):
        for _, left, top, right, bottom in (rows[rows[:, 0] >= 0] * torch.tensor([1, *4 * [side]])).round().int():
            inside[i, top:bottom, left:right] = True
    return bool(x[:, 0][inside].mean() > x[:, 0][~inside].mean() + 0.5)


CASES = {
    "classification": Case(few_digits, lambda task, y: one_hot(task.num_outputs, y), lambda task: (len(task.classes),)),
    "depth": Case(slopes, lambda _, y: y[:, None].clone(), lambda _: (1, FREE, FREE), slopes_agree),
    "detection": Case(few_canvases, right_boxes, lambda task: (FREE, 7 + len(task.classes)), boxes_agree),
    "retrieval": Case(
        lambda seed: few_digits(seed, "retrieval"),
        lambda task, y: one_hot(task.num_outputs, y),
        lambda task: (task.num_outputs,),
    ),
}


@pytest.fixture(params=tasks.names())
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def task(case: Case) -> Task:
    """Shared by all tests, which do not change it."""
    name = next(name for name, one in CASES.items() if one is case)
    if name not in _made:
        _made[name] = case.make(0)
    return _made[name]


_made: dict[str, Task] = {}


def splits_of(task: Task) -> tuple[Split, Split, Split]:
    return task.train, task.validation, task.open_test()


def batch(task: Task, n: int = 16) -> tuple[Tensor, Tensor]:
    """Prepared inputs and targets of the first training items."""
    x, y = (torch.from_numpy(np.array(array[:n])) for array in (task.train.x, task.train.y))
    return task.prepare(x), y


def network(task: Task, space: str = "mobile") -> torch.nn.Module:
    torch.manual_seed(0)
    searched = task.space(space)
    return searched.build(searched.smallest())


# Data ---------------------------------------------------------------------------------------------------------------


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
        assert (split.y.shape[1:], split.y.dtype) == (task.train.y.shape[1:], task.train.y.dtype)


def test_the_test_split_is_sealed(task: Task) -> None:
    sealed = task.open_test()
    assert task.test_size == len(sealed)
    assert not hasattr(task, "test")
    public = [value for name, value in vars(task).items() if not name.startswith("_") and isinstance(value, Split)]
    assert {id(split) for split in public} == {id(task.train), id(task.validation)}


def test_splits_share_no_item(task: Task) -> None:
    items = [{(x.tobytes(), y.tobytes()) for x, y in zip(s.x, s.y, strict=True)} for s in splits_of(task)]
    assert not items[0] & items[1] | items[0] & items[2] | items[1] & items[2]


def test_a_sample_of_the_validation_split_is_random_and_always_the_same(task: Task, tmp_path: Path) -> None:
    whole = task.validation
    half = len(whole) // 2
    sample = task.validation_sample(half)
    keys, chosen = ([(x.tobytes(), y.tobytes()) for x, y in zip(s.x, s.y, strict=True)] for s in (whole, sample))
    assert half <= len(chosen) <= 1.5 * half
    assert chosen == [key for key in keys if key in set(chosen)] != keys[: len(chosen)]
    task.save(tmp_path)
    assert np.array_equal(type(task).load(tmp_path).validation_sample(half).x, sample.x)
    for items in (None, len(whole), 10 * len(whole)):
        assert task.validation_sample(items) is whole


def test_prepared_inputs_are_finite_floats_of_the_same_shape(task: Task) -> None:
    x = torch.from_numpy(np.array(task.train.x[:16]))
    prepared = task.prepare(x)
    assert prepared.shape == x.shape
    assert prepared.dtype == torch.float32
    assert torch.isfinite(prepared).all()
    assert torch.allclose(prepared, task.normalizer()(task.scaled(x)))


def test_a_seed_is_a_task(case: Case, task: Task) -> None:
    assert case.make(0).fingerprint() == task.fingerprint() != case.make(1).fingerprint()


def test_making_a_task_leaves_global_randomness_alone(case: Case) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    python_state = random.getstate()
    _ = case.make(0).blind_loss
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert random.getstate() == python_state


def test_saved_and_loaded_it_is_the_same(task: Task, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = type(task).load(tmp_path)
    assert loaded.fingerprint() == task.fingerprint()
    for name in ("classes", "notes", "input_shape", "num_outputs", "blind_loss", "preprocessing", "output_words"):
        assert getattr(loaded, name) == getattr(task, name), name
    x, y = batch(task)
    outputs = network(task)(x)
    assert torch.equal(loaded.prepare(torch.from_numpy(np.array(task.train.x[:16]))), x)
    assert torch.equal(loaded.loss(outputs, y), task.loss(outputs, y))
    assert not list(tmp_path.rglob("*.pkl"))


def test_another_task_s_folder_is_refused(task: Task, tmp_path: Path) -> None:
    other = next(name for name in tasks.names() if name != task.name)
    task.save(tmp_path)
    with pytest.raises(UserError):
        tasks[other].target.load(tmp_path)


def test_data_that_does_not_exist_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        type(task).from_source(str(tmp_path / "nowhere"), seed=0)


# Augmentation -------------------------------------------------------------------------------------------------------


def test_augmentation_is_drawn_from_torchs_global_generator_alone(task: Task) -> None:
    x, y = batch(task)
    kept = x.clone(), y.clone()
    torch.manual_seed(0)
    first = task.augment(x, y)
    assert [t.shape for t in first] == [x.shape, y.shape]
    assert [t.dtype for t in first] == [x.dtype, y.dtype]
    random.random()
    np.random.random()  # noqa: NPY002
    python_state, numpy_state = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    torch.manual_seed(0)
    assert all(map(torch.equal, first, task.augment(x, y)))
    assert random.getstate() == python_state
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    torch.manual_seed(1)
    assert not torch.equal(first[0], task.augment(x, y)[0])
    assert torch.equal(x, kept[0])
    assert torch.equal(y, kept[1])


def test_inputs_and_targets_are_augmented_together(case: Case, task: Task) -> None:
    x, y = batch(task, 64)
    torch.manual_seed(0)
    seen, targets = task.augment(x, y)
    if case.agree is None:
        assert torch.equal(targets, y)
    else:
        assert case.agree(x, y)
        assert case.agree(seen, targets)
        assert not torch.equal(targets, y)


# Head, loss, metric -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
def test_networks_of_several_spaces_put_out_what_the_task_reads(case: Case, task: Task, space: str) -> None:
    assert space in spaces
    x, y = batch(task)
    outputs = network(task, space)(x)
    expected = case.dimensions(task)
    assert len(outputs) == len(x)
    assert outputs.ndim == 1 + len(expected)
    assert all(found == wanted for found, wanted in zip(outputs.shape[1:], expected, strict=True) if wanted is not FREE)
    assert torch.isfinite(outputs).all()
    assert math.isfinite(task.loss(outputs, y).item())
    assert math.isfinite(task.metric_of(outputs.detach(), y))


@pytest.mark.parametrize("loss", ["loss", "proxy_loss"])
def test_a_loss_is_a_scalar_with_a_gradient_for_the_whole_network(task: Task, loss: str) -> None:
    module, (x, y) = network(task), batch(task)
    value = getattr(task, loss)(module(x), y)
    value.backward()
    assert value.shape == ()
    gradients = [parameter.grad for parameter in module.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    assert next(module.parameters()).grad.abs().sum() > 0  # type: ignore[union-attr]


def test_the_criterion_is_a_loss_whose_parameters_are_all_trained(task: Task) -> None:
    criterion = task.criterion()
    assert isinstance(criterion, Criterion)
    x, y = batch(task)
    outputs = network(task)(x)
    value = criterion(outputs, y)
    value.backward()
    assert value.shape == ()
    groups = criterion.groups()
    assert all({"params", "rate", "weight_decay"} <= set(group) for group in groups)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in criterion.parameters() if p.requires_grad)


def test_an_untrained_network_loses_about_the_blind_loss(task: Task) -> None:
    """Within `BLIND_FACTOR`: a training is called diverged at three times the blind loss and one."""
    x, y = batch(task, 64)
    torch.manual_seed(0)
    value = task.criterion()(network(task)(x), y).item()
    assert task.blind_loss / BLIND_FACTOR < value < task.blind_loss * BLIND_FACTOR


def test_perfect_outputs_have_the_best_metric(case: Case, task: Task) -> None:
    y = torch.from_numpy(np.array(task.validation.y))
    perfect = case.perfect(task, y)
    assert task.metric_of(perfect, y) == pytest.approx(1.0, abs=1e-6)
    torch.manual_seed(0)
    shuffled = perfect[torch.randperm(len(perfect))]
    assert task.metric_of(shuffled, y) < 0.9


def test_a_metric_of_what_is_not_finite_is_nan(case: Case, task: Task) -> None:
    y = torch.from_numpy(np.array(task.validation.y))
    for bad in (math.nan, math.inf):
        outputs = case.perfect(task, y)
        outputs[0] = bad
        assert math.isnan(task.metric_of(outputs, y))
        assert math.isnan(task.metrics_of(outputs, y)[task.metric])


def test_all_metrics_are_finite_numbers_and_have_the_task_s(case: Case, task: Task) -> None:
    y = torch.from_numpy(np.array(task.validation.y))
    outputs = case.perfect(task, y)
    found = task.metrics_of(outputs, y)
    assert found[task.metric] == task.metric_of(outputs, y)
    assert all(type(value) is float and math.isfinite(value) for value in found.values()), found


# What comes out -----------------------------------------------------------------------------------------------------


def test_what_is_deployed_can_be_exported(task: Task) -> None:
    deployed = task.deployed(network(task)).eval()
    images = task.scaled(torch.from_numpy(np.array(task.validation.x[:3])))
    with torch.no_grad():
        found = deployed(images)
    outputs = [found] if isinstance(found, Tensor) else list(found)
    session = onnxruntime.InferenceSession(
        to_onnx(deployed, task.input_shape, task.output_names), providers=["CPUExecutionProvider"]
    )
    assert [one.name for one in session.get_outputs()] == list(task.output_names)
    exported = session.run(list(task.output_names), {INPUT: images.numpy()})
    assert len(outputs) == len(exported) == len(task.output_names)
    assert all(len(theirs) == len(images) for theirs in exported)
    assert task.difference([torch.from_numpy(theirs) for theirs in exported], outputs) < TOLERANCE
    assert task.difference(outputs, outputs) == 0


def test_what_the_export_s_readme_says_of_outputs_runs(task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    with torch.no_grad():
        found = task.deployed(network(task)).eval()(task.scaled(torch.from_numpy(np.array(task.validation.x[:2]))))
    outputs = [found] if isinstance(found, Tensor) else list(found)
    arrays = {name: one.numpy() for name, one in zip(task.output_names, outputs, strict=True)}
    exec(task.reading, {**arrays, "classes": list(task.classes)})
    assert task.output_words.strip()


def test_illustrations_are_pictures_with_captions(case: Case, task: Task) -> None:
    y = torch.from_numpy(np.array(task.validation.y))
    for one in task.illustrations(case.perfect(task, y), task.validation):
        assert isinstance(one, Illustration)
        assert one.caption.strip()
        assert one.png.startswith(b"\x89PNG")
