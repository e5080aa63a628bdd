"""Images with a depth for each pixel, in memory: what every reader of depth returns and a depth task is made from.

Depth is in metres, 0 where the sensor gave none. Stored whole numbers are millimetres and stored fractions metres,
as depth cameras and their data sets have it, unless a scale is given; NaN, infinity and negative numbers count as
missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nassay.errors import UserError
from nassay.tasks.arrays import as_numpy, to_nchw, with_image_dtype
from nassay.tasks.image_data import check_images, check_splits, fill_in

MILLIMETRE = 1e-3


@dataclass(frozen=True)
class DepthData:
    """Images of one size and their depth maps, in the order of time where there is one.

    Attributes:
        x: (N, C, H, W) uint8 (0..255) or finite float32.
        depth: (N, H, W) float32 metres, 0 where there is no reading.
        name: what the source is called.
        scene: (N,) strings: frames of one scene follow one another in time.
        split: (N,) strings: "train", "validation", "test", or "" where the source doesn't say; None: all "".
        sequence: whether the frames of a scene are in the order of time, so that neighbours look alike.
        notes: sentences on what was done to the user's data, each said once.
        preprocessing: JSON-ready facts: how a file or array becomes one item of `x` (`describe_input`).

    Raises:
        UserError: what was given cannot be learnt from: empty, wrong dtypes or lengths, NaN, no reading at all.
    """

    x: np.ndarray
    depth: np.ndarray
    name: str
    scene: np.ndarray = None  # type: ignore[assignment]
    split: np.ndarray = None  # type: ignore[assignment]
    sequence: bool = True
    notes: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fill_in(self, ("scene", "split"))
        self._check()

    def _check(self) -> None:
        check_images(self.name, self.x)
        n, _, height, width = self.x.shape
        if self.depth.shape != (n, height, width) or self.depth.dtype != np.float32:
            raise UserError(
                f"{self.name}: there must be one depth for each pixel, found images {self.x.shape} and "
                f"depth {self.depth.shape} {self.depth.dtype}."
            )
        if self.scene.shape != (n,):
            raise UserError(f"{self.name}: there must be one scene for each of the {n} images.")
        check_splits(self.name, self.split, n)
        if not (self.depth > 0).any():
            raise UserError(f"{self.name}: no pixel of any image has a depth.")


def metres(stored: np.ndarray, scale: float | None = None) -> np.ndarray:
    """Stored depth as float32 metres, 0 where it is missing.

    Args:
        stored: numbers of any shape.
        scale: metres for one stored unit; None: 0.001 for whole numbers, 1 for fractions.
    """
    if scale is None:
        scale = 1.0 if stored.dtype.kind == "f" else MILLIMETRE
    with np.errstate(over="ignore"):  # what overflows float32 is infinite, so it is missing
        depth = (stored.astype(np.float64) * scale).astype(np.float32)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))


def nearest(depth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(..., H, W) depth at another (height, width): the pixel below each new pixel's centre, none is invented."""
    if depth.shape[-2:] == size:
        return depth
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * old / n).astype(int), old - 1)
        for n, old in zip(size, depth.shape[-2:], strict=True)
    )
    return depth[..., rows[:, None], columns]


def size_notes(found: Sequence[tuple[int, int]], size: tuple[int, int]) -> list[str]:
    """The note on depth maps of these (height, width) sizes that are brought to the images' size, if any is."""
    others = [one for one in found if one != size]
    if not others:
        return []
    smallest, largest = (f"{h}x{w}" for h, w in (min(others, key=np.prod), max(others, key=np.prod)))
    span = smallest if smallest == largest else f"{smallest} to {largest}"
    return [
        f"{len(others)} of {len(found)} depth maps, {span} pixels (height x width), are brought to the images' "
        f"{size[0]}x{size[1]} by the nearest pixel; image and depth are taken to show the same view."
    ]


def from_arrays(
    x: Any,
    depth: Any,
    *,
    name: str,
    scale: float | None = None,
    scene: np.ndarray | None = None,
    split: np.ndarray | None = None,
    notes: tuple[str, ...] = (),
) -> DepthData:
    """Images and depth that come as arrays; their order is taken for the order of time.

    Args:
        x: (N, H, W), (N, H, W, C) or (N, C, H, W) numbers, array or tensor (`arrays` has the layout rule).
        depth: (N, H', W') or (N, 1, H', W') numbers, array or tensor.
        name: what the source is called, in messages.
        scale: metres for one stored unit, see `metres`.
        scene: (N,) names of scenes; None for a single one.
        split: (N,) "train", "validation", "test" or ""; None for all "".
        notes: what was done before.

    Raises:
        UserError: wrong dimensions, dtypes, lengths or values.
    """
    images, layout_notes = to_nchw(as_numpy(x), name)
    stored = as_numpy(depth)
    if stored.ndim == 4 and 1 in (stored.shape[1], stored.shape[3]):
        stored = stored.squeeze(1 if stored.shape[1] == 1 else 3)
    if stored.ndim != 3 or stored.dtype.kind not in "uif" or len(stored) != len(images):
        raise UserError(
            f"{name}: depth must be (N, H, W) numbers, one map for each of the {len(images)} images, "
            f"found {stored.shape} {stored.dtype}."
        )
    size = (int(images.shape[2]), int(images.shape[3]))
    resized = size_notes([(int(stored.shape[1]), int(stored.shape[2]))] * len(stored), size)
    return with_readings(
        DepthData(
            with_image_dtype(images, name),
            nearest(metres(stored, scale), size),
            name,
            scene=scene,  # type: ignore[arg-type]
            split=split,  # type: ignore[arg-type]
            notes=(*notes, *layout_notes, *resized),
        )
    )


def with_readings(data: DepthData) -> DepthData:
    """The images that have a reading, contiguous, and what their depths are, for the user to see a wrong unit."""
    kept = np.asarray((data.depth > 0).any(axis=(1, 2)))
    depth = data.depth[kept]
    valid = depth[depth > 0]
    low, middle, high = np.quantile(valid, [0.01, 0.5, 0.99])
    notes = [
        f"Depth is {low:.3g} to {high:.3g} m (1st to 99th percentile), median {middle:.3g} m; "
        f"{1 - valid.size / depth.size:.0%} of the pixels have none and count neither in the loss nor in the metrics."
    ]
    if not kept.all():
        notes.append(f"{(~kept).sum()} of {len(kept)} images have no depth at any pixel and are left out.")
    return DepthData(
        data.x[kept],
        np.ascontiguousarray(depth),
        data.name,
        scene=data.scene[kept],
        split=data.split[kept],
        sequence=data.sequence,
        notes=(*data.notes, *notes),
        preprocessing=data.preprocessing,
    )
