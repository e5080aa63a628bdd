"""A folder of images with one sub-folder for each class, with or without train, val and test folders above.

If a sub-folder is called train, the sub-folders are splits (train; val, valid or validation; test; any case),
else they are classes. Images are found at any depth below a class. Hidden files are left out; other files are
counted and named.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from nassay.errors import UserError
from nassay.tasks.arrays import absent_note, encode_labels
from nassay.tasks.decoding import decode_images
from nassay.tasks.image_data import SPLIT_ALIASES, ImageData, first_few
from nassay.tasks.resizing import Shape

# Those of Pillow's formats that are plain images and need no outside program; a build may lack some.
Image.init()
_WANTED = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM", "TGA", "ICO", "PCX", "JPEG2000", "AVIF")
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)


@dataclass(frozen=True)
class LabelledFile:
    """An image file, its class and its split ("" if the source doesn't say)."""

    path: Path
    label: str
    split: str


def read_folder(folder: Path, *, shape: Shape | None = None) -> ImageData:
    """Read the images of a folder of classes.

    Args:
        folder: of classes, or of splits of classes.
        shape: (C, H, W) to convert to; None for the rule of `decoding`.

    Raises:
        UserError: no images, one class, or too many files that cannot be decoded.
    """
    files: list[LabelledFile] = []
    others: list[str] = []
    classes: set[str] = set()
    for class_folder, split in _class_folders(folder, others):
        classes.add(class_folder.name)
        for path in visible_files(class_folder):
            if is_image(path):
                files.append(LabelledFile(path, class_folder.name, split))
            else:
                others.append(str(path.relative_to(folder)))
    if not files:
        raise UserError(
            f"{folder} has no images in class folders. Expected one sub-folder for each class, such as "
            f"{folder.name}/cat/1.jpg; found {first_few(sorted(os.listdir(folder))) or 'an empty folder'}."
        )
    _check_classes(folder, files)
    notes = (f"{len(others)} files that are not used: {first_few(sorted(others))}.",) if others else ()
    return read_files(files, name=folder.resolve().name, root=folder, shape=shape, classes=classes, notes=notes)


def read_files(
    files: list[LabelledFile],
    *,
    name: str,
    root: Path,
    shape: Shape | None,
    classes: Iterable[str] = (),
    notes: tuple[str, ...] = (),
) -> ImageData:
    """Decode labelled image files.

    Args:
        files: at least one.
        name: what the source is called.
        root: folder that the messages name the files from.
        shape: (C, H, W) to convert to; None for the rule of `decoding`.
        classes: that the source has, perhaps without a file.
        notes: what was done before.

    Raises:
        UserError: too many files that cannot be decoded, or a single class.
    """
    openers = [partial(Image.open, file.path, formats=FORMATS) for file in files]
    decoded = decode_images(openers, [os.path.relpath(file.path, root) for file in files], shape=shape)
    kept = [files[i] for i in decoded.kept]
    y, found, _ = encode_labels(np.array([file.label for file in kept]), None, name)
    absent = sorted({*classes, *(file.label for file in files)} - set(found))
    return ImageData(
        decoded.x,
        y,
        found,
        name,
        split=np.array([file.split for file in kept], dtype="U10"),
        notes=(*notes, *decoded.notes, *absent_note(name, absent)),
        preprocessing=decoded.preprocessing,
    )


def is_image(path: Path) -> bool:
    """Whether the extension, in any case, is one of the formats that are read."""
    return Image.registered_extensions().get(path.suffix.lower()) in FORMATS


def _class_folders(folder: Path, others: list[str]) -> Iterator[tuple[Path, str]]:
    """Each class folder with its split; what lies beside them is added to `others`."""
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    folders = [entry for entry in entries if entry.is_dir()]
    others += [entry.name for entry in entries if not entry.is_dir()]
    if not any(entry.name.lower() == "train" for entry in folders):
        yield from ((entry, "") for entry in folders)
        return
    for entry in folders:
        split = SPLIT_ALIASES.get(entry.name.lower())
        if split is None:
            others.append(f"{entry.name}/")
            continue
        for inner in sorted(entry.iterdir()):
            if inner.is_dir() and not inner.name.startswith("."):
                yield inner, split
            elif not inner.name.startswith("."):
                others.append(f"{entry.name}/{inner.name}")


def visible_files(folder: Path) -> Iterator[Path]:
    """Every file at any depth below a folder, in order; hidden ones and hidden folders are left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(files) if not name.startswith("."))


def _check_classes(folder: Path, files: list[LabelledFile]) -> None:
    labels = {file.label for file in files}
    if len(labels) > 1:
        return
    (label,) = labels
    inner = sorted({file.path.parent.name for file in files if file.path.parent.name != label})
    hint = f" Its sub-folders are {first_few(inner)}: if these are the classes, give {folder / label}." if inner else ""
    raise UserError(f"{folder} has images of a single class, {label}; classification needs at least two.{hint}")
