"""Composites: real handwritten digits pasted on canvases, the embedded data of detection.

Scikit-learn's 1797 digits of 8x8 pixels are split by class, a fifth for test and a fifth of the rest for validation, so
that no digit of a test canvas is on a training canvas. A canvas is 64x64 pixels and grey: a background of random
brightness with a little noise, and one to five digits, each scaled (bicubic) to a frame of 10 to 44 pixels, uniform in
the logarithm, at a random place and brightness. Boxes are tight about the ink. Two boxes share at most a fifth of the
smaller one's area.
"""

import numpy as np
from PIL import Image

from nassay.tasks.datasets import digits
from nassay.tasks.detection.box_data import BoxData, padded
from nassay.tasks.image_data import SPLITS
from nassay.tasks.splits import assign_splits

SIZES = (2000, 500, 500)  # canvases of train, validation, test
SIDE = 64
FRAMES = (10, 44)
MOST_DIGITS = 5
MOST_COVERED = 0.2
ATTEMPTS = 20
INK = 64  # of 255: what counts as a digit's pixel
NOISE = 6.0


def composites(seed: int = 0, sizes: tuple[int, int, int] = SIZES) -> BoxData:
    """The data set as the module says.

    Args:
        seed: of the split of the digits and of everything that is random on the canvases.
        sizes: numbers of canvases of train, validation and test.
    """
    data = digits()
    split, _ = assign_splits(data.y, data.split, data.classes, seed=seed)
    images, boxes = [], []
    for i, (name, count) in enumerate(zip(SPLITS, sizes, strict=True)):
        pool = np.flatnonzero(split == name)
        for j in range(count):
            canvas, found = _canvas(data.x[:, 0], data.y, pool, np.random.default_rng([seed, i, j]))
            images.append(canvas)
            boxes.append(found)
    note = f"composites: {sum(sizes)} canvases of scikit-learn's digits; no digit is in two splits (seed {seed})."
    parts = np.repeat(SPLITS, sizes).astype("U10")
    return BoxData(np.stack(images)[:, None], padded(boxes), data.classes, "composites", parts, (note,))


def _canvas(
    digits: np.ndarray, labels: np.ndarray, pool: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(64, 64) uint8 and the boxes (m, 5) of its digits, as fractions, drawn from the pool's digits."""
    canvas = np.full((SIDE, SIDE), rng.uniform(0, 80), dtype=np.float32)
    boxes: list[list[float]] = []
    for _ in range(int(rng.integers(1, MOST_DIGITS + 1))):
        which = int(rng.choice(pool))
        ink = _scaled_ink(digits[which], round(float(np.exp(rng.uniform(*np.log(FRAMES))))))
        contrast = rng.uniform(0.6, 1.0)
        place = _free_place(ink.shape, boxes, rng)
        if place is None:
            continue
        y, x = place
        height, width = ink.shape
        region = canvas[y : y + height, x : x + width]
        region += (255 * contrast - region) * (ink / 255)
        boxes.append([int(labels[which]), x, y, x + width, y + height])
    canvas += rng.normal(0, NOISE, canvas.shape)
    return np.rint(canvas.clip(0, 255)).astype(np.uint8), np.array(boxes) / [1, SIDE, SIDE, SIDE, SIDE]


def _scaled_ink(digit: np.ndarray, frame: int) -> np.ndarray:
    """The digit scaled to a frame, cut to its ink: (h, w) float32, 0..255."""
    scaled = np.asarray(Image.fromarray(digit).resize((frame, frame), Image.Resampling.BICUBIC), dtype=np.float32)
    rows, columns = (np.flatnonzero((scaled >= INK).any(axis=axis)) for axis in (1, 0))
    return scaled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _free_place(shape: tuple[int, ...], boxes: list[list[float]], rng: np.random.Generator) -> tuple[int, int] | None:
    """A random corner (y, x) where a digit of this shape covers little; None if twenty draws find none."""
    height, width = shape
    for _ in range(ATTEMPTS):
        y, x = int(rng.integers(SIDE - height + 1)), int(rng.integers(SIDE - width + 1))
        if all(_covered([x, y, x + width, y + height], box[1:]) <= MOST_COVERED for box in boxes):
            return y, x
    return None


def _covered(a: list[float], b: list[float]) -> float:
    """The area that two boxes share, as a fraction of the smaller one's."""
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return shared / min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
