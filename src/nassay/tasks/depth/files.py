"""Folders of images and depth maps, in pairs by name.

A file is an image or a depth map by the name of a folder above it or by the end of its own name: `rgb`, `color`,
`colour`, `image`, `images` or `left` against `depth` or `depths`; so `kitchen/rgb/0001.jpg` goes with
`kitchen/depth/0001.png`, `frame-000001.color.png` with `frame-000001.depth.png` and `a_rgb.png` with `a_depth.npy`.
What is left of the folders names the scene. If one of them is called train, these folders are splits (train; val,
valid or validation; test; any case).

Depth files: PNG or TIFF of 16 bits or more, .npy, or .npz with one array or one called `depth`. Whole numbers are
millimetres, fractions metres, unless a scale is given. Pictures of 8 bits are refused: they are made to be looked at.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from nassay.errors import UserError
from nassay.tasks.decoding import MAX_BAD_SHARE, decode_images
from nassay.tasks.depth.data import DepthData, metres, nearest, size_notes, with_readings
from nassay.tasks.folders import FORMATS, is_image, visible_files
from nassay.tasks.image_data import SPLIT_ALIASES, first_few
from nassay.tasks.npz import load_arrays
from nassay.tasks.resizing import Shape

IMAGE_WORDS = ("rgb", "color", "colour", "image", "images", "left")
DEPTH_WORDS = ("depth", "depths")
ARRAYS = (".npy", ".npz")
_ROLES = {**dict.fromkeys(IMAGE_WORDS, "image"), **dict.fromkeys(DEPTH_WORDS, "depth")}
_MARKED = re.compile(rf"^(.*?)[._-]?({'|'.join(_ROLES)})$", re.IGNORECASE)
_WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_BROKEN = (OSError, ValueError, EOFError, SyntaxError)  # what Pillow and NumPy raise; a UserError is a ValueError


@dataclass(frozen=True, order=True)
class Pair:
    """An image and its depth map.

    Attributes:
        scene: the folders that they share, "" for none.
        order: the name that they share, its numbers as numbers.
        split: "" if the source doesn't say.
        image: file of the image.
        depth: file of the depth map.
    """

    scene: str
    order: tuple[tuple[int, int, str], ...]
    split: str
    image: Path
    depth: Path


def read_folder(folder: Path, *, shape: Shape | None = None, scale: float | None = None) -> DepthData:
    """Read the pairs of a folder.

    Args:
        folder: see the module.
        shape: (C, H, W) to convert the images to; None for the rule of `decoding`.
        scale: metres for one stored unit of depth; None for the module's rule.

    Raises:
        UserError: no pairs, depth maps of 8 bits, or too many files that cannot be read.
    """
    pairs, notes = find_pairs(folder)
    maps, failures = [], []
    for pair in pairs:
        try:
            maps.append(read_depth(pair.depth, scale))
        except _BROKEN as error:
            failures.append((pair, f"{os.path.relpath(pair.depth, folder)}: {error}"))
    bad = {pair for pair, _ in failures}
    pairs = [pair for pair in pairs if pair not in bad]
    notes += _unreadable([text for _, text in failures], len(pairs) + len(bad))
    openers = [partial(Image.open, pair.image, formats=FORMATS) for pair in pairs]
    decoded = decode_images(openers, [os.path.relpath(pair.image, folder) for pair in pairs], shape=shape)
    pairs = [pairs[i] for i in decoded.kept]
    maps = [maps[i] for i in decoded.kept]
    size = (int(decoded.x.shape[2]), int(decoded.x.shape[3]))
    notes += [*decoded.notes, *size_notes([(len(one), len(one[0])) for one in maps], size)]
    return with_readings(
        DepthData(
            decoded.x,
            np.stack([nearest(one, size) for one in maps]),
            folder.resolve().name,
            scene=np.array([pair.scene for pair in pairs]),
            split=np.array([pair.split for pair in pairs], dtype="U10"),
            sequence=any(
                is_sequence([pair.order for pair in pairs if pair.scene == scene]) for scene in _scenes(pairs)
            ),
            notes=tuple(notes),
            preprocessing=decoded.preprocessing,
        )
    )


def find_pairs(folder: Path) -> tuple[list[Pair], list[str]]:
    """The pairs of a folder, by scene and in the order of their names, and a note on files without a partner.

    Raises:
        UserError: there are none, or a name stands for two files.
    """
    found: dict[str, dict[tuple[str, ...], Path]] = {"image": {}, "depth": {}}
    others = []
    for path in visible_files(folder):
        role, key = role_of(path.relative_to(folder))
        if role is None or not _readable(path, role):
            others.append(str(path.relative_to(folder)))
        elif key in found[role]:
            raise UserError(f"{folder}: {path.name} and {found[role][key].name} would both be the {role} of {key[-1]}.")
        else:
            found[role][key] = path
    keys = [key for key in found["image"] if key in found["depth"]]
    if not keys:
        raise UserError(
            f"{folder} has no image with a depth map of the same name. Expected {folder.name}/rgb/1.jpg and "
            f"{folder.name}/depth/1.png, or {folder.name}/1_rgb.jpg and {folder.name}/1_depth.png; found "
            f"{len(found['image'])} images and {len(found['depth'])} depth maps, and "
            f"{first_few(sorted(os.listdir(folder))) or 'an empty folder'}."
        )
    others += [str(path.relative_to(folder)) for one in found.values() for key, path in one.items() if key not in keys]
    notes = [f"{len(others)} files that are not used: {first_few(sorted(others))}."] if others else []
    has_splits = any(part.lower() == "train" for key in keys for part in key[:-1])
    return sorted(_pair(key, found, has_splits) for key in keys), notes


def role_of(path: Path) -> tuple[str | None, tuple[str, ...]]:
    """Whether a file is an image or a depth map (None: neither), and its path without the word that says so."""
    *above, stem = path.with_suffix("").parts
    marked = _MARKED.match(stem)
    if marked and marked[1]:
        return _ROLES[marked[2].lower()], (*above, marked[1])
    for i in reversed(range(len(above))):
        if above[i].lower() in _ROLES:
            return _ROLES[above[i].lower()], (*above[:i], *above[i + 1 :], stem)
    return None, path.parts


def read_depth(path: Path, scale: float | None = None) -> np.ndarray:
    """One depth map as (H, W) float32 metres, 0 where it is missing; nothing is unpickled.

    Args:
        path: of a PNG, TIFF, .npy or .npz file.
        scale: metres for one stored unit; None for the module's rule.

    Raises:
        OSError, ValueError: the file is damaged, a picture of 8 bits, or no map; the text reads on from its name.
    """
    if path.suffix.lower() in ARRAYS:
        stored = _array(path)
    else:
        with Image.open(path, formats=("PNG", "TIFF")) as picture:
            if picture.mode not in _WIDE_MODES:
                raise UserError(
                    f"it has the mode {picture.mode}, 8 bits a channel: such a picture of depth is made to be looked "
                    "at; give depth as PNG of 16 bits in millimetres, or as .npy in metres"
                )
            stored = np.asarray(picture)
    stored = np.squeeze(stored)
    if stored.ndim != 2 or stored.dtype.kind not in "uif":
        raise UserError(f"a depth map is a (H, W) array of numbers, found {stored.shape} {stored.dtype}")
    return metres(stored, scale)


def is_sequence(orders: Iterable[tuple[tuple[int, int, str], ...]]) -> bool:
    """Whether names count: all are the same but for numbers, as `frame-000001`, `frame-000002` are."""
    names = list(orders)
    texts = {tuple(text for _, _, text in name) for name in names}
    return len(names) > 1 and len(texts) == 1 and any(numbered for numbered, _, _ in names[0])


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A name as words and numbers, so that frame 10 comes after frame 9: (1, number, "") or (0, 0, word)."""
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in re.split(r"(\d+)", name) if part)


def _pair(key: tuple[str, ...], found: dict[str, dict[tuple[str, ...], Path]], has_splits: bool) -> Pair:
    above = list(key[:-1])
    split = ""
    if has_splits:
        named = [i for i, part in enumerate(above) if part.lower() in SPLIT_ALIASES]
        split = SPLIT_ALIASES[above.pop(named[0]).lower()] if named else ""
    return Pair("/".join(above), natural(key[-1]), split, found["image"][key], found["depth"][key])


def _scenes(pairs: list[Pair]) -> list[str]:
    return sorted({pair.scene for pair in pairs})


def _readable(path: Path, role: str) -> bool:
    return is_image(path) or role == "depth" and path.suffix.lower() in ARRAYS


def _array(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    found = load_arrays(path)
    if len(found) != 1 and "depth" not in found:
        raise UserError(f"it has the arrays {first_few(sorted(found))}; expected one, or one called depth")
    return found["depth"] if "depth" in found else next(iter(found.values()))


def _unreadable(failures: list[str], total: int) -> list[str]:
    """The note on depth maps that cannot be read.

    Raises:
        UserError: they are more than a few (`decoding.MAX_BAD_SHARE`).
    """
    if not failures:
        return []
    found = f"{len(failures)} of {total} depth maps cannot be read, the first is {failures[0]}"
    if len(failures) > MAX_BAD_SHARE * total:
        raise UserError(f"{found}. At most {MAX_BAD_SHARE:.0%} are skipped: repair or remove them.")
    return [f"{found}; they are skipped."]
