"""What every task inherits: samples, defaults, spaces for it, and how two outputs are compared."""

import json
import math
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.registry import Entry
from nassay.spaces.base import Shape
from nassay.tasks.base import Criterion, Split, Task, largest_difference, task_from, tasks


def numbered(items: int) -> Split:
    """Images of 8 x 8 pixels, each filled with its own number, which is its target, too."""
    y = np.arange(items)
    return Split(np.broadcast_to(y[:, None, None, None], (items, 1, 8, 8)).astype(np.float32), y)


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


class Plain(Task):
    """Says what a task must say and leaves the rest to `Task`."""

    name = "plain"
    metric = "minus_error"

    def __init__(self, items: int = 20, asked: tuple[Any, ...] = ()) -> None:
        self.train, self.validation, self.classes, self.notes = numbered(4), numbered(items), ("a", "b", "c"), ()
        self.asked = asked

    @classmethod
    def from_source(cls, source: Any, *, seed: int, image_shape: Shape | None = None) -> Self:
        return cls(asked=(source, seed, image_shape))

    def open_test(self) -> Split:
        return numbered(2)

    @property
    def test_size(self) -> int:
        return 2

    def scaled(self, x: Tensor) -> Tensor:
        return x

    def normalizer(self) -> nn.Module:
        return Doubled()

    @property
    def preprocessing(self) -> dict[str, Any]:
        return {}

    def prepare(self, x: Tensor) -> Tensor:
        return 2 * x

    def augment(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, y

    def fingerprint(self) -> str:
        return "plain"

    def save(self, folder: Path) -> None:
        (folder / "plain").touch()

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls()

    @property
    def num_outputs(self) -> int:
        return 3

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean()

    @property
    def blind_loss(self) -> float:
        return 1.0

    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        return -self.loss(outputs, targets).item()

    @property
    def output_words(self) -> str:
        return "Three numbers."

    @property
    def reading(self) -> str:
        return "print(logits)"


# What a task must say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", sorted(Task.__abstractmethods__))
def test_a_task_that_leaves_something_unsaid_cannot_be_made(missing: str) -> None:
    half = type("Half", (Plain,), {missing: getattr(Task, missing)})
    with pytest.raises(TypeError, match=missing):
        half()


def test_the_shape_of_an_input_is_that_of_training_images_in_numbers_for_json() -> None:
    task = Plain()
    task.train = Split(np.zeros((5, 3, 7, 9), np.uint8), np.zeros(5))
    assert task.input_shape == (3, 7, 9)
    assert json.dumps(task.input_shape) == "[3, 7, 9]"
    assert len(task.train) == 5


# A sample of the validation split -----------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 60), items=st.integers(0, 60))
def test_a_sample_is_rows_of_the_split_each_once_with_its_own_target_in_order(size: int, items: int) -> None:
    sample = Plain(size).validation_sample(items)
    assert len(sample) == min(size, items)
    assert np.array_equal(sample.x[:, 0, 0, 0], sample.y)
    assert sample.y.tolist() == sorted(set(sample.y.tolist()))
    assert set(sample.y.tolist()) <= set(range(size))


@pytest.mark.parametrize("items", [None, 20, 21, 10_000])
def test_whoever_wants_all_gets_the_split_itself(items: int | None) -> None:
    task = Plain(20)
    assert task.validation_sample(items) is task.validation


def test_a_sample_is_the_same_for_every_task_of_that_size_and_draws_from_no_global_generator() -> None:
    first = Plain(1000).validation_sample(500).y
    np.random.seed(1)  # noqa: NPY002
    again = Plain(1000).validation_sample(500).y
    drawn = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.array_equal(first, again)
    assert drawn == np.random.random()  # noqa: NPY002


def test_a_sample_is_drawn_from_the_whole_split() -> None:
    """Of 500 of 1000 rows 250 are in the first half, with a standard deviation of 500 / (2 sqrt(999)) = 7.9."""
    rows = Plain(1000).validation_sample(500).y
    assert abs(int((rows < 500).sum()) - 250) < 4 * 7.9


def test_a_task_may_draw_rows_that_belong_together_and_they_come_in_order() -> None:
    class Together(Plain):
        def _sampled(self, generator: np.random.Generator, items: int) -> np.ndarray:
            return np.array([9, 8, 3, 2])[: items + 1]

    assert Together().validation_sample(3).y.tolist() == [2, 3, 8, 9]


# Losses and metrics -------------------------------------------------------------------------------------------------


def test_without_words_of_its_own_a_task_has_one_loss_and_one_metric() -> None:
    """(1 - 0)^2 and (0 - 2)^2 have a mean of 2.5."""
    task, outputs, targets = Plain(), torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    assert task.proxy_loss(outputs, targets).item() == 2.5
    assert task.criterion()(outputs, targets).item() == 2.5
    assert task.metrics_of(outputs, targets) == {"minus_error": -2.5}
    assert task.least_loss == 0.0
    assert task.share_of_items is False


def test_a_metric_that_is_not_a_number_stays_so_among_all_metrics() -> None:
    found = Plain().metrics_of(torch.tensor([math.nan]), torch.zeros(1))
    assert list(found) == ["minus_error"]
    assert math.isnan(found["minus_error"])


def test_the_plain_criterion_has_nothing_to_learn_and_passes_gradients_on() -> None:
    """d/da of 3 a + b is 3, at any a."""
    criterion = Criterion(lambda outputs, targets: (3 * outputs + targets).sum())
    outputs = torch.tensor([2.0], requires_grad=True)
    value = criterion(outputs, torch.tensor([1.0]))
    value.backward()
    assert value.item() == 7.0
    assert outputs.grad is not None
    assert outputs.grad.item() == 3.0
    assert criterion.groups() == list(criterion.parameters()) == []


# Networks for a task ------------------------------------------------------------------------------------------------


def test_a_space_is_for_the_task_s_inputs_outputs_and_use() -> None:
    class Headed(Plain):
        @property
        def head(self) -> Any:
            return nn.Identity

    plain, headed = Plain(), Headed()
    space = plain.space("cell64")
    assert (space.name, space.input_shape, space.num_outputs) == ("cell64", (1, 8, 8), 3)
    assert space.head is None
    assert space.deployed == plain.deployed
    assert headed.space("cell64").head is nn.Identity
    assert plain.space("cell64").head is None  # every space is a new one


def test_a_space_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"no space called 'mobil'\. Did you mean mobile"):
        Plain().space("mobil")


def test_what_is_deployed_normalises_first() -> None:
    """2 x is doubled, then 3 is added: not 2 (x + 3)."""

    class Plus(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 3

    assert Plain().deployed(Plus())(torch.tensor([1.0, -5.0])).tolist() == [5.0, -7.0]


def test_without_pictures_a_task_illustrates_nothing() -> None:
    task = Plain()
    assert task.illustrations(torch.zeros(2, 3), task.open_test()) == []


# Two outputs compared -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "expected", "difference"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], 0.0),
        ([[0.25, 0.0]], [[0.5, 0.0]], 0.25),  # the largest value is 0.5: counted as it is
        ([[7.0, 0.0]], [[8.0, -4.0]], 0.5),  # 4 of 8
        ([[-1.0]], [[-10.0]], 0.9),  # 9 of 10, the range is without signs
        ([[100.0], [0.5]], [[102.0], [0.0]], 0.5),  # 2 of 102, and 0.5 of one: each output has its own range
    ],
)
def test_differences_are_shares_of_each_output_s_range(found: Any, expected: Any, difference: float) -> None:
    pair = [[torch.tensor(values) for values in side] for side in (found, expected)]
    assert largest_difference(*pair) == pytest.approx(difference)
    assert Plain().difference(*pair) == pytest.approx(difference)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_the_difference_is_one_number_for_outputs_of_any_kind(dtype: torch.dtype) -> None:
    found = largest_difference([torch.tensor([3, 0], dtype=dtype)], [torch.tensor([4, 0], dtype=dtype)])
    assert type(found) is float
    assert found == 0.25


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("side", [0, 1])
def test_what_is_not_a_number_is_never_a_small_difference(place: int, side: int) -> None:
    pair = [[torch.ones(3), torch.ones(3)] for _ in range(2)]
    pair[side][place] = torch.tensor([1.0, math.nan, 1.0])
    assert math.isnan(largest_difference(*pair))


def test_infinite_outputs_are_never_close() -> None:
    endless, one = torch.tensor([math.inf]), torch.tensor([1.0])
    assert largest_difference([endless], [one]) == math.inf
    assert math.isnan(largest_difference([one], [endless]))
    assert math.isnan(largest_difference([endless], [endless]))


def test_another_number_of_outputs_is_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        largest_difference([torch.ones(1)], [torch.ones(1), torch.ones(1)])


# From data to a task ------------------------------------------------------------------------------------------------


def test_a_task_by_name_gets_source_seed_and_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "plain" not in tasks
    monkeypatch.setitem(tasks._entries, "plain", Entry("plain", Plain, "", {}))
    made = task_from("images", task="plain", seed=7, image_shape=(1, 2, 3))
    assert isinstance(made, Plain)
    assert made.asked == ("images", 7, (1, 2, 3))
    assert task_from(None, task="plain").asked == (None, 0, None)  # type: ignore[attr-defined]


def test_a_ready_task_is_taken_as_it_is() -> None:
    task = Plain()
    assert task_from(task, task="depth", seed=3, image_shape=(3, 4, 4)) is task


def test_a_task_that_does_not_exist_is_refused_with_all_that_do() -> None:
    with pytest.raises(UserError, match=r"no task called 'detect'\. Did you mean detection") as refused:
        task_from("digits", task="detect")
    assert all(name in str(refused.value) for name in tasks.names())
