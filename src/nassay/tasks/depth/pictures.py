"""Depth as pictures: the input, what was measured and what a network says, side by side with one colour scale."""

import io

import numpy as np
from PIL import Image, ImageDraw

from nassay.tasks.depth.data import nearest

SCALE_COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))  # viridis, near to far
MISSING = (128, 128, 128)
PANEL_HEIGHT = 180  # pixels, at least
GAP = 6
BAR_WIDTH, LABEL_WIDTH = 12, 52


def comparison(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, near: float, far: float) -> bytes:
    """A PNG of four parts: the image, the true depth (grey where missing), the predicted depth, the colour scale.

    Args:
        image: (C, H, W) uint8 or float.
        truth: (H, W) metres, 0 where missing.
        prediction: (H, W) metres.
        near: depth in metres of the first colour; nearer has it too.
        far: depth in metres of the last colour.
    """
    panels = [_rgb(image), colours(truth, near, far), colours(prediction, near, far)]
    height, width = truth.shape
    factor = max(1, -(-PANEL_HEIGHT // height))
    size = (height * factor, width * factor)
    canvas = Image.new("RGB", (3 * (size[1] + GAP) + BAR_WIDTH + LABEL_WIDTH, size[0]), "white")
    for i, panel in enumerate(panels):
        enlarged = nearest(panel.transpose(2, 0, 1), size).transpose(1, 2, 0)
        canvas.paste(Image.fromarray(enlarged), (i * (size[1] + GAP), 0))
    _draw_scale(canvas, 3 * (size[1] + GAP), near, far)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


def colours(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """(H, W) metres to (H, W, 3) uint8; 0 and NaN are grey."""
    share = np.clip((depth - near) / max(far - near, 1e-6), 0, 1)
    stops = np.linspace(0, 1, len(SCALE_COLOURS))
    mapped = np.stack([np.interp(share, stops, channel) for channel in zip(*SCALE_COLOURS, strict=True)], axis=-1)
    mapped[~(depth > 0)] = MISSING
    return np.rint(mapped).astype(np.uint8)


def _rgb(image: np.ndarray) -> np.ndarray:
    """(C, H, W) to (H, W, 3) uint8; floats are stretched over their range, of less than three channels one is shown."""
    if image.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = np.rint(255 * (image - low) / max(high - low, 1e-6)).astype(np.uint8)
    chosen = image[:3] if len(image) >= 3 else np.repeat(image[:1], 3, axis=0)
    return chosen.transpose(1, 2, 0)


def _draw_scale(canvas: Image.Image, left: int, near: float, far: float) -> None:
    """The colour scale, near at the top, with its ends and its middle in metres."""
    height = canvas.height
    bar = colours(np.linspace(near, far, height)[:, None].repeat(BAR_WIDTH, axis=1), near, far)
    canvas.paste(Image.fromarray(bar), (left, 0))
    draw = ImageDraw.Draw(canvas)
    for value, y in ((near, 0), ((near + far) / 2, height // 2 - 6), (far, height - 12)):
        draw.text((left + BAR_WIDTH + 4, y), f"{value:.2f} m", fill="black")
