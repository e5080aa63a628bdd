"""Pillow images of any mode and size to one array, by a stated rule.

Mode: the most common of L (grey), RGB, RGBA and F (grey of more than 8 bits, values kept as float32); the
richer one if tied. Palettes count as RGB, or RGBA if they have transparency. Alpha that isn't kept is dropped.
16-bit images among 8-bit ones are divided by 256. Size: see `resizing.common_size`. The EXIF orientation is
applied; of an animation the first frame is used. Images that cannot be decoded are skipped and named, up to 5 %.
"""

import os
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import psutil
from PIL import ExifTags, Image, ImageOps

from nassay.errors import UserError
from nassay.tasks.image_data import describe_input, first_few
from nassay.tasks.resizing import Shape, common_size, size_note

MAX_BAD_SHARE = 0.05
MODES = ("L", "RGB", "RGBA", "F")  # from poor to rich
CHANNEL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
RESIZE = "bilinear with antialiasing, the whole image"
_GREY = ("1", "L", "LA", "La")
_WIDE = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
# What Pillow's decoders raise on broken files (found by damaging files of each format at random).
_DECODE_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError),
    *(struct.error, Image.DecompressionBombError),
)

Opener = Callable[[], Image.Image]
T = TypeVar("T")


@dataclass(frozen=True)
class Decoded:
    """Images as one array.

    Attributes:
        x: (K, C, H, W) uint8, or float32 for mode F.
        kept: (K,) which of the given images they are.
        notes: what was converted and skipped.
        preprocessing: `describe_input` facts.
    """

    x: np.ndarray
    kept: np.ndarray
    notes: tuple[str, ...]
    preprocessing: dict[str, Any]


@dataclass(frozen=True)
class _Header:
    """An image before it is decoded: the mode that keeps it, (height, width) after its orientation."""

    mode: str
    size: tuple[int, int]


@dataclass(frozen=True)
class _Failure:
    reason: str


def decode_images(openers: Sequence[Opener], names: Sequence[str], *, shape: Shape | None = None) -> Decoded:
    """Decode images in a few threads.

    Args:
        openers: each returns an open image; called twice, from any thread.
        names: what the images are called in messages.
        shape: (C, H, W) to convert to; None for the module's rule.

    Raises:
        UserError: more than 5 % cannot be decoded, no mode has `shape`'s channels, or too little memory.
    """
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        headers = list(pool.map(partial(_attempt, _header), openers))
        mode, size = _target(headers, names, shape)
        x = _allocate(len(openers), mode, size)
        pixels = pool.map(partial(_attempt, partial(_pixels, mode=mode, size=size)), openers)
        failures = {}
        for i, result in enumerate(pixels):
            if isinstance(result, _Failure):
                failures[i] = result
            else:
                x[i] = result
    notes = _skipped(failures, names)
    kept = np.array([i for i in range(len(openers)) if i not in failures])
    found = [header for i, header in enumerate(headers) if isinstance(header, _Header) and i not in failures]
    notes += [*_mode_note(found, mode), *size_note([header.size for header in found], size)]
    x = x[kept] if failures else x
    return Decoded(x, kept, tuple(notes), describe_input(x, mode=mode, resize=RESIZE))


def _attempt(read: Callable[[Image.Image], T], opener: Opener) -> T | _Failure:
    try:
        with opener() as image:
            return read(image)
    except _DECODE_ERRORS as error:
        return _Failure(str(error) or type(error).__name__)


def _header(image: Image.Image) -> _Header:
    if image.mode in _WIDE:
        mode = "F"
    elif image.mode in _GREY:
        mode = "L"
    elif image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info and image.mode == "P":
        mode = "RGBA"
    else:
        mode = "RGB"
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    return _Header(mode, (image.width, image.height) if turned else (image.height, image.width))


def _target(
    headers: Sequence[_Header | _Failure], names: Sequence[str], shape: Shape | None
) -> tuple[str, tuple[int, int]]:
    """The mode and (height, width) that all images are brought to."""
    _skipped({i: header for i, header in enumerate(headers) if isinstance(header, _Failure)}, names)
    found = [header for header in headers if isinstance(header, _Header)]
    counts = Counter(header.mode for header in found)
    common = max(MODES, key=lambda mode: (counts[mode], MODES.index(mode)))
    if shape is None:
        return common, common_size([header.size for header in found])
    if shape[0] not in CHANNEL_MODES:
        raise UserError(f"Image files have 1, 3 or 4 channels; image_shape asks for {shape[0]}.")
    return "F" if (common, shape[0]) == ("F", 1) else CHANNEL_MODES[shape[0]], shape[1:]


def _allocate(n: int, mode: str, size: tuple[int, int]) -> np.ndarray:
    """An empty (N, C, H, W) array, if twice its size (the splits are copies) fits in free memory."""
    dtype = np.float32 if mode == "F" else np.uint8
    shape = (n, len(Image.new(mode, (1, 1)).getbands()), *size)
    needed = 2 * int(np.prod(shape)) * np.dtype(dtype).itemsize
    available = psutil.virtual_memory().available
    if needed > available:
        raise UserError(
            f"{n} images of {size[0]}x{size[1]} pixels need {needed / 1e9:.1f} GB of memory, "
            f"{available / 1e9:.1f} GB are free. Give a smaller image_shape or fewer images."
        )
    return np.empty(shape, dtype)


def _pixels(image: Image.Image, *, mode: str, size: tuple[int, int]) -> np.ndarray:
    """One image as (C, H, W) values of the mode and size."""
    image = _to_mode(ImageOps.exif_transpose(image), mode)
    if image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    values = np.asarray(image)
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    wide = image.mode in _WIDE
    if mode == "F":
        values = np.asarray(image) if wide else np.asarray(image.convert("L")) * np.float32(257)
        return Image.fromarray(values.astype(np.float32))
    if wide:
        values = np.asarray(image)
        if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
            raise ValueError("values beyond 16 bits among images of 8 bits")
        image = Image.fromarray((values // 256).astype(np.uint8))
    if image.mode == "P":  # straight to RGB, Pillow would warn about the transparency that is lost
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


def _skipped(failures: dict[int, _Failure], names: Sequence[str]) -> list[str]:
    """The note on images that cannot be decoded.

    Raises:
        UserError: they are more than 5 %.
    """
    if not failures:
        return []
    listed = first_few([f"{names[i]} ({failure.reason})" for i, failure in failures.items()])
    share = len(failures) / len(names)
    if share > MAX_BAD_SHARE:
        raise UserError(
            f"{len(failures)} of {len(names)} images cannot be decoded ({share:.0%}; at most "
            f"{MAX_BAD_SHARE:.0%} are skipped): {listed}. Repair or remove them."
        )
    return [f"{len(failures)} of {len(names)} images cannot be decoded and are skipped: {listed}."]


def _mode_note(headers: Sequence[_Header], mode: str) -> list[str]:
    others = Counter(header.mode for header in headers if header.mode != mode)
    if not others:
        return []
    found = " and ".join(f"{count} {name}" for name, count in others.items())
    return [f"{sum(others.values())} of {len(headers)} images ({found}) are converted to {mode}."]
