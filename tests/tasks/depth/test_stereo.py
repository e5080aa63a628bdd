import numpy as np
import pytest

from nassay.tasks.depth.data import DepthData
from nassay.tasks.depth.stereo import BASELINE_M, CROP, FOCAL_LENGTH_PX, OFFSET_PX, scene, stereo


@pytest.fixture(scope="module")
def whole() -> tuple[np.ndarray, np.ndarray]:
    return scene()


@pytest.fixture(scope="module")
def crops() -> DepthData:
    return stereo()


def test_the_scene_is_a_garage_two_to_five_metres_away(whole: tuple[np.ndarray, np.ndarray]) -> None:
    picture, depth = whole
    assert (picture.shape, depth.shape) == ((3, 250, 370), (250, 370))
    known = depth[depth > 0]
    assert 2 < known.min() < known.max() < 5.1
    assert 0.05 < (depth == 0).mean() < 0.1


def test_depth_follows_from_the_disparity(whole: tuple[np.ndarray, np.ndarray]) -> None:
    import skimage.data

    left, _, disparity = skimage.data.stereo_motorcycle()
    picture, depth = whole
    row, column = 100, 150
    assert np.isfinite(disparity[2 * row, 2 * column])
    expected = BASELINE_M * FOCAL_LENGTH_PX / (disparity[2 * row, 2 * column] + OFFSET_PX)
    assert depth[row, column] == pytest.approx(expected, rel=1e-6)
    quad = left[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(4, 3).mean(axis=0)
    assert np.abs(picture[:, row, column] - quad).max() <= 0.5


def test_crops_of_each_split(crops: DepthData) -> None:
    assert crops.x.shape[1:] == (3, CROP, CROP)
    counts = [(crops.split == name).sum() for name in ("train", "validation", "test")]
    assert counts == [32 * 40, 32 * 3, 32 * 3]


def test_splits_share_no_pixel(crops: DepthData, whole: tuple[np.ndarray, np.ndarray]) -> None:
    """Columns of the scene whose pixels a split's crops show, found by comparing the crops' first rows."""
    picture = whole[0].astype(int)
    reach = {}
    for name in ("train", "validation", "test"):
        first = crops.x[crops.split == name][:40].astype(int)  # crops along the top row, left to right
        columns = [
            c
            for one in (first[0], first[np.abs(first[:, :, 0] - picture[:, 0, -CROP:]).sum(axis=(1, 2)).argmin()])
            for c in range(picture.shape[2] - CROP + 1)
            if np.array_equal(one[:, 0], picture[:, 0, c : c + CROP])
        ]
        reach[name] = (min(columns), max(columns) + CROP)
    assert reach["train"][0] == 0
    assert reach["train"][1] <= reach["validation"][0]
    assert reach["validation"][1] <= reach["test"][0]


def test_it_says_that_it_is_one_scene(crops: DepthData) -> None:
    assert crops.notes[0].startswith("stereo is one scene")
