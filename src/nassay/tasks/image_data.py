"""Labelled images in memory: what every reader returns and what a task is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nassay.errors import UserError

SPLITS = ("train", "validation", "test")
SPLIT_ALIASES = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class ImageData:
    """Labelled images of one size, with the splits their source came with.

    Attributes:
        x: (N, C, H, W) uint8 (0..255) or finite float32.
        y: (N,) int64 indices into `classes`.
        classes: names of the classes; every one has an image.
        name: what the source is called.
        split: (N,) strings: "train", "validation", "test", or "" where the source doesn't say; None: all "".
        notes: sentences on what was done to the user's data, each said once.
        preprocessing: JSON-ready facts: how a file or array becomes one item of `x` (`describe_input`).

    Raises:
        UserError: what was given cannot be learnt from: empty, wrong dtypes or lengths, NaN, one class.
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
        self._check_labels()

    def _check_labels(self) -> None:
        if self.y.shape != (len(self.x),):
            raise UserError(
                f"{self.name}: there must be one label for each image, found {len(self.x)} images and labels "
                f"{self.y.shape}."
            )
        check_splits(self.name, self.split, len(self.x))
        if len(self.classes) < 2:
            raise UserError(
                f"{self.name}: classification needs at least two classes, found {len(self.classes)}: "
                f"{first_few(self.classes) or 'none'}."
            )
        present = np.unique(self.y)
        if not np.array_equal(present, np.arange(len(self.classes))):
            raise UserError(
                f"{self.name}: labels must be 0..{len(self.classes) - 1}, each present, "
                f"found {present[:10].tolist()} for {len(self.classes)} classes."
            )


def fill_in(data: Any, texts: Sequence[str] = ("split",)) -> None:
    """What a source doesn't say, in its frozen data: "" for each image, and `describe_input` of the images.

    Args:
        data: a dataclass with x and preprocessing as `ImageData` has them.
        texts: names of its fields that have a text for each image.
    """
    for name in texts:
        if getattr(data, name) is None:
            object.__setattr__(data, name, np.full(len(data.x), "", dtype="U10"))
    if not data.preprocessing:
        object.__setattr__(data, "preprocessing", describe_input(data.x))


def check_images(name: str, x: np.ndarray) -> None:
    """Whether a source's images can be learnt from.

    Args:
        name: what the source is called.
        x: the images.

    Raises:
        UserError: they are not (N, C, H, W), uint8 or float32, empty, or not finite.
    """
    if x.ndim != 4 or x.dtype not in (np.uint8, np.float32):
        raise UserError(f"{name}: images must be (N, C, H, W) uint8 or float32, found {x.shape} {x.dtype}.")
    if x.size == 0:
        raise UserError(f"{name}: there are no images, found an array of shape {x.shape}.")
    if x.dtype == np.float32:
        bad = [i for i, image in enumerate(x) if not np.isfinite(image).all()]
        if bad:
            raise UserError(
                f"{name}: {len(bad)} of {len(x)} images contain NaN or infinity, the first is image {bad[0]}. Replace "
                "or drop them."
            )


def check_splits(name: str, split: np.ndarray, images: int) -> None:
    """Whether there is one split for each image, by its name or empty.

    Raises:
        UserError: there is not.
    """
    if split.shape != (images,):
        raise UserError(f"{name}: there must be one split for each image, found {images} images, splits {split.shape}.")
    unknown = sorted(set(np.unique(split).tolist()) - {*SPLITS, ""})
    if unknown:
        raise UserError(f"{name}: splits are called {', '.join(SPLITS)}, found {', '.join(unknown)}.")


def describe_input(x: np.ndarray, *, mode: str = "array", resize: str = "none") -> dict[str, Any]:
    """The `preprocessing` facts of (N, C, H, W) images: all between a user's file and the network's input.

    Args:
        x: the images as stored.
        mode: Pillow's mode that files are converted to, or "array" for arrays.
        resize: "none", or how other sizes are brought to (H, W).

    Returns:
        mode, channels, height, width (pixels), resize, layout, dtype and scale (factor on the stored values).
    """
    channels, height, width = (int(n) for n in x.shape[1:]) if x.ndim == 4 else (0, 0, 0)
    return {
        "mode": mode,
        "channels": channels,
        "height": height,
        "width": width,
        "resize": resize,
        "layout": "NCHW",
        "dtype": "float32",
        "scale": scale_of(x),
    }


def scale_of(x: np.ndarray) -> float:
    """The factor from stored values to the network's raw input: 1/255 for uint8, 1 for float32."""
    return 1 / 255 if x.dtype == np.uint8 else 1.0


def first_few(names: Sequence[str], limit: int = 5) -> str:
    """The first names of a list, and how many more there are, for messages."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
