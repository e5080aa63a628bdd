"""Images with boxes from wherever the user keeps them."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from nassay.errors import UserError
from nassay.registry import unknown_name
from nassay.spaces.base import Shape
from nassay.tasks.arrays import as_numpy, to_nchw, with_image_dtype
from nassay.tasks.detection.annotations import read_annotated
from nassay.tasks.detection.box_data import BoxData, padded
from nassay.tasks.detection.coco_json import is_coco, is_records, parse_json, read_coco, read_records
from nassay.tasks.detection.composites import composites
from nassay.tasks.detection.file_tree import FileTree, file_tree
from nassay.tasks.detection.voc_xml import read_voc
from nassay.tasks.detection.yolo_txt import read_yolo
from nassay.tasks.image_data import first_few
from nassay.tasks.images import conformed
from nassay.tasks.resizing import check_shape

EMBEDDED = {"composites": composites}


def load_boxes(source: Any, *, seed: int = 0, image_shape: Shape | None = None) -> BoxData:
    """Read images with boxes.

    Args:
        source: "composites" ("./composites" is a folder); the path of a folder or a zip archive with COCO json files
            (`coco_json`), Pascal VOC xml files (`voc_xml`) or YOLO text files (`yolo_txt`); a pair of images and boxes,
            for each image (m, 5) numbers: class 0, 1, ... and x1, y1, x2, y2 in pixels; or BoxData.
        seed: of embedded data.
        image_shape: (C, H, W) to convert all images to; None: arrays keep theirs, files follow `decoding`.

    Raises:
        UserError: the source doesn't exist, isn't of these kinds, or too much of it is broken.
    """
    shape = None if image_shape is None else check_shape(image_shape)
    if isinstance(source, str) and source in EMBEDDED:
        return conformed(EMBEDDED[source](seed), shape)
    if isinstance(source, str | os.PathLike):
        return _from_path(Path(source), shape)
    if isinstance(source, BoxData):
        return conformed(source, shape)
    if isinstance(source, tuple | list) and len(source) == 2:
        return conformed(_from_arrays(*source), shape)
    raise UserError(
        "Images with boxes come from a data set's name, a path, a pair (images, boxes) or BoxData, found "
        f"{type(source).__name__}."
    )


def _from_path(path: Path, shape: Shape | None) -> BoxData:
    if not path.exists():
        raise UserError(f"There is no file or folder {path}. {unknown_name('data set', str(path), list(EMBEDDED))}")
    tree = file_tree(path)
    contents = {name: parse_json(tree, name) for name in tree.ending(".json")}
    coco = {name: content for name, content in contents.items() if is_coco(content)}
    records = [content for content in contents.values() if is_records(content)]
    if coco:
        return read_annotated(tree, *read_coco(tree, coco), shape=shape)
    if records:
        return read_annotated(tree, *read_records(tree, records[0]), shape=shape)
    voc = read_voc(tree)
    if voc:
        return read_annotated(tree, voc, None, shape=shape)
    yolo = read_yolo(tree)
    if yolo:
        return read_annotated(tree, *yolo, shape=shape)
    raise UserError(
        f"{path} has no boxes that are known: expected json files as COCO has them, xml files as Pascal VOC has them, "
        f"or text files beside the images as YOLO has them; found {_found(tree)}."
    )


def _found(tree: FileTree) -> str:
    return f"{len(tree.names)} files: {first_few(tree.names)}" if tree.names else "no files"


def _from_arrays(images: Any, boxes: Any) -> BoxData:
    """Images and for each (m, 5) rows of class and corners in pixels; rows of class -1 are left out."""
    x, notes = to_nchw(as_numpy(images), "arrays")
    found = _rows(boxes)
    if len(found) != len(x) or not any(map(len, found)):
        raise UserError(f"arrays: there must be boxes for each of {len(x)} images, found {len(found)} lists of boxes.")
    height, width = x.shape[2:]
    classes = tuple(str(i) for i in range(int(max(b[:, 0].max() for b in found if len(b))) + 1))
    fractions = [b / np.array([1, width, height, width, height]) for b in found]
    return BoxData(with_image_dtype(x, "arrays"), padded(fractions), classes, "arrays", notes=tuple(notes))


def _rows(boxes: Any) -> list[np.ndarray]:
    """(m, 5) of each image, without the rows of class -1; an empty list is no rows."""
    try:
        found = [np.asarray(as_numpy(b), dtype=np.float64) for b in boxes]
    except (TypeError, ValueError) as error:
        raise UserError(f"arrays: boxes are (m, 5) numbers for each image, and cannot be read: {error}.") from error
    wrong = [b.shape for b in found if b.size and (b.ndim != 2 or b.shape[1] != 5)]
    if wrong:
        raise UserError(
            f"arrays: boxes are (m, 5) numbers for each image, class and x1, y1, x2, y2 in pixels, found {wrong[0]}."
        )
    return [b[b[:, 0] >= 0] for b in (b.reshape(-1, 5) for b in found)]
