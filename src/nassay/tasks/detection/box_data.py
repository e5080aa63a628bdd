"""Images with boxes in memory: what every reader returns and what the task is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nassay.errors import UserError
from nassay.tasks.image_data import check_images, check_splits, fill_in

NO_OBJECT = -1.0


@dataclass(frozen=True)
class BoxData:
    """Images of one size and their boxes, with the splits their source came with.

    Attributes:
        x: (N, C, H, W) uint8 (0..255) or finite float32.
        y: (N, M, 5) float32: class, x1, y1, x2, y2 as fractions of width and height; rows of class -1 are no objects.
        classes: names of the classes.
        name: what the source is called.
        split: (N,) strings: "train", "validation", "test", or "" where the source doesn't say; None: all "".
        notes: sentences on what was done to the user's data, each said once.
        preprocessing: JSON-ready facts: how a file or array becomes one item of `x` (`describe_input`).

    Raises:
        UserError: wrong shapes or dtypes, NaN, boxes that are none.
    """

    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    name: str
    split: np.ndarray = None  # type: ignore[assignment]
    notes: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fill_in(self)
        check_images(self.name, self.x)
        check_splits(self.name, self.split, len(self.x))
        self._check_boxes()

    def _check_boxes(self) -> None:
        y = self.y
        if y.ndim != 3 or len(y) != len(self.x) or y.shape[1] < 1 or y.shape[2] != 5 or y.dtype != np.float32:
            raise UserError(
                f"{self.name}: boxes must be (N, M, 5) float32 for N = {len(self.x)} images, M at least 1, found "
                f"{y.shape} {y.dtype}."
            )
        if not np.isfinite(y).all():
            raise UserError(f"{self.name}: boxes contain NaN or infinity. Drop them.")
        kinds, corners = y[..., 0], y[..., 1:]
        if not np.isin(kinds, np.arange(-1, len(self.classes))).all():
            raise UserError(f"{self.name}: classes are 0..{len(self.classes) - 1} or -1, found {np.unique(kinds)}.")
        objects = corners[kinds >= 0]
        wrong = (objects < 0).any(1) | (objects > 1).any(1) | (objects[:, :2] >= objects[:, 2:]).any(1)
        if wrong.any():
            raise UserError(
                f"{self.name}: {wrong.sum()} boxes are no boxes; x1 < x2 and y1 < y2 are fractions from 0 to 1, found "
                f"{objects[wrong][0].tolist()}."
            )


def padded(boxes: list[np.ndarray]) -> np.ndarray:
    """(N, M, 5) float32 of N arrays (m_i, 5), M the longest or 1; the rest is rows of class -1."""
    y = np.zeros((len(boxes), max(1, *map(len, boxes)) if boxes else 1, 5), dtype=np.float32)
    y[..., 0] = NO_OBJECT
    for row, found in zip(y, boxes, strict=True):
        row[: len(found)] = found
    return y
