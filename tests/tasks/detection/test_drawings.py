import io

import numpy as np
import pytest
from PIL import Image

from nassay.tasks.detection.drawings import FOUND, GAP, TRUTH, drawn

BOX = [0.25, 0.25, 0.75, 0.75]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_truth_on_the_left_detections_on_the_right(channels: int) -> None:
    png = drawn(
        np.full((channels, 16, 32), 9, np.uint8), np.array([[0, *BOX]]), np.array([[1, *BOX, 0.5]]), ("cat", "dog")
    )
    picture = Image.open(io.BytesIO(png))
    assert picture.size == (2 * 256 + GAP, 128)
    left, right = picture.crop((0, 0, 256, 128)), picture.crop((256 + GAP, 0, 512 + GAP, 128))
    assert left.getpixel((64, 64)) == TRUTH  # the left side of the box
    assert right.getpixel((64, 64)) == FOUND
    assert left.getpixel((128, 64)) == right.getpixel((128, 64)) == (9, 9, 9)
    assert FOUND not in {colour for _, colour in left.getcolors(10_000)}


def test_images_of_any_range_and_without_objects() -> None:
    png = drawn(np.linspace(-5, 5, 64, dtype=np.float32).reshape(1, 8, 8), np.empty((0, 5)), np.empty((0, 6)), ())
    values = np.asarray(Image.open(io.BytesIO(png)))[:, :256]
    assert (values.min(), values.max()) == (0, 255)
    drawn(np.zeros((1, 8, 8), np.float32), np.empty((0, 5)), np.empty((0, 6)), ())


def test_boxes_of_less_than_a_pixel() -> None:
    """Half a pixel wide, and nothing at the border, as boxes that are cut may be."""
    thin = np.array([[0, 0.5, 0.5, 0.501, 0.502, 0.9], [0, 1.0, 1.0, 1.0, 1.0, 0.9]])
    png = drawn(np.zeros((3, 300, 400), np.uint8), thin[:, :5], thin, ("cat",))
    assert Image.open(io.BytesIO(png)).getpixel((200, 150)) == TRUTH


def test_large_images_keep_their_size() -> None:
    png = drawn(np.zeros((3, 300, 400), np.uint8), np.empty((0, 5)), np.array([[0, -0.1, 0, 1.1, 0.01, 1.0]]), ("cat",))
    assert Image.open(io.BytesIO(png)).size == (2 * 400 + GAP, 300)
