"""The noun `task`: what a network must do. Data splits, head, loss, metric."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from nassay.registry import Registry
from nassay.spaces.base import Head, Shape, Space, spaces

SAMPLE_SEED = 0x1007


@dataclass(frozen=True)
class Split:
    """One part of the data.

    Attributes:
        x: (N, C, H, W) inputs, uint8 (0..255) or float32.
        y: (N, ...) targets; (N,) int64 class indices for classification.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Illustration:
    """A picture of what a network makes of some items, for the report.

    Attributes:
        caption: what it shows, in a sentence.
        png: the picture's file.
    """

    caption: str
    png: bytes


class Criterion(nn.Module):
    """A task's loss as a module: what it learns, if anything, is trained along with the network.

    Args:
        loss: (outputs, targets) -> scalar.
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self._loss = loss

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss of a batch, a scalar."""
        return self._loss(outputs, targets)

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups {params, weight_decay, rate}; `rate` is a factor on the network's learning rate."""
        return []


class Task(ABC):
    """Data, head, loss and metric; the same for every space, estimator and strategy.

    Attributes:
        metric: name of the metric that `metric_of` returns; larger is better.
        train: the training split.
        validation: the split that searches see.
        classes: names of the outputs.
        notes: sentences on what was done to the user's data (conversions, skipped files), said once.
        share_of_items: whether the metric is the share of items that are right, so that it has a binomial interval.
        output_names: names of what an exported network puts out.

    The test split is sealed: only `open_test` gives it, and a study writes down that it was opened.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    share_of_items: ClassVar[bool] = False
    output_names: ClassVar[tuple[str, ...]] = ("logits",)
    train: Split
    validation: Split
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    # Data

    @classmethod
    @abstractmethod
    def from_source(cls, source: Any, *, seed: int, image_shape: Shape | None = None) -> Self:
        """The task of a user's data.

        Args:
            source: name of an embedded data set, path, or arrays.
            seed: of drawn splits.
            image_shape: (C, H, W) to convert the images to; None lets the data decide.

        Raises:
            UserError: the source cannot be read or split.
        """

    @property
    def input_shape(self) -> Shape:
        """(C, H, W) of one input."""
        c, h, w = self.train.x.shape[1:]
        return int(c), int(h), int(w)

    @abstractmethod
    def open_test(self) -> Split:
        """The sealed test split, for the final table only."""

    @property
    @abstractmethod
    def test_size(self) -> int:
        """Number of items of the test split."""

    def validation_sample(self, items: int | None) -> Split:
        """A part of the validation split that stands for all of it: always the same random items, in their order.

        Args:
            items: about how many; None for all.
        """
        split = self.validation
        if items is None or items >= len(split):
            return split
        rows = np.sort(self._sampled(np.random.default_rng(SAMPLE_SEED), items))
        return Split(split.x[rows], split.y[rows])

    def _sampled(self, generator: np.random.Generator, items: int) -> np.ndarray:
        """The rows of `validation_sample`; a task whose metric compares items draws those that belong together."""
        return generator.permutation(len(self.validation))[:items]

    @abstractmethod
    def scaled(self, x: Tensor) -> Tensor:
        """Raw inputs as an exported network takes them: uint8 scaled to 0..1, float32 as they are."""

    @abstractmethod
    def normalizer(self) -> nn.Module:
        """A new module from scaled inputs to the network's normalised inputs; `prepare` is both in one."""

    @property
    @abstractmethod
    def preprocessing(self) -> dict[str, Any]:
        """What a user does to feed an exported network, JSON-ready."""

    @abstractmethod
    def prepare(self, x: Tensor) -> Tensor:
        """Raw inputs (uint8 or float32) to the network's normalised float32 inputs, same shape."""

    @abstractmethod
    def augment(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Random training-time changes of prepared inputs and their targets, drawn from torch's global generator."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of data, splits and settings: a study refuses to resume on other data."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the task to a folder, without pickle, so that workers and resumed studies can load it."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Inverse of `save`; arrays are memory-mapped."""

    # Head, loss, metric

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Number of outputs of the head."""

    @property
    def head(self) -> Head | None:
        """Makes the head of a space's networks; None for the space's default, global pooling and a linear layer."""
        return None

    def space(self, name: str) -> Space:
        """The space called `name`, for this task's inputs, outputs, head and use.

        Raises:
            UserError: there is no such space, or its networks cannot take these inputs.
        """
        space: Space = spaces[name].target(self.input_shape, self.num_outputs)
        space.head, space.deployed = self.head, self.deployed
        return space

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss, a scalar."""

    def proxy_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss that zero-cost proxies derive at an untrained network, a scalar."""
        return self.loss(outputs, targets)

    def criterion(self) -> Criterion:
        """The training loss as a module, freshly initialised where it learns something itself."""
        return Criterion(self.loss)

    @property
    @abstractmethod
    def blind_loss(self) -> float:
        """About the loss of a network that knows nothing: a training far above it has diverged."""

    @property
    def least_loss(self) -> float:
        """What the training loss cannot be smaller than."""
        return 0.0

    @abstractmethod
    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        """The metric over a whole split's outputs; larger is better, NaN where an output is not finite."""

    def metrics_of(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """All metrics of the field over a whole split's outputs, for the final table."""
        return {self.metric: self.metric_of(outputs, targets)}

    # What comes out

    def deployed(self, network: nn.Module) -> nn.Module:
        """The module that is exported: scaled inputs in, one tensor for each of `output_names` out."""
        return nn.Sequential(self.normalizer(), network)

    def difference(self, found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
        """How far what an exported file puts out is from what the trained module does, on the same inputs.

        Args:
            found: a tensor for each of `output_names`.
            expected: the trained module's.

        Returns:
            The largest difference as a share of the range, see `largest_difference`; of outputs that hang on
            thresholds, as detections do, what no rounding explains.
        """
        return largest_difference(found, expected)

    @property
    @abstractmethod
    def output_words(self) -> str:
        """What an exported network is and puts out, in a sentence each."""

    @property
    @abstractmethod
    def reading(self) -> str:
        """Lines of Python that print what arrays named as `output_names` say; `classes` is at hand."""

    def illustrations(self, outputs: Tensor, split: Split) -> list[Illustration]:
        """Pictures of a few items of a split with what a network makes of them."""
        del outputs, split
        return []


def largest_difference(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest absolute difference, each output's in units of max(1, its largest absolute value); NaN if any is."""
    pairs = zip(found, expected, strict=True)
    return torch.stack([((a - b).abs().max() / b.abs().max().clamp(min=1)).double() for a, b in pairs]).max().item()


tasks: Registry[type[Task]] = Registry(
    "task", ("nassay.tasks.classification", "nassay.tasks.depth", "nassay.tasks.detection", "nassay.tasks.retrieval")
)


def task_from(source: Any, *, task: str = "classification", seed: int = 0, image_shape: Shape | None = None) -> Task:
    """The task called `task` on a user's data, see `Task.from_source`; a Task as the source is returned as it is.

    Raises:
        UserError: there is no such task; or the source cannot be read or split.
    """
    if isinstance(source, Task):
        return source
    return tasks[task].target.from_source(source, seed=seed, image_shape=image_shape)
