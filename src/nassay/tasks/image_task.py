"""What tasks on images share: splits of arrays, their normalisation, the folder that keeps them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.tasks.base import Split, Task
from nassay.tasks.image_data import SPLITS, scale_of
from nassay.tasks.normalizer import Normalizer, channel_statistics


class ImageTask(Task):
    """A task on images of one size that lie in memory; sub-classes say what is to be done with them.

    Args:
        parts: the splits by name, train, validation and test.
        source: what the data is called.
        seed: of the drawn splits.
        classes: names of the outputs.
        notes: sentences on what was done to the user's data.
        preprocessing: what a user does to feed an exported network, JSON-ready, without mean and std.
        more: further settings of the task, JSON-ready; kept with it, part of its fingerprint, then in `self.settings`.
    """

    def __init__(
        self,
        parts: dict[str, Split],
        *,
        source: str,
        seed: int,
        classes: tuple[str, ...],
        notes: tuple[str, ...] = (),
        preprocessing: Mapping[str, Any],
        more: dict[str, Any] | None = None,
    ) -> None:
        mean, std = channel_statistics(parts["train"].x)
        facts = {
            "source": source,
            "seed": seed,
            "classes": list(classes),
            "notes": list(notes),
            "preprocessing": {**preprocessing, "mean": mean, "std": std},
            "settings": more or {},
        }
        self._set(parts, facts)

    def _set(self, parts: dict[str, Split], facts: dict[str, Any]) -> None:
        self.train, self.validation, self._test = (parts[name] for name in SPLITS)
        self._facts = facts
        self.source: str = facts["source"]
        self.seed: int = facts["seed"]
        self.classes = tuple(facts["classes"])
        self.notes = tuple(facts["notes"])
        self.settings: dict[str, Any] = facts["settings"]
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

    def fingerprint(self) -> str:
        """SHA-256 over the arrays of the three splits, the classes, the settings and the seed."""
        if self._fingerprint is None:
            said = [self.name, self.seed, self.classes, *([self.settings] if self.settings else [])]
            digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
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
    def load(cls, folder: Path) -> Self:
        """Inverse of `save`; the arrays are memory-mapped, read-only.

        Raises:
            UserError: the folder holds no saved task of this kind.
        """
        try:
            facts = json.loads((folder / "task.json").read_text(encoding="utf-8"))
            parts = {name: Split(*(_mapped(folder / f"{axis}_{name}.npy") for axis in "xy")) for name in SPLITS}
            kind = facts.pop("task")
            task = cls.__new__(cls)
            if kind == cls.name:
                task._set(parts, {"settings": {}, **facts})
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{folder} holds no complete saved task: {error!r}.") from error
        if kind != cls.name:
            raise UserError(f"{folder} holds a saved task of another kind than {cls.name}.")
        return task


def _mapped(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)
