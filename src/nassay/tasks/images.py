"""Labelled images from wherever the user keeps them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch.utils.data import Dataset

from nassay.errors import UserError
from nassay.registry import unknown_name
from nassay.tasks.arrays import from_arrays
from nassay.tasks.datasets import datasets
from nassay.tasks.folders import read_folder
from nassay.tasks.image_data import ImageData
from nassay.tasks.manifests import read_manifest
from nassay.tasks.npz import read_npz
from nassay.tasks.resizing import Shape, check_shape, conform
from nassay.tasks.torch_datasets import read_dataset

D = TypeVar("D", bound=Any)


def load_images(source: Any, *, image_shape: Shape | None = None) -> ImageData:
    """Read labelled images.

    Args:
        source: the name of a registered data set ("digits"; "./digits" is a folder); the path of a folder of
            classes (`folders`), an .npz archive (`npz`) or a .csv manifest (`manifests`); a pair of arrays or
            tensors, images and labels (`arrays`); a torch Dataset (`torch_datasets`); or ImageData.
        image_shape: (C, H, W) to convert all images to; None: arrays keep theirs, files follow `decoding`.

    Returns:
        Images of one size, with notes on everything that was converted or left out.

    Raises:
        UserError: the source doesn't exist, isn't of these kinds, or holds what cannot be learnt from.
    """
    shape = None if image_shape is None else check_shape(image_shape)
    if isinstance(source, str) and source in datasets:
        return conformed(datasets[source].target(), shape)
    if isinstance(source, str | os.PathLike):
        return _from_path(Path(source), shape)
    if isinstance(source, Dataset):
        return read_dataset(source, shape=shape)
    if isinstance(source, tuple | list) and len(source) == 2:
        return conformed(from_arrays(*source, name="arrays"), shape)
    if isinstance(source, ImageData):
        return conformed(source, shape)
    raise UserError(
        "Images come from a data set's name, a path, a pair (images, labels), a torch Dataset or ImageData, "
        f"found {type(source).__name__}."
    )


def _from_path(path: Path, shape: Shape | None) -> ImageData:
    if path.is_dir():
        return read_folder(path, shape=shape)
    if not path.exists():
        raise UserError(f"There is no file or folder {path}. {unknown_name('data set', str(path), datasets.names())}")
    kind = path.suffix.lower()
    if kind == ".npz":
        return conformed(read_npz(path), shape)
    if kind == ".csv":
        return read_manifest(path, shape=shape)
    raise UserError(
        f"{path} is not a source of labelled images: expected a folder with one sub-folder for each class, "
        "an .npz archive or a .csv manifest."
    )


def conformed(
    data: D, shape: Shape | None, *, how: str = "bilinear", **others: Callable[[np.ndarray, Shape], np.ndarray]
) -> D:
    """The data with images converted to `shape` (C, H, W), and a note that says so.

    Args:
        data: a dataclass with x, notes and preprocessing as `ImageData` has them.
        shape: None to leave everything as it is.
        how: the note's word for it.
        others: for fields that go with the images, what converts them to the shape, too.
    """
    found = data.x.shape[1:]
    if shape is None or found == shape:
        return data
    resize = "bilinear with antialiasing, the whole image" if found[1:] != shape[1:] else "none"
    facts = dict(zip(("channels", "height", "width"), shape, strict=True))
    before, after = ("x".join(map(str, numbers)) for numbers in (found, shape))
    note = f"All images are converted from {before} to {after} (channels x height x width), {how}."
    return replace(
        data,
        x=conform(data.x, shape),
        **{name: convert(getattr(data, name), shape) for name, convert in others.items()},
        notes=(*data.notes, note),
        preprocessing={**data.preprocessing, **facts, "resize": resize},
    )
