import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.image_data import ImageData, describe_input, first_few, scale_of

X = np.zeros((4, 1, 2, 3), np.uint8)
Y = np.array([0, 1, 0, 1])


def test_defaults_say_no_split_and_describe_the_arrays() -> None:
    data = ImageData(X, Y, ("a", "b"), "mine")
    assert data.split.tolist() == [""] * 4
    assert data.notes == ()
    assert data.preprocessing == {
        "mode": "array",
        "channels": 1,
        "height": 2,
        "width": 3,
        "resize": "none",
        "layout": "NCHW",
        "dtype": "float32",
        "scale": 1 / 255,
    }


def test_scale_is_one_for_floats() -> None:
    assert scale_of(X.astype(np.float32)) == 1.0
    assert describe_input(X.astype(np.float32))["scale"] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X[0]}, r"must be \(N, C, H, W\)"),
        ({"x": X.astype(np.float64)}, "float64"),
        ({"x": X[:0], "y": Y[:0]}, "no images"),
        ({"y": Y[:3]}, "one label"),
        ({"y": Y.reshape(4, 1)}, r"labels \(4, 1\)"),
        ({"split": np.array(["train"] * 3)}, r"splits \(3,\)"),
        ({"split": np.array(["train"] * 3 + ["dev"])}, "found dev"),
        ({"y": np.zeros(4, int), "classes": ("a",)}, "at least two classes, found 1: a"),
        ({"classes": ("a", "b", "c")}, "each present"),
        ({"y": Y + 1}, "labels must be 0..1"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(change: dict[str, object], message: str) -> None:
    arguments = {"x": X, "y": Y, "classes": ("a", "b"), "name": "mine", **change}
    with pytest.raises(UserError, match=message) as caught:
        ImageData(**arguments)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("mine: ")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_that_are_not_finite_are_counted_and_located(bad: float) -> None:
    x = X.astype(np.float32)
    x[2, 0, 1, 1] = bad
    x[3] = bad
    with pytest.raises(UserError, match=r"2 of 4 images contain NaN or infinity, the first is image 2"):
        ImageData(x, Y, ("a", "b"), "mine")


def test_first_few_counts_the_rest() -> None:
    assert first_few(["a", "b"]) == "a, b"
    assert first_few(["a", "b", "c"], limit=1) == "a and 2 more"
