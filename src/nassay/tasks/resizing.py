"""One size and channel count for all images: the rule for choosing them and the conversion of arrays."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from nassay.errors import UserError

MAX_SIDE = 224
SIDE_MULTIPLE = 8
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's conversion to "L"
Shape = tuple[int, int, int]


def common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The (height, width) that images of these sizes are brought to.

    One size of at most 224 pixels is kept. Otherwise the median height and width, shrunk together until the
    longer is 224 at most, each rounded to a multiple of 8.
    """
    if len(set(sizes)) == 1 and max(sizes[0]) <= MAX_SIDE:
        return sizes[0]
    median = np.median(np.array(sizes), axis=0)
    sides = median * min(1.0, MAX_SIDE / median.max())
    height, width = np.maximum(1, np.rint(sides / SIDE_MULTIPLE)).astype(int) * SIDE_MULTIPLE
    return int(height), int(width)


def size_note(sizes: Sequence[tuple[int, int]], target: tuple[int, int]) -> list[str]:
    """A note on what resizing to `target` does to images of these (height, width) sizes, if anything."""
    changed = [size for size in sizes if size != target]
    if not changed:
        return []
    smallest, largest = min(changed, key=np.prod), max(changed, key=np.prod)
    found = f"{smallest[0]}x{smallest[1]}"
    if smallest != largest:
        found += f" to {largest[0]}x{largest[1]}"
    return [
        f"{len(changed)} of {len(sizes)} images, {found} pixels (height x width), are resized whole to "
        f"{target[0]}x{target[1]}, bilinear, without keeping the aspect ratio."
    ]


def conform(x: np.ndarray, shape: Shape) -> np.ndarray:
    """Convert (N, C, H, W) uint8 or float32 images to `shape` (C, H, W), same dtype.

    Channels: 1 to 3 repeats, 3 to 1 is luma (BT.601), to 4 adds an opaque alpha, from 4 drops it.
    Size: bilinear with antialiasing.

    Raises:
        UserError: no rule for these channel counts.
    """
    x = _to_channels(x, shape[0])
    if x.shape[2:] == shape[1:]:
        return x
    resized = np.empty((len(x), *shape), dtype=x.dtype)
    for i in range(0, len(x), 256):
        chunk = torch.from_numpy(np.ascontiguousarray(x[i : i + 256], dtype=np.float32))
        chunk = functional.interpolate(chunk, shape[1:], mode="bilinear", antialias=True, align_corners=False)
        resized[i : i + 256] = _like(chunk.numpy(), x.dtype)
    return resized


def _to_channels(x: np.ndarray, channels: int) -> np.ndarray:
    found = x.shape[1]
    if found == channels:
        return x
    if not {found, channels} <= {1, 3, 4}:
        raise UserError(
            f"Images of {found} channels cannot be converted to {channels}, only 1, 3 and 4 to one another. "
            f"Ask for {found} channels."
        )
    if found == 4:
        return _to_channels(x[:, :3], channels)
    if channels == 4:
        opaque = np.full_like(x[:, :1], 255 if x.dtype == np.uint8 else 1)
        return np.concatenate([_to_channels(x, 3), opaque], axis=1)
    if channels == 3:
        return np.repeat(x, 3, axis=1)
    return _like(np.einsum("nchw,c->nhw", x, np.array(LUMA, dtype=np.float32))[:, None], x.dtype)


def _like(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Float values in the image's own dtype, rounded for uint8."""
    return np.rint(values).clip(0, 255).astype(np.uint8) if dtype == np.uint8 else values.astype(dtype)


def check_shape(shape: Shape) -> Shape:
    """A (C, H, W) shape as given by the user, as ints.

    Raises:
        UserError: it isn't three positive whole numbers.
    """
    numbers = tuple(shape)
    if len(numbers) != 3 or any(int(n) != n or n < 1 for n in numbers):
        raise UserError(f"image_shape is (channels, height, width), three positive whole numbers, found {shape}.")
    return int(numbers[0]), int(numbers[1]), int(numbers[2])
