"""Images and labels that come as arrays: which axis is the channel, which dtype, which classes.

The layout rule: (N, H, W) is grey. In four dimensions the channel is axis 1 or the last axis, whichever is
smaller; axis 1 if they are equal. The notes say so where that is a guess: both are at most 16, or neither is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nassay.errors import UserError
from nassay.tasks.image_data import ImageData, first_few

MAX_CHANNELS = 16


def from_arrays(
    x: Any,
    y: Any,
    *,
    name: str,
    split: np.ndarray | None = None,
    classes: tuple[str, ...] | None = None,
    notes: tuple[str, ...] = (),
) -> ImageData:
    """Images and labels to `ImageData`.

    Args:
        x: (N, H, W), (N, H, W, C) or (N, C, H, W) numbers, array or tensor.
        y: (N,) or (N, 1) whole numbers or strings, array or tensor.
        name: what the source is called, in messages.
        split: (N,) "train", "validation", "test" or ""; None for all "".
        classes: names of the labels 0, 1, ...; None to name them by their values.
        notes: what was done before.

    Raises:
        UserError: wrong dimensions, dtypes, lengths or values.
    """
    images, layout_notes = to_nchw(as_numpy(x), name)
    labels = _flat_labels(as_numpy(y), name)
    if len(labels) != len(images):
        raise UserError(f"{name}: there must be one label for each image, found {len(images)} and {len(labels)}.")
    indices, found, class_notes = encode_labels(labels, classes, name)
    all_notes = (*notes, *layout_notes, *class_notes)
    return ImageData(
        with_image_dtype(images, name),
        indices,
        found,
        name,
        split=split,  # type: ignore[arg-type]
        notes=all_notes,
    )


def as_numpy(values: Any) -> np.ndarray:
    """An array from an array, a tensor on any device, or nested sequences."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values)


def to_nchw(x: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Bring images to (N, C, H, W) by the module's layout rule; also the note where it had to guess.

    Raises:
        UserError: not three or four dimensions, or empty.
    """
    if x.ndim not in (3, 4):
        raise UserError(
            f"{name}: images must be (N, H, W), (N, H, W, C) or (N, C, H, W), found {x.shape}. Reshape them."
        )
    if x.size == 0:
        raise UserError(f"{name}: there are no images, found an array of shape {x.shape}.")
    if x.ndim == 3:
        return x[:, None], []
    first, last = x.shape[1], x.shape[3]
    channels_first = first <= last
    notes = []
    if (first <= MAX_CHANNELS) == (last <= MAX_CHANNELS):
        layout = "(N, C, H, W)" if channels_first else "(N, H, W, C)"
        notes.append(f"{name}: the shape {x.shape} was read as {layout}; transpose the array if that is wrong.")
    return (x if channels_first else x.transpose(0, 3, 1, 2)), notes


def with_image_dtype(x: np.ndarray, name: str) -> np.ndarray:
    """uint8 for whole numbers within 0..255, else float32 with the values as they are, contiguous.

    Raises:
        UserError: values that aren't real numbers.
    """
    if x.dtype.kind not in "buif":
        raise UserError(f"{name}: images must be numbers, found the dtype {x.dtype}.")
    whole = x.dtype.kind != "f"
    dtype = np.uint8 if whole and x.min() >= 0 and x.max() <= 255 else np.float32
    with np.errstate(over="ignore"):  # what overflows float32 is infinite, which ImageData reports
        return np.ascontiguousarray(x, dtype=dtype)


def _flat_labels(y: np.ndarray, name: str) -> np.ndarray:
    """(N,) labels from (N,) or (N, 1)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        hint = " One-hot labels: give their argmax over axis 1." if y.ndim == 2 else ""
        raise UserError(f"{name}: labels must be (N,) or (N, 1), found the shape {y.shape}.{hint}")
    return y


def encode_labels(
    y: np.ndarray, classes: tuple[str, ...] | None, name: str
) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Labels to (N,) int64 indices, the classes that occur (in the order of their values), and notes.

    Args:
        y: (N,) whole numbers (floats too if whole), booleans or strings.
        classes: names of the labels 0, 1, ...; those that don't occur are left out. None: named by value.
        name: of the source, in messages.

    Raises:
        UserError: labels of another type, or a number outside `classes`.
    """
    if y.dtype.kind == "O" and all(isinstance(label, str) for label in y):
        y = y.astype(str)
    if y.dtype.kind == "f" and np.isfinite(y).all() and (y == np.rint(y)).all():
        y = y.astype(np.int64)
    if y.dtype.kind not in "buiU":
        raise UserError(f"{name}: labels must be whole numbers or strings, found {y.dtype} such as {y[:3].tolist()}.")
    values, indices = np.unique(y.astype(np.int64) if y.dtype.kind == "b" else y, return_inverse=True)
    if classes is None or values.dtype.kind == "U":
        return indices.astype(np.int64), tuple(str(value) for value in values), []
    outside = [str(value) for value in values if not 0 <= value < len(classes)]
    if outside:
        raise UserError(f"{name}: there are {len(classes)} class names, but also the labels {first_few(outside)}.")
    absent = [label for i, label in enumerate(classes) if i not in values]
    return indices.astype(np.int64), tuple(str(classes[int(value)]) for value in values), absent_note(name, absent)


def absent_note(name: str, absent: Sequence[str]) -> list[str]:
    """The note on classes that a source names and no image of it has, if there are any."""
    return [f"{name}: classes without an image are left out: {first_few(absent)}."] if absent else []
