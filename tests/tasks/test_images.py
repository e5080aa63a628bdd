from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from nassay.errors import UserError
from nassay.tasks.images import load_images

X = np.zeros((4, 20, 20), np.uint8)
Y = np.array([0, 1, 0, 1])


def test_every_kind_of_source(class_folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.NPZ.npz", x=X, y=Y)
    (tmp_path / "a.csv").write_text("path,label\ndata/cat/0.png,cat\ndata/dog/0.png,dog\n")
    dataset = TensorDataset(torch.zeros(2, 1, 4, 4), torch.tensor([0, 1]))
    data = load_images((X, Y))
    lengths = {
        "digits": 1797,
        class_folder: 8,
        str(class_folder): 8,
        tmp_path / "a.NPZ.npz": 4,
        tmp_path / "a.csv": 2,
        dataset: 2,
    }
    for source, length in lengths.items():
        assert len(load_images(source).x) == length
    assert load_images(data) is data
    assert len(load_images([X, Y]).x) == 4


def test_a_path_object_is_never_a_data_sets_name() -> None:
    with pytest.raises(UserError, match="no file or folder digits"):
        load_images(Path("digits"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/folder", "no file or folder no/such/folder. There is no data set called"),
        ("digit", "Did you mean digits"),
        (3, "found int"),
        ((X, Y, Y), "found tuple"),
    ],
)
def test_wrong_sources(source: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_images(source)
    assert caught.value.exit_code == 2


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"")
    with pytest.raises(UserError, match="expected a folder with one sub-folder for each class"):
        load_images(path)


@pytest.mark.parametrize("source", ["digits", (X, Y)], ids=["name", "pair"])
def test_a_shape_converts_and_is_noted(source: object) -> None:
    data = load_images(source, image_shape=(3, 10, 12))
    assert data.x.shape[1:] == (3, 10, 12)
    assert data.x.dtype == np.uint8
    assert data.notes[-1].endswith("to 3x10x12 (channels x height x width), bilinear.")
    facts = data.preprocessing
    assert (facts["channels"], facts["height"], facts["width"]) == (3, 10, 12)
    assert facts["resize"] == "bilinear with antialiasing, the whole image"


def test_the_own_shape_changes_nothing() -> None:
    data = load_images((X, Y))
    assert load_images(data, image_shape=(1, 20, 20)) is data


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(UserError, match="three positive whole numbers"):
        load_images("digits", image_shape=(8, 8))  # type: ignore[arg-type]
