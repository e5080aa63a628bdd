import json
import math
from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.tasks.detection.coco_json import is_coco, is_records, parse_json, read_coco, read_records
from nassay.tasks.detection.file_tree import FileTree, file_tree

COCO = {
    "images": [{"id": 7, "file_name": "1.png", "width": 40, "height": 20}, {"id": 9, "file_name": "2.png"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 5, 20, 15]},
        {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 40, 20], "iscrowd": 1},
        {"id": 3, "image_id": 7, "category_id": 90, "bbox": [0, 0, 4, 2]},
        {"id": 4, "image_id": 7, "category_id": 1, "bbox": []},
        {"id": 5, "image_id": 7, "category_id": 1, "bbox": [0, 0, None, "3"]},
    ],
    "categories": [{"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}],
}


@pytest.fixture
def tree(tmp_path: Path, write_image) -> FileTree:
    for name in ("train/1.png", "train/2.png", "val/1.png"):
        write_image(f"data/images/{name}", size=(40, 20))
    return file_tree(tmp_path / "data")


def test_boxes_images_and_classes(tree: FileTree) -> None:
    (first, second), classes = read_coco(tree, {"annotations/instances_train.json": COCO})
    assert classes == ("cat", "dog")  # in the order of their ids
    assert (first.file, first.called, first.size, first.split) == ("images/train/1.png", "1.png", (40, 20), "train")
    assert (first.boxes[0].label, first.boxes[0].corners) == ("dog", (10, 5, 30, 20))
    assert [box.crowd for box in first.boxes] == [False, True, False, False, False]
    assert first.boxes[2].label == "number 90"
    assert all(map(math.isnan, first.boxes[3].corners))
    assert math.isnan(first.boxes[4].corners[2])
    assert (second.file, second.boxes, second.size) == ("images/train/2.png", (), None)


def test_a_file_for_each_split(tree: FileTree) -> None:
    files, _ = read_coco(tree, {"train.json": COCO, "val.json": {**COCO, "images": COCO["images"][:1]}})
    assert [(file.file, file.split) for file in files] == [
        ("images/train/1.png", "train"),
        ("images/train/2.png", "train"),
        ("images/val/1.png", "validation"),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.json", "b.json"),
        ("annotations/instances_train2017.json", "annotations/person_keypoints_train2017.json"),
        ("train.json", "test.json"),  # there is no images/test/2.png
    ],
)
def test_an_image_in_two_files_is_refused(tree: FileTree, first: str, second: str) -> None:
    """What is listed twice could be drawn into train and test."""
    with pytest.raises(UserError, match=rf"{first} and {second} both list images/train/[12]\.png"):
        read_coco(tree, {first: COCO, second: {**COCO, "images": COCO["images"][::-1]}})


@pytest.mark.parametrize(
    "changes",
    [
        {"images": [{"id": 1}]},
        {"annotations": [{"image_id": 7, "bbox": [0, 0, 1, 1]}]},
        {"categories": [3]},
        {"images": [5]},
    ],
)
def test_what_is_no_coco(tree: FileTree, changes: dict) -> None:
    with pytest.raises(UserError, match=r"a\.json is not as COCO's files are"):
        read_coco(tree, {"a.json": {**COCO, **changes}})


def test_how_contents_are_told_apart(tree: FileTree, tmp_path: Path) -> None:
    assert is_coco(COCO)
    assert not is_coco({"images": []})
    assert not is_coco([COCO])
    assert is_records(RECORDS)
    assert not is_records(COCO)
    (tmp_path / "data" / "good.json").write_text(json.dumps(COCO))
    (tmp_path / "data" / "bad.json").write_text("{")
    (tmp_path / "data" / "deep.json").write_text("[" * 100_000)
    assert parse_json(tree, "good.json") == COCO
    assert parse_json(tree, "bad.json") is None
    assert parse_json(tree, "deep.json") is None


RECORDS = {
    "names": {"0": "cat", "1": "dog"},
    "records": {
        "train": [
            {
                "file": "train/1.png",
                "width": 40,
                "height": 20,
                "objects": [{"label": "dog", "id": 1, "box": [10.5, 5, 30, 20]}],
            },
            {"file": "train/2.png", "width": 40, "height": 20, "labelled": False, "objects": []},
        ],
        "val": [{"file": "val/1.png", "width": 40, "height": 20, "objects": []}],
    },
}


def test_records_by_split(tree: FileTree) -> None:
    files, classes = read_records(tree, RECORDS)
    assert classes == ("cat", "dog")
    assert [(f.file, f.split, len(f.boxes)) for f in files] == [
        ("images/train/1.png", "train", 1),
        ("images/val/1.png", "validation", 0),
    ]
    assert files[0].boxes[0].corners == (10.5, 5, 30, 20)
    with pytest.raises(UserError, match="a record is not as expected: KeyError 'objects'"):
        read_records(tree, {"names": {}, "records": {"train": [{}]}})
