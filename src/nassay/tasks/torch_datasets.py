"""A torch Dataset of (image, label) pairs: Pillow images, (C, H, W) tensors, or (H, W) and (H, W, C) arrays.

The items are read once, so a dataset that augments at random gives one draw of each image.
"""

from collections import Counter
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from nassay.errors import UserError
from nassay.tasks.arrays import as_numpy, encode_labels, to_nchw, with_image_dtype
from nassay.tasks.decoding import decode_images
from nassay.tasks.image_data import ImageData
from nassay.tasks.resizing import Shape, common_size, conform, size_note


def read_dataset(dataset: Dataset[Any], *, shape: Shape | None = None) -> ImageData:
    """Read a dataset into memory.

    Args:
        dataset: map-style or iterable, of (image, label).
        shape: (C, H, W) to convert to; None for the rule of `decoding`; arrays of one size keep it.

    Raises:
        UserError: no items, items of another kind, or values that cannot be images or labels.
    """
    name = type(dataset).__name__
    images, labels = _items(dataset, name)
    if all(isinstance(image, Image.Image) for image in images):
        decoded = decode_images(
            [image.copy for image in images], [f"item {i}" for i in range(len(images))], shape=shape
        )
        y, classes, _ = encode_labels(np.array([labels[i] for i in decoded.kept]), None, name)
        return ImageData(decoded.x, y, classes, name, notes=decoded.notes, preprocessing=decoded.preprocessing)
    x, notes = _one_array([_chw(image, name) for image in images], shape)
    y, classes, _ = encode_labels(np.array(labels), None, name)
    return ImageData(x, y, classes, name, notes=tuple(notes))


def _items(dataset: Dataset[Any], name: str) -> tuple[list[Any], list[Any]]:
    """Images and labels; labels as Python numbers or strings."""
    if isinstance(dataset, IterableDataset):
        items = iter(dataset)
    else:  # iterating would need an IndexError at the end, which many datasets never raise
        items = (dataset[i] for i in range(len(dataset)))  # type: ignore[arg-type]
    pairs = [tuple(item) if isinstance(item, tuple | list) else (item,) for item in items]
    if not pairs:
        raise UserError(f"{name} is an empty dataset.")
    wrong = [pair for pair in pairs if len(pair) != 2]
    if wrong:
        kinds = ", ".join(type(part).__name__ for part in wrong[0])
        raise UserError(f"{name}: each item must be a pair of image and label, found ({kinds}).")
    return [image for image, _ in pairs], [_plain(label, name) for _, label in pairs]


def _plain(label: Any, name: str) -> Any:
    values = as_numpy(label)
    if values.size != 1:
        raise UserError(f"{name}: each label must be one number or string, found the shape {values.shape}.")
    return values.item()


def _chw(image: Any, name: str) -> np.ndarray:
    """One image as a (C, H, W) array, uint8 or float32."""
    values = as_numpy(image)
    if values.ndim not in (2, 3):
        raise UserError(f"{name}: each image must be (C, H, W) or (H, W), found {type(image).__name__} {values.shape}.")
    if values.ndim == 2 or isinstance(image, Tensor):
        batch = values.reshape(1, -1, *values.shape[-2:])
    else:
        batch, _ = to_nchw(values[None], name)
    return with_image_dtype(batch, name)[0]


def _one_array(images: list[np.ndarray], shape: Shape | None) -> tuple[np.ndarray, list[str]]:
    """(N, C, H, W) of one dtype, channel count and size, and the notes on resizing."""
    sizes = [image.shape[1:] for image in images]
    if shape is None:
        ((channels, _),) = Counter(len(image) for image in images).most_common(1)
        shape = (channels, *(sizes[0] if len(set(sizes)) == 1 else common_size(sizes)))
    dtype = np.result_type(*{image.dtype for image in images})
    x = np.stack([conform(image[None].astype(dtype, copy=False), shape)[0] for image in images])
    return x, size_note(sizes, shape[1:])
