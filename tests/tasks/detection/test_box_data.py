import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.detection.box_data import BoxData, padded

X = np.zeros((2, 1, 4, 4), dtype=np.uint8)
Y = padded([np.array([[0, 0.0, 0.0, 0.5, 0.5], [1, 0.5, 0.5, 1, 1]]), np.empty((0, 5))])


def test_boxes_are_padded_with_rows_of_class_minus_one() -> None:
    assert Y.shape == (2, 2, 5)
    assert Y.dtype == np.float32
    assert Y[0, 1].tolist() == [1, 0.5, 0.5, 1, 1]
    assert (Y[1] == [-1, 0, 0, 0, 0]).all()
    assert padded([np.empty((0, 5))]).shape == (1, 1, 5)


def test_defaults() -> None:
    data = BoxData(X, Y, ("a", "b"), "mine")
    assert data.split.tolist() == ["", ""]
    assert data.preprocessing["height"] == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": X[:0]}, "there are no images"),
        ({"x": X[0]}, r"images must be \(N, C, H, W\)"),
        ({"x": X.astype(np.float64)}, "images must be"),
        ({"x": np.full((2, 1, 4, 4), np.nan, dtype=np.float32)}, "NaN"),
        ({"y": Y[:1]}, r"boxes must be \(N, M, 5\)"),
        ({"y": Y[..., :4]}, "boxes must be"),
        ({"y": Y.astype(np.float64)}, "boxes must be"),
        ({"y": np.where(Y == 1, np.nan, Y)}, "boxes contain NaN"),
        ({"y": np.where(Y == 0.5, 1.5, Y)}, "1 boxes are no boxes|2 boxes are no boxes"),
        ({"classes": ("a",)}, r"classes are 0\.\.0 or -1"),
        ({"split": np.array(["train", "holdout"])}, "holdout"),
    ],
)
def test_what_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        BoxData(**{"x": X, "y": Y, "classes": ("a", "b"), "name": "mine", **changes})


def test_corners_in_the_wrong_order_are_refused() -> None:
    y = padded([np.array([[0, 0.5, 0.0, 0.5, 1.0]]), np.empty((0, 5))])
    with pytest.raises(UserError, match=r"x1 < x2.*found \[0.5, 0.0, 0.5, 1.0\]"):
        BoxData(X, y, ("a", "b"), "mine")
