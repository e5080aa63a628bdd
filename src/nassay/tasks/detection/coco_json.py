"""COCO's json files: images, annotations with bbox (x, y, width, height) in pixels, categories.

One file for all splits or one for each, told by its name (annotations/instances_val2017.json, valid/a.json). Images are
looked for anywhere in the source by their file_name; each is in one json file alone, for else it would be trained on
and tested on.
"""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from nassay.errors import UserError
from nassay.tasks.detection.annotations import AnnotatedFile, Box, Corners
from nassay.tasks.detection.file_tree import FileTree, ImageIndex, split_in, split_of_annotations

KEYS = ("images", "annotations", "categories")


def is_coco(content: Any) -> bool:
    """Whether a json's content has COCO's three lists."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in KEYS)


def read_coco(tree: FileTree, contents: dict[str, Any]) -> tuple[list[AnnotatedFile], tuple[str, ...]]:
    """The annotated files, and the classes.

    Args:
        tree: of the source.
        contents: of the json files, by name.

    Raises:
        UserError: entries without the keys that COCO's have, or an image that two files list.
    """
    index = ImageIndex(tree)
    files: dict[str, list[AnnotatedFile]] = {}
    classes: dict[str, None] = {}
    for name, content in contents.items():
        try:
            labels = {c["id"]: str(c["name"]) for c in content["categories"]}
            files[name] = _files(index, split_of_annotations(name), content, labels)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{tree.name}: {name} is not as COCO's files are: {type(error).__name__} {error}. Images have id and "
                "file_name, categories id and name, annotations image_id, category_id and bbox."
            ) from error
        classes.update(dict.fromkeys(labels[i] for i in sorted(labels)))
    _check_listed_once(tree, files)
    return [file for found in files.values() for file in found], tuple(classes)


def _files(index: ImageIndex, split: str, content: Any, labels: dict[Any, str]) -> list[AnnotatedFile]:
    """The annotated files of one json."""
    boxes = _boxes(content["annotations"], labels)
    files = []
    for image in content["images"]:
        called = str(image["file_name"])
        size = (float(image["width"]), float(image["height"])) if image.get("width") else None
        found = index.find(called, split)
        files.append(AnnotatedFile(found, called, tuple(boxes[image["id"]]), size, split or split_in(called)))
    return files


def _check_listed_once(tree: FileTree, files: dict[str, list[AnnotatedFile]]) -> None:
    """No image is listed by two jsons, such as COCO's instances and person_keypoints."""
    listed: dict[str | None, str] = {}
    for name, found in files.items():
        for file in found:
            if file.file and listed.setdefault(file.file, name) != name:
                raise UserError(
                    f"{tree.name}: {listed[file.file]} and {name} both list {file.file}, so it could be trained on and "
                    "tested on. Take one of the two files away, or the image out of one."
                )


def _boxes(annotations: Sequence[Any], labels: dict[Any, str]) -> dict[Any, list[Box]]:
    """The boxes by image id."""
    found: dict[Any, list[Box]] = defaultdict(list)
    for a in annotations:
        x, y, width, height = _numbers(a["bbox"])
        label = labels.get(a["category_id"], f"number {a['category_id']}")
        found[a["image_id"]].append(Box(label, (x, y, x + width, y + height), bool(a.get("iscrowd", 0))))
    return found


def _numbers(values: Any) -> Corners:
    """Four numbers; NaN, which the checks drop, where there are none."""
    if not isinstance(values, list) or len(values) != 4:
        values = [None] * 4
    a, b, c, d = (float(v) if isinstance(v, int | float) else math.nan for v in values)
    return a, b, c, d


def is_records(content: Any) -> bool:
    """Whether a json's content is a list of records for each split, see `read_records`."""
    return isinstance(content, dict) and all(isinstance(content.get(key), dict) for key in ("names", "records"))


def read_records(tree: FileTree, content: dict[str, Any]) -> tuple[list[AnnotatedFile], tuple[str, ...]]:
    """The annotated files and the classes of a json with records by split.

    {"names": {"0": "cat"}, "records": {"train": [{"file": "train/1.jpg", "width": 320, "height": 240,
    "objects": [{"label": "cat", "box": [x1, y1, x2, y2]}]}]}}, boxes in pixels. Records with "labelled": false are
    left out: nobody looked for their objects.

    Raises:
        UserError: records without these keys.
    """
    index = ImageIndex(tree)
    files: list[AnnotatedFile] = []
    try:
        for part, records in content["records"].items():
            for record in records:
                if record.get("labelled", True):
                    boxes = tuple(Box(str(o["label"]), _numbers(o["box"])) for o in record["objects"])
                    size = (float(record["width"]), float(record["height"]))
                    file = index.find(record["file"], split_in(f"{part}/x"))
                    files.append(AnnotatedFile(file, record["file"], boxes, size, split_in(f"{part}/x")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{tree.name}: a record is not as expected: {type(error).__name__} {error}. Records have file, width, "
            "height and objects; objects label and box."
        ) from error
    return files, tuple(str(name) for name in content["names"].values())


def parse_json(tree: FileTree, name: str) -> Any:
    """A json file's content; None if it is not json."""
    try:
        return json.loads(tree.text(name))
    except (ValueError, RecursionError):
        return None
