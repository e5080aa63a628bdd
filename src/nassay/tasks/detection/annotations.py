"""From annotated files to `BoxData`: the checks of boxes, by stated rules.

A box is broken if a coordinate is missing or not finite, if its area is zero or negative, if it lies wholly outside
the image, or if its class is unknown. Broken boxes are dropped, counted and named; more than 5 % of them are refused.
Boxes that stand out of the image are cut at its border, and counted where they stand out by more than a pixel. Crowd
regions (COCO) are left out, and so are boxes of less than a pixel at the size that images are brought to.

An image whose annotation states a size of another shape than the file's (a turned photograph, another file of the
same name) is broken, and so is one whose file is missing or cannot be decoded: skipped and named, up to 5 %.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import ExifTags, Image

from nassay.errors import UserError
from nassay.spaces.base import Shape
from nassay.tasks.decoding import MAX_BAD_SHARE, decode_images
from nassay.tasks.detection.box_data import BoxData, padded
from nassay.tasks.detection.file_tree import FileTree
from nassay.tasks.image_data import first_few

ASPECT_TOLERANCE = 0.02
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Box:
    """One object as a source has it.

    Attributes:
        label: its class; one that is not among the source's classes is unknown.
        corners: x1, y1, x2, y2.
        crowd: many objects in one box.
    """

    label: str
    corners: Corners
    crowd: bool = False


@dataclass(frozen=True)
class AnnotatedFile:
    """An image file and its boxes.

    Attributes:
        file: name in the source's tree, None if there is no such file.
        called: what messages call it.
        boxes: in the order of the source.
        size: (width, height) that the corners are measured in; (1, 1) for fractions, None for the file's own pixels.
        split: "train", "validation", "test" or "".
    """

    file: str | None
    called: str
    boxes: tuple[Box, ...]
    size: tuple[float, float] | None
    split: str


def read_annotated(
    tree: FileTree,
    files: Sequence[AnnotatedFile],
    classes: tuple[str, ...] | None,
    *,
    shape: Shape | None = None,
    notes: tuple[str, ...] = (),
) -> BoxData:
    """Decode the images and check their boxes by the module's rules.

    Args:
        tree: where the files are.
        files: the images.
        classes: that the source declares; None for those that occur.
        shape: (C, H, W) to convert images to; None for the rule of `decoding`.
        notes: what was done before.

    Raises:
        UserError: too much is broken, or there is nothing.
    """
    sizes, skipped = _sizes(tree, files)
    usable = [file for i, file in enumerate(files) if i in sizes]
    found_sizes = list(sizes.values())
    openers = [partial(tree.image, file.file or "") for file in usable]
    decoded = decode_images(openers, [file.called for file in usable], shape=shape)
    if classes is None:
        classes = tuple(sorted({box.label for file in usable for box in file.boxes if box.label}))
    height, width = decoded.x.shape[2:]
    checks = _Checks({label: i for i, label in enumerate(classes)}, (1 / width, 1 / height))
    boxes = [checks.usable_boxes(usable[i], found_sizes[i]) for i in decoded.kept]
    return BoxData(
        decoded.x,
        padded(boxes),
        classes,
        tree.name,
        split=np.array([usable[i].split for i in decoded.kept], dtype="U10"),
        notes=(*notes, *skipped, *decoded.notes, *checks.notes(tree.name)),
        preprocessing=decoded.preprocessing,
    )


def _sizes(tree: FileTree, files: Sequence[AnnotatedFile]) -> tuple[dict[int, tuple[float, float]], tuple[str, ...]]:
    """The (width, height) that each usable image's corners are measured in, by its index, and a note on the others.

    Files that cannot be decoded stay in, for `decode_images` to tell.
    """
    sizes: dict[int, tuple[float, float]] = {}
    wrong: list[str] = []
    for i, file in enumerate(files):
        if file.file is None:
            wrong.append(f"{file.called} (no such file)")
            continue
        real = None if file.size == (1, 1) else _file_size(tree, file.file)
        stated = file.size or real or (1, 1)
        if not all(side > 0 for side in stated):
            wrong.append(f"{file.called} ({stated[0]:g}x{stated[1]:g} stated)")
        elif real and abs(stated[0] * real[1] / (stated[1] * real[0]) - 1) > ASPECT_TOLERANCE:
            wrong.append(f"{file.called} ({stated[0]:g}x{stated[1]:g} stated, {real[0]}x{real[1]} found)")
        else:
            sizes[i] = stated
    if len(wrong) > MAX_BAD_SHARE * len(files) or not sizes:
        raise UserError(
            f"{tree.name}: {len(wrong)} of {len(files)} annotated images are missing or of another shape than stated "
            f"(at most {MAX_BAD_SHARE:.0%} are skipped): {first_few(wrong) or 'there are none'}."
        )
    note = f"{len(wrong)} of {len(files)} annotated images are skipped: {first_few(wrong)}."
    return sizes, (note,) if wrong else ()


def _file_size(tree: FileTree, name: str) -> tuple[int, int] | None:
    """(width, height) of an image as it is shown, None if it cannot be opened."""
    try:
        with tree.image(name) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return image.size[::-1] if turned else image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


class _Checks:
    """Checks boxes and counts what it found.

    Args:
        classes: indices by name.
        pixel: (width, height) of a pixel of the converted images, as fractions.
    """

    def __init__(self, classes: dict[str, int], pixel: tuple[float, float]) -> None:
        self.classes, self.pixel = classes, pixel
        self.total = 0
        self.broken: dict[str, list[str]] = defaultdict(list)
        self.cut: list[str] = []
        self.small: list[str] = []
        self.crowds: list[str] = []

    def usable_boxes(self, file: AnnotatedFile, size: tuple[float, float]) -> np.ndarray:
        """(m, 5) class and corners as fractions, of the boxes that are none of the module's cases."""
        rows = [self._row(box, file.called, size) for box in file.boxes]
        return np.array([row for row in rows if row is not None], dtype=np.float64).reshape(-1, 5)

    def _row(self, box: Box, called: str, size: tuple[float, float]) -> list[float] | None:
        if box.crowd:
            self.crowds.append(called)
            return None
        self.total += 1
        x1, y1, x2, y2 = corners = [c / side for c, side in zip(box.corners, (*size, *size), strict=True)]
        inside = [min(1.0, max(0.0, c)) if math.isfinite(c) else c for c in corners]
        reason = self._reason(box, corners, inside)
        if reason:
            self.broken[reason].append(called)
            return None
        pixel = [1 / side if max(size) > 1 else p for side, p in zip(size, self.pixel, strict=True)]
        if any(abs(a - b) > p for a, b, p in zip(corners, inside, pixel * 2, strict=True)):
            self.cut.append(called)
        if inside[2] - inside[0] < self.pixel[0] or inside[3] - inside[1] < self.pixel[1]:
            self.small.append(called)
            return None
        return [self.classes[box.label], *inside]

    def _reason(self, box: Box, corners: list[float], inside: list[float]) -> str | None:
        """Why a box is broken."""
        if not all(map(math.isfinite, corners)):
            return "coordinates that are no finite numbers"
        if corners[0] >= corners[2] or corners[1] >= corners[3]:
            return "no area"
        if inside[0] >= inside[2] or inside[1] >= inside[3]:
            return "wholly outside the image"
        if box.label not in self.classes:
            return f"unknown class {box.label or 'without a name'}"
        return None

    def notes(self, name: str) -> tuple[str, ...]:
        """What was found, a sentence each.

        Raises:
            UserError: more than 5 % of the boxes are broken.
        """
        broken = sum(map(len, self.broken.values()))
        told = "; ".join(f"{len(found)} {reason}: {first_few(found, 3)}" for reason, found in self.broken.items())
        if broken > MAX_BAD_SHARE * self.total:
            raise UserError(
                f"{name}: {broken} of {self.total} boxes are broken ({broken / self.total:.0%}; at most "
                f"{MAX_BAD_SHARE:.0%} are dropped): {told}. Repair or remove them."
            )
        counts = (
            (broken, f"{broken} of {self.total} boxes are broken and dropped: {told}."),
            (len(self.cut), f"{len(self.cut)} boxes stand out of their image and are cut: {first_few(self.cut, 3)}."),
            (len(self.small), f"{len(self.small)} boxes of less than a pixel at the converted size are left out."),
            (len(self.crowds), f"{len(self.crowds)} crowd regions are left out."),
        )
        return tuple(sentence for count, sentence in counts if count)
