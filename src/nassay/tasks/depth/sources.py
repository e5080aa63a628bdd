"""Images with depth from wherever the user keeps them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nassay.errors import UserError
from nassay.registry import unknown_name
from nassay.tasks.depth.archive import read_archive
from nassay.tasks.depth.data import DepthData, from_arrays, nearest
from nassay.tasks.depth.files import read_folder
from nassay.tasks.depth.stereo import stereo
from nassay.tasks.images import conformed
from nassay.tasks.resizing import Shape, check_shape

EMBEDDED: dict[str, Callable[[], DepthData]] = {"stereo": stereo}


def load_depth(source: Any, *, image_shape: Shape | None = None, scale: float | None = None) -> DepthData:
    """Read images with depth.

    Args:
        source: "stereo" (./stereo is a folder); the path of a folder (`files`) or an .npz archive (`archive`); a pair
            of arrays or tensors, images and depth (`data.from_arrays`); or DepthData.
        image_shape: (C, H, W) to convert all images to, depth with them; None: arrays keep theirs, files follow
            `decoding`.
        scale: metres for one stored unit of depth; None: 0.001 for whole numbers, 1 for fractions.

    Returns:
        Images and depth of one size, with notes on everything that was converted or left out.

    Raises:
        UserError: the source doesn't exist, isn't of these kinds, or holds what cannot be learnt from.
    """
    shape = None if image_shape is None else check_shape(image_shape)
    if isinstance(source, str) and source in EMBEDDED:
        return _conformed(EMBEDDED[source](), shape)
    if isinstance(source, str | os.PathLike):
        return _from_path(Path(source), shape, scale)
    if isinstance(source, tuple | list) and len(source) == 2:
        return _conformed(from_arrays(*source, name="arrays", scale=scale), shape)
    if isinstance(source, DepthData):
        return _conformed(source, shape)
    raise UserError(
        "Images with depth come from a data set's name, a path, a pair (images, depth) or DepthData, "
        f"found {type(source).__name__}."
    )


def _from_path(path: Path, shape: Shape | None, scale: float | None) -> DepthData:
    if path.is_dir():
        return read_folder(path, shape=shape, scale=scale)
    if not path.exists():
        raise UserError(
            f"There is no file or folder {path}. {unknown_name('data set with depth', str(path), EMBEDDED)}"
        )
    if path.suffix.lower() == ".npz":
        return _conformed(read_archive(path, scale=scale), shape)
    raise UserError(f"{path} is no source of images with depth: expected a folder with pairs, or an .npz archive.")


def _conformed(data: DepthData, shape: Shape | None) -> DepthData:
    """The data with images and depth converted to `shape`, and a note that says so."""
    how = "bilinear; depth by the nearest pixel"
    return conformed(data, shape, how=how, depth=lambda depth, to: nearest(depth, to[1:]))
