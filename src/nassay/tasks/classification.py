"""The task of naming the class of an image."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.errors import UserError
from nassay.tasks.augment import augment_images
from nassay.tasks.base import Split, Task, tasks
from nassay.tasks.image_data import SPLITS, ImageData, scale_of
from nassay.tasks.images import load_images
from nassay.tasks.normalizer import Normalizer, channel_statistics
from nassay.tasks.splits import assign_splits

LABEL_SMOOTHING = 0.1


@tasks.register("classification", metric="accuracy")
class Classification(Task):
    """One class for each image: cross-entropy with label smoothing, accuracy (a fraction, 0..1).

    Args:
        data: labelled images; their own splits are used, missing ones drawn (`splits.assign_splits`).
        seed: of the drawn splits.

    Raises:
        UserError: the images cannot be split (too few of a class, or a class that train lacks).
    """

    name = "classification"
    metric = "accuracy"

    def __init__(self, data: ImageData, *, seed: int = 0) -> None:
        split, notes = assign_splits(data.y, data.split, data.classes, seed=seed)
        parts = {name: Split(data.x[split == name], data.y[split == name]) for name in SPLITS}
        mean, std = channel_statistics(parts["train"].x)
        facts = {
            "source": data.name,
            "seed": seed,
            "classes": list(data.classes),
            "notes": [*data.notes, *notes],
            "preprocessing": {**data.preprocessing, "mean": mean, "std": std},
        }
        self._set(parts, facts)

    def _set(self, parts: dict[str, Split], facts: dict[str, Any]) -> None:
        self.train, self.validation, self._test = (parts[name] for name in SPLITS)
        self._facts = facts
        self.source: str = facts["source"]
        self.seed: int = facts["seed"]
        self.classes = tuple(facts["classes"])
        self.notes = tuple(facts["notes"])
        self._fingerprint: str | None = None

    @property
    def num_outputs(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def preprocessing(self) -> dict[str, Any]:
        """What a user does to feed an exported network, JSON-ready.

        mode, channels, height, width (pixels), resize, layout, dtype, scale (factor on the stored values),
        then mean and std of each channel (`normalizer`, which an export may contain already).
        """
        return dict(self._facts["preprocessing"])

    def open_test(self) -> Split:
        """The sealed test split, for the final table only."""
        return self._test

    @property
    def test_size(self) -> int:
        """Number of test images."""
        return len(self._test)

    def scaled(self, x: Tensor) -> Tensor:
        """(N, C, H, W) uint8 to 0..1, float32 as they are: the input of an exported network."""
        return x.float() * scale_of(self.train.x)

    def normalizer(self) -> nn.Module:
        """A new module from raw inputs (pixels scaled to 0..1, or raw floats) to standardised ones."""
        return Normalizer(self._facts["preprocessing"]["mean"], self._facts["preprocessing"]["std"])

    def prepare(self, x: Tensor) -> Tensor:
        """(N, C, H, W) uint8 or float32 to standardised float32: scale 1/255 if uint8, then `normalizer`."""
        return self.normalizer().to(x.device)(self.scaled(x))

    def augment(self, x: Tensor) -> Tensor:
        """Shift, mirror, erase prepared images, as suits their size (`augment.augment_images`)."""
        return augment_images(x)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of (N, classes) logits against (N,) indices, smoothed by 0.1 (arXiv:1512.00567)."""
        return functional.cross_entropy(outputs, targets, label_smoothing=LABEL_SMOOTHING)

    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        """Accuracy, 0..1, of (N, classes) logits against (N,) indices; NaN if a logit is not finite."""
        if not torch.isfinite(outputs).all():
            return float("nan")
        return (outputs.argmax(dim=1) == targets).double().mean().item()

    def fingerprint(self) -> str:
        """SHA-256 over the arrays of the three splits, the classes and the seed."""
        if self._fingerprint is None:
            digest = hashlib.sha256(json.dumps([self.name, self.seed, self.classes]).encode())
            for part in self._parts().values():
                for array in (part.x, part.y):
                    digest.update(f"{array.shape}{array.dtype}".encode())
                    digest.update(np.ascontiguousarray(array).data)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def _parts(self) -> dict[str, Split]:
        return dict(zip(SPLITS, (self.train, self.validation, self._test), strict=True))

    def save(self, folder: Path) -> None:
        """Write `task.json` and, for each split, `x_<split>.npy` and `y_<split>.npy`; the JSON comes last."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in self._parts().items():
            np.save(folder / f"x_{name}.npy", part.x, allow_pickle=False)
            np.save(folder / f"y_{name}.npy", part.y, allow_pickle=False)
        (folder / "task.json").write_text(json.dumps({"task": self.name, **self._facts}, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Classification":
        """Inverse of `save`; the arrays are memory-mapped, read-only.

        Raises:
            UserError: the folder holds no saved classification task.
        """
        try:
            facts = json.loads((folder / "task.json").read_text(encoding="utf-8"))
            parts = {name: Split(*(_mapped(folder / f"{axis}_{name}.npy") for axis in "xy")) for name in SPLITS}
        except (OSError, ValueError) as error:
            raise UserError(f"{folder} holds no complete saved task: {error}.") from error
        if facts.pop("task") != cls.name:
            raise UserError(f"{folder} holds a saved task of another kind than {cls.name}.")
        task = cls.__new__(cls)
        task._set(parts, facts)
        return task


def _mapped(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def task_from(source: Any, *, seed: int, image_shape: tuple[int, int, int] | None = None) -> Task:
    """The task of a source: whatever `load_images` takes, or a Task, returned as it is.

    Args:
        source: name of a data set, path, (images, labels), torch Dataset, ImageData or Task.
        seed: of the drawn splits.
        image_shape: (C, H, W) to convert the images to; None to let `load_images` decide.

    Raises:
        UserError: the source cannot be read or split.
    """
    if isinstance(source, Task):
        return source
    return Classification(load_images(source, image_shape=image_shape), seed=seed)
