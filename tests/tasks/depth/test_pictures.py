import io

import numpy as np
from PIL import Image

from nassay.tasks.depth.pictures import MISSING, SCALE_COLOURS, colours, comparison


def test_near_and_far_have_the_ends_of_the_scale_and_missing_is_grey() -> None:
    found = colours(np.array([[1.0, 2.0, 3.0, 0.0, 0.5, 9.0, np.nan]]), 1.0, 3.0)[0]
    first, middle, last = (SCALE_COLOURS[i] for i in (0, 2, 4))
    assert [tuple(map(int, c)) for c in found] == [first, middle, last, MISSING, first, last, MISSING]


def test_four_parts_side_by_side() -> None:
    image = np.zeros((3, 60, 80), dtype=np.uint8)
    image[0] = 200
    png = comparison(image, np.full((60, 80), 1.0), np.full((60, 80), 3.0), 1.0, 3.0)
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    assert picture.height == 180
    colours_at = [picture.getpixel((x, 90)) for x in (120, 240 + 6 + 120, 2 * (240 + 6) + 120)]
    assert colours_at == [(200, 0, 0), SCALE_COLOURS[0], SCALE_COLOURS[-1]]
    assert picture.getpixel((3 * (240 + 6) + 5, 0)) == SCALE_COLOURS[0]
    assert picture.getpixel((3 * (240 + 6) + 5, 179)) == SCALE_COLOURS[-1]


def test_grey_and_float_images_are_shown() -> None:
    image = np.linspace(-1, 1, 16, dtype=np.float32).reshape(1, 4, 4)
    png = comparison(image, np.ones((4, 4)), np.ones((4, 4)), 1.0, 1.0)
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    assert picture.getpixel((0, 0)) == (0, 0, 0)
    assert picture.getpixel((179, 179)) == (255, 255, 255)
