"""The noun `task`: what a network must do. Data splits, head, loss, metric."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from nassay.registry import Registry


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


class Task(ABC):
    """Data, head, loss and metric; the same for every space, estimator and strategy.

    Attributes:
        metric: name of the metric that `metric_of` returns; larger is better.
        train: the training split.
        validation: the split that searches see.
        classes: names of the outputs.
        notes: sentences on what was done to the user's data (conversions, skipped files), said once.

    The test split is sealed: only `open_test` gives it, and a study writes down that it was opened.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    train: Split
    validation: Split
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one input."""
        c, h, w = self.train.x.shape[1:]
        return int(c), int(h), int(w)

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Number of outputs of the head."""

    @property
    def head(self) -> Callable[[int], nn.Module] | None:
        """Head factory handed to `Space.build`; None for the space's default, global pooling and a linear layer."""
        return None

    @abstractmethod
    def open_test(self) -> Split:
        """The sealed test split, for the final table only."""

    @property
    @abstractmethod
    def test_size(self) -> int:
        """Number of items of the test split."""

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
    def augment(self, x: Tensor) -> Tensor:
        """Random training-time changes of prepared inputs, drawn from torch's global generator."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss, a scalar."""

    @abstractmethod
    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        """The metric over a whole split's outputs; larger is better."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of data, splits and settings: a study refuses to resume on other data."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the task to a folder, without pickle, so that workers and resumed studies can load it."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> "Task":
        """Inverse of `save`; arrays are memory-mapped."""


tasks: Registry[type[Task]] = Registry("task", ("nassay.tasks.classification",))
