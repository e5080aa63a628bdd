"""YOLO's text files: one for each image, a line `class x y width height` for each object, as fractions.

Centre and size are fractions of the image; a line of more coordinates is a polygon x1 y1 x2 y2 ..., whose bounding box
is taken. Labels lie in a folder labels/ beside images/, or beside their images. An image without a label file has no
objects. Class names come from data.yaml (names, a list or a mapping), else from classes.txt or obj.names; splits from
the folders (`split_in`).
"""

import math
from pathlib import PurePosixPath
from typing import Any

from nassay.errors import UserError
from nassay.extras import extra
from nassay.tasks.detection.annotations import AnnotatedFile, Box
from nassay.tasks.detection.file_tree import FileTree, split_in

NAME_FILES = ("classes.txt", "obj.names")


def read_yolo(tree: FileTree) -> tuple[list[AnnotatedFile], tuple[str, ...]] | None:
    """The annotated files and the classes; None if no text file belongs to an image.

    Raises:
        UserError: no class names, or names that are none.
    """
    labels = {_key(name): name for name in tree.ending(".txt") if PurePosixPath(name).name not in NAME_FILES}
    images = tree.images()
    if not any(_key(name) in labels for name in images):
        return None
    classes = _classes(tree)
    files = []
    for name in images:
        label = labels.get(_key(name))
        boxes = () if label is None else tuple(_box(line, classes) for line in _lines(tree, label))
        files.append(AnnotatedFile(name, name, boxes, (1.0, 1.0), split_in(name)))
    return files, classes


def _key(name: str) -> tuple[str, ...]:
    """What an image and its label file share: the path without the extension and the folders images and labels."""
    path = PurePosixPath(name)
    return (*(part for part in path.parts[:-1] if part.lower() not in ("images", "labels")), path.stem)


def _lines(tree: FileTree, name: str) -> list[str]:
    return [line for line in tree.text(name).splitlines() if line.strip()]


def _box(line: str, classes: tuple[str, ...]) -> Box:
    first, *others = line.split()
    try:
        values = [float(v) for v in others]
    except ValueError:
        values = []
    kind = int(first) if first.isdecimal() else -1
    label = classes[kind] if 0 <= kind < len(classes) else f"number {first}"
    if len(values) == 4:
        x, y, width, height = values
        return Box(label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    if len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        return Box(label, (min(xs), min(ys), max(xs), max(ys)))
    return Box(label, (math.nan,) * 4)


def _classes(tree: FileTree) -> tuple[str, ...]:
    """The names of the classes 0, 1, ..."""
    for name in (*tree.ending(".yaml"), *tree.ending(".yml")):
        found = _names(tree, name)
        if found:
            return found
    for name in tree.names:
        if PurePosixPath(name).name in NAME_FILES:
            return tuple(line.strip() for line in _lines(tree, name))
    raise UserError(
        f"{tree.name} has label files but no class names. Add a data.yaml with names: [cat, dog], or a classes.txt "
        "with one name a line."
    )


def _names(tree: FileTree, name: str) -> tuple[str, ...] | None:
    """The entry `names` of a YAML file, None if it has none."""
    with extra("detection"):
        import yaml
    try:
        content: Any = yaml.safe_load(tree.text(name))
    except yaml.YAMLError as error:
        raise UserError(f"{tree.name}: {name} is not YAML: {error}.") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise UserError(f"{tree.name}: the names in {name} must be numbered 0, 1, 2, ..., found {list(names)}.")
        names = [names[i] for i in range(len(names))]
    return tuple(map(str, names)) if isinstance(names, list) and names else None
