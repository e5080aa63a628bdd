"""Images in a NumPy archive (.npz).

Accepted names: `x` and `y`; or, for each split, `x_train` and `y_train`, `train_x` and `train_y`, or, as in
MedMNIST (arXiv:2110.14795), `train_images` and `train_labels`. Splits: train, val (valid, validation), test.
`classes` names the labels 0, 1, ...
"""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from nassay.errors import UserError
from nassay.tasks.arrays import from_arrays
from nassay.tasks.image_data import SPLIT_ALIASES, ImageData, first_few

PATTERNS = (("x_{}", "y_{}"), ("{}_x", "{}_y"), ("{}_images", "{}_labels"))
CLASSES = "classes"
# What a damaged archive, or one with objects in it, makes NumPy and zipfile raise.
_BROKEN = (
    *(OSError, ValueError, EOFError, SyntaxError, NotImplementedError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def read_npz(path: Path) -> ImageData:
    """Read labelled images from an archive; nothing in it is unpickled.

    Raises:
        UserError: not an archive, object arrays, unknown names, or what `from_arrays` refuses.
    """
    arrays = load_arrays(path)
    keys = _split_keys(arrays, path)
    used = {key for pair in keys.values() for key in pair} | {CLASSES}
    ignored = sorted(set(arrays) - used)
    notes = (f"{path.name}: arrays that are not used: {first_few(ignored)}.",) if ignored else ()
    for x_key, y_key in keys.values():
        if len(arrays[x_key]) != len(arrays[y_key]):
            raise UserError(
                f"{path.name}: there must be one label for each image, "
                f"found {len(arrays[x_key])} in {x_key} and {len(arrays[y_key])} in {y_key}."
            )
    return from_arrays(
        _joined([arrays[x_key] for x_key, _ in keys.values()], path),
        _joined([arrays[y_key] for _, y_key in keys.values()], path),
        name=path.name,
        split=np.concatenate([np.full(len(arrays[x_key]), name, dtype="U10") for name, (x_key, _) in keys.items()]),
        classes=tuple(str(name) for name in arrays[CLASSES]) if CLASSES in arrays else None,
        notes=notes,
    )


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive by name, at least one-dimensional; nothing is unpickled.

    Raises:
        UserError: not an archive, or object arrays.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array")
        with archive:
            return {key: np.atleast_1d(archive[key]) for key in archive.files}
    except _BROKEN as error:
        raise UserError(
            f"{path} cannot be read as a NumPy archive of plain arrays ({error}). "
            "Save it with numpy.savez: numbers and strings, no objects."
        ) from error


def _split_keys(arrays: dict[str, np.ndarray], path: Path) -> dict[str, tuple[str, str]]:
    """The names of images and labels for each split; the split is "" for plain `x` and `y`."""
    pairs = {
        name: (x_pattern.format(alias), y_pattern.format(alias))
        for x_pattern, y_pattern in PATTERNS
        for alias, name in SPLIT_ALIASES.items()
        if x_pattern.format(alias) in arrays
    }
    if not pairs and "x" in arrays:
        pairs = {"": ("x", "y")}
    if not pairs:
        raise UserError(
            f"{path.name} has no images under a known name: found {first_few(sorted(arrays)) or 'nothing'}; "
            "expected x and y, or x_train and y_train, train_x and train_y, train_images and train_labels, "
            "and the same for val and test."
        )
    for x_key, y_key in pairs.values():
        if y_key not in arrays:
            raise UserError(f"{path.name} has the images {x_key} but not their labels {y_key}.")
    return pairs


def _joined(parts: list[np.ndarray], path: Path) -> np.ndarray:
    shapes = sorted({part.shape[1:] for part in parts})
    if len(shapes) > 1:
        raise UserError(f"{path.name}: the arrays of all splits must have one shape, found {shapes}.")
    return np.concatenate(parts)
