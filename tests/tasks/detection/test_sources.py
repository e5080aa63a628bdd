import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.tasks.detection.sources import EMBEDDED, load_boxes


@pytest.fixture
def folder(tmp_path: Path, write_image) -> Path:
    """Two images of 40x20 pixels whose one box is their left half."""
    for i in range(2):
        write_image(f"data/images/{i}.png", size=(40, 20))
    return tmp_path / "data"


def coco(folder: Path) -> None:
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 40, "height": 20} for i in range(2)],
        "annotations": [{"image_id": i, "category_id": 0, "bbox": [0, 0, 20, 20]} for i in range(2)],
        "categories": [{"id": 0, "name": "cat"}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))


def records(folder: Path) -> None:
    one = {"width": 40, "height": 20, "objects": [{"label": "cat", "box": [0, 0, 20, 20]}]}
    content = {"names": {"0": "cat"}, "records": {"": [{"file": f"{i}.png", **one} for i in range(2)]}}
    (folder / "annotations.json").write_text(json.dumps(content))


def voc(folder: Path) -> None:
    box = "<bndbox><xmin>0</xmin><ymin>0</ymin><xmax>20</xmax><ymax>20</ymax></bndbox>"
    for i in range(2):
        (folder / f"{i}.xml").write_text(f"<annotation><object><name>cat</name>{box}</object></annotation>")


def yolo(folder: Path) -> None:
    (folder / "labels").mkdir()
    for i in range(2):
        (folder / "labels" / f"{i}.txt").write_text("0 0.25 0.5 0.5 1")
    (folder / "data.yaml").write_text("names: [cat]")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("write", [coco, records, voc, yolo])
def test_every_format_as_folder_and_as_archive(folder: Path, write, zipped: bool) -> None:
    write(folder)
    path = folder
    if zipped:
        path = folder.with_suffix(".zip")
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.rglob("*"):
                archive.write(file, file.relative_to(folder.parent))
    data = load_boxes(path)
    assert data.y.tolist() == [[[0, 0, 0, 0.5, 1]]] * 2
    assert (data.classes, data.x.shape, data.name) == (("cat",), (2, 3, 20, 40), path.name)
    assert data.notes == ()


def test_a_shape(folder: Path) -> None:
    yolo(folder)
    assert load_boxes(folder, image_shape=(1, 8, 8)).x.shape == (2, 1, 8, 8)
    x, y = np.zeros((1, 3, 20, 40), np.uint8), [[[0, 0, 0, 20, 20]]]
    data = load_boxes((x, y), image_shape=(1, 10, 10))
    assert data.x.shape == (1, 1, 10, 10)
    assert data.y[0, 0].tolist() == [0, 0, 0, 0.5, 1]
    assert data.preprocessing["resize"].startswith("bilinear")
    assert "converted from 3x20x40 to 1x10x10" in data.notes[-1]


def test_arrays_and_boxes_in_pixels() -> None:
    x = np.zeros((2, 20, 40, 3), np.uint8)
    data = load_boxes((x, [np.array([[1, 10, 5, 30, 20]]), np.empty((0, 5))]))
    assert data.x.shape == (2, 3, 20, 40)
    assert data.y[0, 0].tolist() == [1, 0.25, 0.25, 0.75, 1]
    assert data.classes == ("0", "1")
    tensor = torch.tensor([[[0.0, 0, 0, 40, 20], [-1, 0, 0, 0, 0]]] * 2)
    assert load_boxes((torch.zeros(2, 3, 20, 40), tensor)).y.tolist() == [[[0, 0, 0, 1, 1]]] * 2
    with pytest.raises(UserError, match="boxes for each of 2 images, found 1 lists"):
        load_boxes((x, [np.array([[1, 10, 5, 30, 20]])]))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[[0, 0, 4, 4]], []], r"boxes are \(m, 5\) numbers for each image, class and .*, found \(1, 4\)"),
        ([[[0, 0, 4, 4]] * 5, []], r"found \(5, 4\)"),
        ([[0, 0, 0, 4, 4], []], r"found \(5,\)"),
        ([[[0, 0, 0, 4, 4], [0, 0]], []], "cannot be read"),
        ([[[0, 0, 0, 4, "x"]], []], "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_boxes_that_are_none(boxes: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_boxes((np.zeros((2, 3, 20, 40), np.uint8), boxes))


def test_what_is_no_source(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no boxes that are known.*found 2 files: images/0\.png, images/1\.png"):
        load_boxes(folder)
    with pytest.raises(UserError, match="There is no file or folder composite.*Did you mean composites"):
        load_boxes("composite")
    with pytest.raises(UserError, match="found int"):
        load_boxes(3)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match="cannot be read as a zip archive"):
        load_boxes(tmp_path / "a.txt")


def test_a_folder_of_the_name_of_embedded_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yolo(folder)
    os.rename(folder, folder.parent / "composites")
    monkeypatch.chdir(folder.parent)
    monkeypatch.setitem(
        EMBEDDED, "composites", lambda seed: load_boxes((np.zeros((1, 3, 8, 8), np.uint8), [[[0, 0, 0, 4, 4]]]))
    )
    assert load_boxes("composites").name == "arrays"
    assert load_boxes("./composites").name == "composites"


def test_the_data_of_256_photographs() -> None:
    path = Path(os.environ.get("NASSAY_DATA", "nowhere")) / "images" / "coco256_320.zip"
    if not path.exists():
        pytest.skip("NASSAY_DATA has no images/coco256_320.zip")
    data = load_boxes(path, image_shape=(3, 64, 64))
    assert data.x.shape == (254, 3, 64, 64)  # two images of 256 nobody labelled
    assert len(data.classes) == 80
    assert 1600 < (data.y[..., 0] >= 0).sum() <= 929 + 898  # some are less than a pixel
