"""The task of naming the class of an image."""

import math
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional

from nassay.spaces.base import Shape
from nassay.tasks.augment import augment_images
from nassay.tasks.base import Split, tasks
from nassay.tasks.image_data import SPLITS, ImageData
from nassay.tasks.image_task import ImageTask
from nassay.tasks.images import load_images
from nassay.tasks.splits import assign_splits

LABEL_SMOOTHING = 0.1


@tasks.register("classification", metric="accuracy")
class Classification(ImageTask):
    """One class for each image: cross-entropy with label smoothing, accuracy (a fraction, 0..1).

    Args:
        data: labelled images; their own splits are used, missing ones drawn (`splits.assign_splits`).
        seed: of the drawn splits.

    Raises:
        UserError: the images cannot be split (too few of a class, or a class that train lacks).
    """

    name = "classification"
    metric = "accuracy"
    share_of_items = True

    def __init__(self, data: ImageData, *, seed: int = 0) -> None:
        split, notes = assign_splits(data.y, data.split, data.classes, seed=seed)
        parts = {name: Split(data.x[split == name], data.y[split == name]) for name in SPLITS}
        super().__init__(
            parts,
            source=data.name,
            seed=seed,
            classes=tuple(data.classes),
            notes=(*data.notes, *notes),
            preprocessing=data.preprocessing,
        )

    @classmethod
    def from_source(cls, source: Any, *, seed: int, image_shape: Shape | None = None) -> Self:
        """The task of whatever `load_images` takes: a data set's name, a path, arrays, a torch Dataset, ImageData."""
        return cls(load_images(source, image_shape=image_shape), seed=seed)

    def augment(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Shift, mirror, erase prepared images, as suits their size (`augment.augment_images`)."""
        return augment_images(x), y

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of (N, classes) logits against (N,) indices, smoothed by 0.1 (arXiv:1512.00567)."""
        return functional.cross_entropy(outputs, targets, label_smoothing=LABEL_SMOOTHING)

    def proxy_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy as it is, without smoothing, as the proxies' papers have it."""
        return functional.cross_entropy(outputs, targets)

    @property
    def blind_loss(self) -> float:
        """Cross-entropy of equal probabilities: the logarithm of the number of classes."""
        return math.log(max(2, self.num_outputs))

    @property
    def least_loss(self) -> float:
        """Cross-entropy of the smoothed labels with themselves: their entropy, in nats."""
        wrong = LABEL_SMOOTHING / self.num_outputs
        right = 1 - LABEL_SMOOTHING + wrong
        return -(right * math.log(right) + (self.num_outputs - 1) * wrong * math.log(wrong))

    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        """Accuracy, 0..1, of (N, classes) logits against (N,) indices; NaN if a logit is not finite."""
        if not torch.isfinite(outputs).all():
            return float("nan")
        return (outputs.argmax(dim=1) == targets).double().mean().item()

    @property
    def output_words(self) -> str:
        """What the logits are."""
        return f"An image classifier of {len(self.classes)} classes. Output: logits, (batch, classes)."

    @property
    def reading(self) -> str:
        """The name of the largest logit's class."""
        return "print([classes[i] for i in logits.argmax(1)])"
