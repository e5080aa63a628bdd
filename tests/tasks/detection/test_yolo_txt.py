import math
from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.tasks.detection.file_tree import file_tree
from nassay.tasks.detection.yolo_txt import read_yolo


@pytest.fixture
def folder(tmp_path: Path, write_image) -> Path:
    for name in ("train/1", "train/2", "val/3"):
        write_image(f"data/images/{name}.jpg")
        label = tmp_path / "data" / "labels" / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("1 0.5 0.5 0.5 0.25\n\n")
    (tmp_path / "data" / "data.yaml").write_text("train: images/train\nnames: [cat, dog]\n")
    return tmp_path / "data"


def test_boxes_splits_and_classes(folder: Path) -> None:
    found = read_yolo(file_tree(folder))
    assert found is not None
    files, classes = found
    assert classes == ("cat", "dog")
    assert [(f.file, f.split) for f in files] == [
        ("images/train/1.jpg", "train"),
        ("images/train/2.jpg", "train"),
        ("images/val/3.jpg", "validation"),
    ]
    assert (files[0].boxes[0].label, files[0].boxes[0].corners) == ("dog", (0.25, 0.375, 0.75, 0.625))
    assert files[0].size == (1, 1)


def first_box(folder: Path, line: str):
    (folder / "labels" / "train" / "1.txt").write_text(line)
    found = read_yolo(file_tree(folder))
    assert found is not None
    (box,) = found[0][0].boxes
    return box


def test_polygons(folder: Path) -> None:
    assert first_box(folder, "0 0.1 0.5 0.3 0.2 0.2 0.9").corners == (0.1, 0.2, 0.3, 0.9)


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.5", "0 0.5 0.5 x 0.5", "0 0.5 0.5 0.5 0.5 0.9", "0"])
def test_broken_lines_have_no_coordinates(folder: Path, line: str) -> None:
    assert all(map(math.isnan, first_box(folder, line).corners))


@pytest.mark.parametrize("kind", ["2", "-1", "cat"])
def test_unknown_classes(folder: Path, kind: str) -> None:
    assert first_box(folder, f"{kind} 0.5 0.5 0.5 0.25").label == f"number {kind}"


def test_an_image_without_labels_has_no_objects(folder: Path) -> None:
    (folder / "labels" / "train" / "1.txt").unlink()
    found = read_yolo(file_tree(folder))
    assert found is not None
    assert [len(f.boxes) for f in found[0]] == [0, 1, 1]


def test_labels_beside_their_images(tmp_path: Path, write_image) -> None:
    write_image("data/train/1.jpg")
    (tmp_path / "data" / "train" / "1.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / "data" / "classes.txt").write_text("cat\n dog\n")
    found = read_yolo(file_tree(tmp_path / "data"))
    assert found is not None
    assert (found[1], found[0][0].split, found[0][0].boxes[0].label) == (("cat", "dog"), "train", "cat")


@pytest.mark.parametrize(
    ("text", "classes"), [("names:\n  0: cat\n  1: dog", ("cat", "dog")), ("names: [7, true]", ("7", "True"))]
)
def test_names_in_yaml(folder: Path, text: str, classes: tuple[str, ...]) -> None:
    (folder / "data.yaml").write_text(text)
    found = read_yolo(file_tree(folder))
    assert found is not None
    assert found[1] == classes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: {0: cat, 2: dog}", r"numbered 0, 1, 2, \.\.\., found \[0, 2\]"),
        ("names: {0: cat, '1': dog}", r"numbered 0, 1, 2, \.\.\., found \[0, '1'\]"),
        ("names: [", r"data\.yaml is not YAML"),
        ("path: x", "no class names"),
        ("!!python/object/apply:os.system ['true']", r"data\.yaml is not YAML"),
    ],
)
def test_names_that_are_none(folder: Path, text: str, message: str) -> None:
    (folder / "data.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_yolo(file_tree(folder))


def test_text_files_that_belong_to_no_image(tmp_path: Path, write_image) -> None:
    write_image("data/1.jpg")
    (tmp_path / "data" / "readme.txt").write_text("hello")
    assert read_yolo(file_tree(tmp_path / "data")) is None
