"""The embedded data set `stereo`: crops of one real scene, the motorcycle of the Middlebury 2014 benchmark.

The picture and its measured disparity come with scikit-image, a quarter of the original's size. Depth is
f B / (disparity + doffs) with the scene's calibration. Picture and depth are halved once more, then cut into crops
of 64x64, which therefore see a fair part of the scene.

The split is spatial: training crops lie in the left 60 % of the picture, validation crops in the next fifth, test
crops in the last. It is one scene with one floor, one wall and one motorcycle: a network that does well here has
learnt this scene, which is enough to see a search at work and not enough to say how well depth is estimated.

Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth", GCPR 2014.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from nassay.extras import extra
from nassay.tasks.depth.data import DepthData, with_readings

FOCAL_LENGTH_PX, BASELINE_M, OFFSET_PX = 994.978, 0.193001, 31.086
CROP = 64
STEP = (6, 4)  # rows, columns
SHARES = {"train": (0.0, 0.6), "validation": (0.6, 0.8), "test": (0.8, 1.0)}  # of the width


def stereo() -> DepthData:
    """Crops of 64x64 pixels from one real scene with depth from stereo (Middlebury 2014), shipped with scikit-image.

    Raises:
        UserError: scikit-image is not installed.
    """
    picture, depth = scene()
    parts = {name: _crops(picture, depth, *share) for name, share in SHARES.items()}
    return with_readings(
        DepthData(
            np.concatenate([x for x, _ in parts.values()]),
            np.concatenate([y for _, y in parts.values()]),
            "stereo",
            split=np.concatenate([np.full(len(x), name, dtype="U10") for name, (x, _) in parts.items()]),
            notes=(
                "stereo is one scene: crops of 64x64 pixels that overlap, train on its left, validation and test on "
                "its right. Figures say how well a network knows this scene, no more.",
            ),
        )
    )


def scene() -> tuple[np.ndarray, np.ndarray]:
    """The left picture as (3, H, W) uint8 and its depth as (H, W) float32 metres, 0 where unknown."""
    with extra("depth"):
        import skimage.data
    folder = Path(skimage.data.__file__).parent
    with Image.open(folder / "motorcycle_left.png") as opened:
        picture = np.asarray(opened)
    with np.load(folder / "motorcycle_disp.npz", allow_pickle=False) as archive:
        disparity = archive["arr_0"]
    known = np.isfinite(disparity)
    depth = np.where(known, FOCAL_LENGTH_PX * BASELINE_M / (np.where(known, disparity, 0) + OFFSET_PX), 0)
    height, width = (side // 2 for side in depth.shape)
    quads = picture[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3)
    halved = np.rint(quads.mean(axis=(1, 3))).astype(np.uint8)
    return halved.transpose(2, 0, 1), depth[: 2 * height : 2, : 2 * width : 2].astype(np.float32)


def _crops(picture: np.ndarray, depth: np.ndarray, start: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """All crops on the grid that lie between two shares of the width."""
    height, width = depth.shape
    rows = range(0, height - CROP + 1, STEP[0])
    columns = range(round(start * width), round(stop * width) - CROP + 1, STEP[1])
    corners = [(row, column) for row in rows for column in columns]
    x = np.stack([picture[:, r : r + CROP, c : c + CROP] for r, c in corners])
    return x, np.stack([depth[r : r + CROP, c : c + CROP] for r, c in corners])
