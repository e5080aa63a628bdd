"""Images with depth in a NumPy archive (.npz).

Accepted names: `rgb`, `images`, `image` or `x` for the images; `depth_mm` (millimetres), `depth_m` (metres), `depth`
or `y` for the depth (whole numbers are millimetres, fractions metres). `scene` or `source` names the scene of each
frame, `split` its split ("train", "validation", "test" or ""). The order is taken for the order of time.
"""

from pathlib import Path

import numpy as np

from nassay.errors import UserError
from nassay.tasks.depth.data import MILLIMETRE, DepthData, from_arrays
from nassay.tasks.image_data import first_few
from nassay.tasks.npz import load_arrays

IMAGES = ("rgb", "images", "image", "x")
DEPTHS = ("depth_mm", "depth_m", "depth", "y")
SCENES = ("scene", "source")
SPLIT = "split"
_SCALES = {"depth_mm": MILLIMETRE, "depth_m": 1.0}


def read_archive(path: Path, *, scale: float | None = None) -> DepthData:
    """Read images and depth maps from an archive; nothing in it is unpickled.

    Args:
        path: of the archive.
        scale: metres for one stored unit of depth; None for what the array's name and type say.

    Raises:
        UserError: not an archive, object arrays, unknown names, or what `from_arrays` refuses.
    """
    arrays = load_arrays(path)
    images, depth = (_first(names, arrays) for names in (IMAGES, DEPTHS))
    if images is None or depth is None:
        raise UserError(
            f"{path.name} has no images with depth under known names: found {first_few(sorted(arrays)) or 'nothing'}; "
            f"expected {' or '.join(IMAGES)}, and {' or '.join(DEPTHS)}."
        )
    scene = _first(SCENES, arrays)
    ignored = sorted(set(arrays) - {images, depth, scene, SPLIT})
    return from_arrays(
        arrays[images],
        arrays[depth],
        name=path.name,
        scale=scale or _SCALES.get(depth),
        scene=None if scene is None else arrays[scene].astype(str),
        split=arrays[SPLIT].astype("U10") if SPLIT in arrays else None,
        notes=(f"{path.name}: arrays that are not used: {first_few(ignored)}.",) if ignored else (),
    )


def _first(names: tuple[str, ...], arrays: dict[str, np.ndarray]) -> str | None:
    return next((name for name in names if name in arrays), None)
