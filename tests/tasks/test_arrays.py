import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nassay.errors import UserError
from nassay.tasks.arrays import as_numpy, encode_labels, from_arrays, to_nchw, with_image_dtype

channels = st.integers(1, 16)
sides = st.integers(17, 40)


@given(c=channels, h=sides, w=sides)
def test_the_small_axis_is_the_channel_and_that_is_no_guess(c: int, h: int, w: int) -> None:
    first = np.zeros((2, c, h, w), np.uint8)
    for x in (first, first.transpose(0, 2, 3, 1)):
        out, notes = to_nchw(x, "mine")
        assert out.shape == (2, c, h, w)
        assert notes == []


@pytest.mark.parametrize(
    ("shape", "expected", "layout"),
    [
        ((5, 8, 8, 1), (5, 1, 8, 8), "(N, H, W, C)"),
        ((5, 7, 9, 9), (5, 7, 9, 9), "(N, C, H, W)"),
        ((5, 3, 40, 3), (5, 3, 40, 3), "(N, C, H, W)"),
        ((5, 40, 40, 32), (5, 32, 40, 40), "(N, H, W, C)"),
    ],
)
def test_a_guess_is_noted(shape: tuple[int, ...], expected: tuple[int, ...], layout: str) -> None:
    out, notes = to_nchw(np.zeros(shape), "mine")
    assert out.shape == expected
    assert notes == [f"mine: the shape {shape} was read as {layout}; transpose the array if that is wrong."]


def test_channels_last_moves_values_with_their_pixels() -> None:
    x = np.arange(2 * 20 * 21 * 3).reshape(2, 20, 21, 3)
    out, _ = to_nchw(x, "mine")
    assert out[1, 2, 19, 7] == x[1, 19, 7, 2]


def test_three_dimensions_are_grey() -> None:
    assert to_nchw(np.zeros((6, 5, 4)), "mine")[0].shape == (6, 1, 5, 4)


@pytest.mark.parametrize(
    ("shape", "message"), [((6, 784), "Reshape"), ((2, 3, 4, 5, 6), "Reshape"), ((0, 8, 8), "no images")]
)
def test_other_shapes_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        to_nchw(np.zeros(shape), "mine")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0, 255], np.int64), np.uint8),
        (np.array([True, False]), np.uint8),
        (np.array([0, 256], np.uint16), np.float32),
        (np.array([-1, 1], np.int8), np.float32),
        (np.array([0.0, 1.0]), np.float32),
        (np.array([0.0, 1.0], np.float16), np.float32),
    ],
)
def test_dtypes_keep_the_values(values: np.ndarray, dtype: type) -> None:
    out = with_image_dtype(values, "mine")
    assert out.dtype == dtype
    assert out.tolist() == values.tolist()


def test_complex_and_object_images_are_refused() -> None:
    for values in (np.array([1j]), np.array([{}], dtype=object), np.array(["a"])):
        with pytest.raises(UserError, match="must be numbers"):
            with_image_dtype(values, "mine")


def test_a_float64_that_overflows_is_not_a_number() -> None:
    x = np.zeros((4, 5, 5))
    x[1, 0, 0] = 1e60
    with pytest.raises(UserError, match="1 of 4 images contain NaN or infinity"):
        from_arrays(x, [0, 1, 0, 1], name="mine")


@pytest.mark.parametrize(
    ("labels", "indices", "classes"),
    [
        (np.array([7, -2, 7]), [1, 0, 1], ("-2", "7")),
        (np.array(["b", "a", "b"]), [1, 0, 1], ("a", "b")),
        (np.array(["b", "a"], dtype=object), [1, 0], ("a", "b")),
        (np.array([2.0, 10.0, 2.0]), [0, 1, 0], ("2", "10")),
        (np.array([True, False]), [1, 0], ("0", "1")),
    ],
)
def test_labels_become_indices(labels: np.ndarray, indices: list[int], classes: tuple[str, ...]) -> None:
    y, found, notes = encode_labels(labels, None, "mine")
    assert (y.tolist(), y.dtype, found, notes) == (indices, np.int64, classes, [])


def test_class_names_are_those_of_the_labels_that_occur() -> None:
    y, classes, notes = encode_labels(np.array([3, 0, 3], np.uint8), ("a", "b", "c", "d"), "mine")
    assert y.tolist() == [1, 0, 1]
    assert classes == ("a", "d")
    assert notes == ["mine: classes without an image are left out: b, c."]


@pytest.mark.parametrize(
    "labels", [np.array([0.5, 1.0]), np.array([np.nan, 1.0]), np.array([1j]), np.array([None, "a"])]
)
def test_other_labels_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(UserError, match="labels must be whole numbers or strings"):
        encode_labels(labels, None, "mine")


def test_a_label_without_a_name_is_refused() -> None:
    with pytest.raises(UserError, match="2 class names, but also the labels 2, 5"):
        encode_labels(np.array([0, 2, 5]), ("a", "b"), "mine")


def test_lengths_and_one_hot_labels() -> None:
    x = np.zeros((4, 20, 20), np.uint8)
    with pytest.raises(UserError, match="found 4 and 3"):
        from_arrays(x, [0, 1, 0], name="mine")
    with pytest.raises(UserError, match="argmax"):
        from_arrays(x, np.eye(4), name="mine")
    assert from_arrays(x, np.array([[0], [1], [0], [1]]), name="mine").y.tolist() == [0, 1, 0, 1]


def test_tensors_are_taken_too() -> None:
    x = torch.rand(4, 7, 20, 20, requires_grad=True)
    data = from_arrays(x, torch.tensor([0, 1, 0, 1]), name="mine")
    assert np.array_equal(data.x, x.detach().numpy())
    assert as_numpy(torch.ones(2, dtype=torch.bfloat16)).tolist() == [1, 1]
