import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.tasks.depth.data import DepthData, from_arrays, metres, nearest, size_notes


def images(n: int = 2, size: tuple[int, int] = (4, 6)) -> np.ndarray:
    return np.full((n, *size, 3), 7, dtype=np.uint8)


def test_whole_numbers_are_millimetres_and_fractions_metres() -> None:
    assert metres(np.array([1500, 0], dtype=np.uint16)).tolist() == [1.5, 0.0]
    assert metres(np.array([1.5, 0.25])).tolist() == [1.5, 0.25]


def test_a_scale_overrides_the_rule() -> None:
    assert metres(np.array([10000], dtype=np.uint16), 1 / 5000).tolist() == pytest.approx([2.0])


def test_what_is_no_depth_is_missing() -> None:
    assert metres(np.array([np.nan, np.inf, -np.inf, -1.0, 2.0])).tolist() == [0, 0, 0, 0, 2]


def test_nearest_takes_the_pixel_below_the_new_centre_and_invents_none() -> None:
    depth = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert nearest(depth, (1, 2)).tolist() == [[2.0, 4.0]]
    assert nearest(depth, (2, 8)).tolist() == [[1, 1, 2, 2, 3, 3, 4, 4]] * 2
    assert set(nearest(depth, (1, 3)).ravel()) <= set(depth.ravel())


def test_sizes_that_differ_are_said() -> None:
    assert size_notes([(4, 6)], (4, 6)) == []
    (note,) = size_notes([(4, 6), (8, 12), (2, 3)], (4, 6))
    assert note.startswith("2 of 3 depth maps, 2x3 to 8x12 pixels (height x width), are brought to the images' 4x6")


def test_arrays_become_frames_in_the_order_of_time() -> None:
    depth = np.array([np.full((4, 6), 1000), np.full((4, 6), 3000)], dtype=np.uint16)
    data = from_arrays(images(), depth, name="arrays")
    assert data.x.shape == (2, 3, 4, 6)
    assert (data.x.dtype, data.depth.dtype) == (np.uint8, np.float32)
    assert data.depth[:, 0, 0].tolist() == [1.0, 3.0]
    assert data.sequence
    assert data.notes[-1].startswith("Depth is 1 to 3 m (1st to 99th percentile), median 2 m; 0% of the pixels")


def test_depth_of_another_size_is_brought_to_the_images() -> None:
    data = from_arrays(images(), torch.full((2, 1, 8, 12), 2.0), name="arrays")
    assert data.depth.shape == (2, 4, 6)
    assert any("8x12" in note for note in data.notes)


def test_images_without_a_reading_are_left_out_and_counted() -> None:
    depth = np.zeros((2, 4, 6))
    depth[1, 0, 0] = 2.0
    data = from_arrays(images(), depth, name="arrays", scene=np.array(["a", "b"]))
    assert data.scene.tolist() == ["b"]
    assert data.notes[-1] == "1 of 2 images have no depth at any pixel and are left out."
    assert "96% of the pixels have none" in data.notes[-2]


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (np.ones((3, 4, 6)), "one map for each of the 2 images"),
        (np.ones((2, 4, 6, 2)), "depth must be"),
        (np.full((2, 4, 6), "far"), "depth must be"),
        (np.zeros((2, 4, 6)), "no pixel of any image has a depth"),
    ],
)
def test_wrong_depth_is_refused(depth: np.ndarray, words: str) -> None:
    with pytest.raises(UserError, match=words):
        from_arrays(images(), depth, name="arrays")


def test_wrong_frames_are_refused() -> None:
    x, depth = np.zeros((2, 1, 4, 4), dtype=np.uint8), np.ones((2, 4, 4), dtype=np.float32)
    with pytest.raises(UserError, match="one depth for each pixel"):
        DepthData(x, depth[:, :3], "d")
    with pytest.raises(UserError, match="found holdout"):
        DepthData(x, depth, "d", split=np.array(["holdout", ""]))
    with pytest.raises(UserError, match="one scene for each"):
        DepthData(x, depth, "d", scene=np.array(["a"]))
    with pytest.raises(UserError, match="NaN or infinity"):
        DepthData(np.full((2, 1, 4, 4), np.nan, dtype=np.float32), depth, "d")
    with pytest.raises(UserError, match="no images"):
        DepthData(x[:0], depth[:0], "d")
