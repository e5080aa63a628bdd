import os
from pathlib import Path

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.npz import read_npz

X = np.arange(6 * 20 * 20 * 3, dtype=np.uint8).reshape(6, 20, 20, 3)
Y = np.array([0, 1, 0, 1, 0, 1], np.uint8)


def saved(tmp_path: Path, **arrays: object) -> Path:
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(("images", "labels"), [("x_{}", "y_{}"), ("{}_x", "{}_y"), ("{}_images", "{}_labels")])
@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_names_of_splits(tmp_path: Path, images: str, labels: str, validation: str) -> None:
    arrays = {}
    for split, part in (("train", slice(0, 2)), (validation, slice(2, 4)), ("test", slice(4, 6))):
        arrays |= {images.format(split): X[part], labels.format(split): Y[part, None]}
    data = read_npz(saved(tmp_path, **arrays))
    assert data.split.tolist() == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert np.array_equal(data.x, X.transpose(0, 3, 1, 2))
    assert data.y.tolist() == Y.tolist()
    assert data.classes == ("0", "1")


def test_x_and_y_alone_have_no_splits(tmp_path: Path) -> None:
    data = read_npz(saved(tmp_path, x=X.astype(np.float32) / 255, y=np.array(["b", "a"] * 3)))
    assert (data.split == "").all()
    assert data.x.dtype == np.float32
    assert (data.y.tolist(), data.classes) == ([1, 0] * 3, ("a", "b"))


def test_class_names_and_arrays_that_are_not_used(tmp_path: Path) -> None:
    data = read_npz(saved(tmp_path, x=X, y=Y, classes=np.array(["cat", "dog"]), masks=X, names=Y))
    assert data.classes == ("cat", "dog")
    assert data.notes == ("mine.npz: arrays that are not used: masks, names.",)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": X, "target": Y}, "found data, target; expected x and y, or x_train"),
        ({"x": X}, "images x but not their labels y"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "images x_test but not their labels y_test"),
        ({"x": X, "y": Y[:5]}, "found 6 in x and 5 in y"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y[:2]}, "found 6 in x_test and 2 in y_test"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :8], "y_test": Y}, "must have one shape"),
        ({"x": X.reshape(6, -1), "y": Y}, "Reshape"),
        ({"x": X[:0], "y": Y[:0]}, "no images"),
        ({"x": X, "y": np.zeros(6, int)}, "at least two classes, found 1: 0"),
        ({"x": np.full(X.shape, np.nan), "y": Y}, "6 of 6 images contain NaN"),
        ({"x": np.array(3), "y": np.array(3)}, "Reshape"),
        ({"x": X, "y": np.array([None, {}] * 3)}, "plain arrays"),
    ],
)
def test_wrong_archives(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_npz(saved(tmp_path, **arrays))


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"PK\x03\x04 half", b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94."]
)
def test_files_that_are_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a NumPy archive"):
        read_npz(path)


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(UserError, match="cannot be read as a NumPy archive"):
        read_npz(path)


def test_a_truncated_archive(tmp_path: Path) -> None:
    path = saved(tmp_path, x=X, y=Y)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cannot be read as a NumPy archive"):
        read_npz(path)


@pytest.mark.parametrize(
    ("name", "shape", "classes"), [("cifar10_subset", (3, 32, 32), 10), ("fashion_mnist_subset", (1, 28, 28), 10)]
)
def test_published_images(name: str, shape: tuple[int, int, int], classes: int) -> None:
    path = Path(os.environ.get("NASSAY_DATA", ""), "images", f"{name}.npz")
    if not path.is_file():
        pytest.skip(f"needs images/{name}.npz under NASSAY_DATA")
    data = read_npz(path)
    assert data.x.shape == (12000, *shape)
    assert (data.split == "test").sum() == 2000
    assert len(data.classes) == classes
    assert data.notes == ()
