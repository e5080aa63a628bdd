"""Pictures of detections beside the truth."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 256  # pixels of the longer side of a picture, at least
TRUTH, FOUND = (0, 200, 90), (255, 80, 60)
GAP = 4


def drawn(image: np.ndarray, truth: np.ndarray, found: np.ndarray, classes: Sequence[str]) -> bytes:
    """A PNG: the image with its objects (green) on the left, with what was detected (red) on the right.

    Args:
        image: (C, H, W) uint8, or float32 of any range.
        truth: (m, 5) class and corners as fractions.
        found: (k, 6) class, corners as fractions, score.
        classes: names of the classes.
    """
    plain = _enlarged(_rgb(image))
    left, right = plain.copy(), plain.copy()
    for kind, *corners in truth.tolist():
        _box(left, corners, classes[int(kind)], TRUTH)
    for kind, *corners, score in found.tolist():
        _box(right, corners, f"{classes[int(kind)]} {score:.2f}", FOUND)
    both = Image.new("RGB", (2 * plain.width + GAP, plain.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (plain.width + GAP, 0))
    file = io.BytesIO()
    both.save(file, "PNG")
    return file.getvalue()


def _rgb(image: np.ndarray) -> Image.Image:
    values = image.astype(np.float32)
    if image.dtype != np.uint8:
        low, high = values.min(), values.max()
        values = (values - low) * (255 / max(float(high - low), 1e-9))
    values = values[:3] if len(values) >= 3 else values[[0, 0, 0]]
    return Image.fromarray(values.transpose(1, 2, 0).astype(np.uint8))


def _enlarged(image: Image.Image) -> Image.Image:
    """At least 256 pixels on the longer side, by a whole factor."""
    factor = max(1, round(SIDE / max(image.size)))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _box(image: Image.Image, corners: Sequence[float], text: str, colour: tuple[int, int, int]) -> None:
    draw = ImageDraw.Draw(image)
    width, height = image.size
    x1, y1, x2, y2 = (c * side for c, side in zip(corners, (width, height, width, height), strict=True))
    draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=2)
    font = ImageFont.load_default(11)
    x, y = max(0.0, min(x1, width - draw.textlength(text, font=font) - 2)), max(0.0, y1 - 13)
    draw.rectangle(draw.textbbox((x + 1, y), text, font=font), fill=colour)
    draw.text((x + 1, y), text, fill="white", font=font)
