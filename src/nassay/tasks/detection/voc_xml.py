"""Pascal VOC's xml files: one for each image, boxes (xmin, ymin, xmax, ymax) in pixels.

Splits: ImageSets/Main/train.txt, val.txt, test.txt where the source has them, else by `split_in`. Difficult objects are
kept. Parsed by defusedxml, which refuses entities and external references (extra `detection`).
"""

import math
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from nassay.errors import UserError
from nassay.extras import extra
from nassay.tasks.detection.annotations import AnnotatedFile, Box
from nassay.tasks.detection.file_tree import FileTree, ImageIndex, split_in
from nassay.tasks.image_data import SPLIT_ALIASES


def read_voc(tree: FileTree) -> list[AnnotatedFile]:
    """The annotated files of all xml files whose root is `annotation`; those of other roots are no annotations.

    Raises:
        UserError: a file is not xml, or has what is dangerous; defusedxml is not installed.
    """
    index = ImageIndex(tree)
    listed = _image_sets(tree)
    files = []
    for name in tree.ending(".xml"):
        root = _root(tree, name)
        if root.tag != "annotation":
            continue
        stem = PurePosixPath(name).stem
        split = listed.get(stem, "") or split_in(name)
        file = index.find(stem, split) or index.find(root.findtext("filename") or "", split)
        size = (_number(root, "size/width"), _number(root, "size/height"))
        boxes = tuple(_box(item) for item in root.findall("object"))
        files.append(AnnotatedFile(file, name, boxes, size if min(size) > 0 else None, split))
    return files


def _root(tree: FileTree, name: str) -> Any:
    with extra("detection"):
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import fromstring
    try:
        return fromstring(tree.text(name), forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise UserError(f"{tree.name}: {name} cannot be read as xml: {error!r}. Repair or remove it.") from error


def _image_sets(tree: FileTree) -> dict[str, str]:
    """The split of each stem that a file of ImageSets/Main names."""
    listed = {}
    for name in tree.ending(".txt"):
        path = PurePosixPath(name)
        split = SPLIT_ALIASES.get(path.stem.lower())
        if split and path.parts[-3:-1] == ("ImageSets", "Main"):
            listed.update({line.split()[0]: split for line in tree.text(name).splitlines() if line.strip()})
    return listed


def _box(item: Element) -> Box:
    x1, y1, x2, y2 = (_number(item, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax"))
    return Box((item.findtext("name") or "").strip(), (x1, y1, x2, y2))


def _number(element: Element, path: str) -> float:
    """The number at a path below an element, NaN where there is none."""
    try:
        return float(element.findtext(path) or math.nan)
    except ValueError:
        return math.nan
