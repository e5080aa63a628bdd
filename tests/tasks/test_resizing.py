import numpy as np
import pytest
from PIL import Image

from nassay.errors import UserError
from nassay.tasks.resizing import check_shape, common_size, conform, size_note


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(31, 33)] * 3, (31, 33)),  # one size is kept
        ([(30, 30), (50, 41), (34, 90)], (32, 40)),  # medians 34 and 41
        ([(448, 896)], (112, 224)),  # shrunk by 4
        ([(1000, 500), (1000, 502)], (224, 112)),
        ([(1, 2), (2, 1)], (8, 8)),
        ([(1, 2000)], (8, 224)),
    ],
)
def test_common_size(sizes: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    assert common_size(sizes) == expected


def test_size_note_counts_what_changes() -> None:
    assert size_note([(8, 8), (8, 8)], (8, 8)) == []
    assert size_note([(8, 8), (10, 9), (20, 30)], (8, 8)) == [
        "2 of 3 images, 10x9 to 20x30 pixels (height x width), are resized whole to 8x8, bilinear, "
        "without keeping the aspect ratio."
    ]


def test_halving_averages_like_pillow() -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 3, 16, 24), dtype=np.uint8)
    out = conform(x, (3, 8, 12))
    assert out.dtype == np.uint8
    for image, small in zip(x, out, strict=True):
        pillow = Image.fromarray(image.transpose(1, 2, 0)).resize((12, 8), Image.Resampling.BILINEAR)
        assert np.abs(small.astype(int) - np.asarray(pillow).transpose(2, 0, 1)).max() <= 1


def test_channels_convert_among_grey_colour_and_alpha() -> None:
    rgb = np.array([100, 50, 200], np.uint8).reshape(1, 3, 1, 1)
    luma = round(0.299 * 100 + 0.587 * 50 + 0.114 * 200)
    assert conform(rgb, (1, 1, 1)).ravel().tolist() == [luma]
    assert conform(rgb, (4, 1, 1)).ravel().tolist() == [100, 50, 200, 255]
    rgba = np.array([100, 50, 200, 7], np.uint8).reshape(1, 4, 1, 1)
    assert conform(rgba, (3, 1, 1)).ravel().tolist() == [100, 50, 200]
    assert conform(rgba, (1, 1, 1)).ravel().tolist() == [luma]
    grey = np.array([0.25], np.float32).reshape(1, 1, 1, 1)
    assert conform(grey, (4, 1, 1)).ravel().tolist() == [0.25, 0.25, 0.25, 1.0]


def test_seven_channels_keep_their_number() -> None:
    x = np.ones((2, 7, 5, 5), np.float32)
    assert conform(x, (7, 10, 10)) == pytest.approx(np.ones((2, 7, 10, 10)))
    with pytest.raises(UserError, match="7 channels cannot be converted to 3"):
        conform(x, (3, 5, 5))


@pytest.mark.parametrize("shape", [(3, 32), (3, 0, 32), (3, 32.5, 32)])
def test_a_shape_is_three_positive_whole_numbers(shape: tuple) -> None:
    with pytest.raises(UserError, match="three positive whole numbers"):
        check_shape(shape)
    assert check_shape([1, 2.0, 3]) == (1, 2, 3)  # type: ignore[arg-type]
