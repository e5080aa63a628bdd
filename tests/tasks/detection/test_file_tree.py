import zipfile
from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.tasks.detection.file_tree import ImageIndex, file_tree, split_in, split_of_annotations


@pytest.fixture
def folder(tmp_path: Path, write_image) -> Path:
    for name in ("images/train/1.png", "images/val/1.png", "images/train/2.jpg", ".hidden/3.png", "images/.4.png"):
        write_image(f"data/{name}", color=(0, 0, 250) if "val" in name else (250, 0, 0))
    (tmp_path / "data" / "a.json").write_text("\ufeff{}", "utf-8")
    return tmp_path / "data"


@pytest.fixture
def archive(tmp_path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
        file.writestr("__MACOSX/images/train/1.png", b"")
    return tmp_path / "data.zip"


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_folder_and_archive_are_the_same(kind: str, request: pytest.FixtureRequest) -> None:
    tree = file_tree(request.getfixturevalue(kind))
    assert tree.names == ("a.json", "images/train/1.png", "images/train/2.jpg", "images/val/1.png")
    assert tree.images() == ["images/train/1.png", "images/train/2.jpg", "images/val/1.png"]
    assert tree.ending(".json") == ["a.json"]
    assert tree.text("a.json") == "{}"
    with tree.image("images/val/1.png") as image:
        assert image.getpixel((0, 0)) == (0, 0, 250)


def test_a_path_out_of_the_archive_is_a_name_and_nothing_else(tmp_path: Path, write_image) -> None:
    picture = write_image("source.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("../../outside.png", picture)
        file.writestr("/absolute.png", picture)
    before = sorted(tmp_path.parent.rglob("*"))
    tree = file_tree(tmp_path / "evil.zip")
    for name in tree.images():
        tree.image(name).load()
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_damage_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="cannot be read as a zip archive"):
        file_tree(tmp_path / "a.zip")
    (tmp_path / "text.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UserError, match="not text in UTF-8"):
        file_tree(tmp_path).text("text.json")


def test_a_file_that_unpacks_to_more_than_is_read(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nassay.tasks.detection.file_tree.LARGEST_IMAGE", 9)
    monkeypatch.setattr("nassay.tasks.detection.file_tree.LARGEST_TEXT", 1)
    with pytest.raises(OSError, match="larger than"):
        file_tree(archive).image("images/val/1.png")
    with pytest.raises(UserError, match="larger than"):
        file_tree(archive).text("a.json")


def test_a_damaged_member_is_told(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes().replace(b"IDAT", b"XXXX"))  # the pictures are stored as they are
    with pytest.raises(OSError, match="cannot be read: Bad CRC"):
        file_tree(archive).image("images/train/1.png")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("valid/labels/1.txt", "validation"),
        ("images/Train2017/1.jpg", "train"),
        ("test/val/1.jpg", "validation"),  # the inner folder
        ("images/test_drive_01.jpg", ""),
        ("train/test_drive_01.jpg", "train"),
        ("val.jpg", ""),
    ],
)
def test_the_split_that_folders_speak_of(name: str, split: str) -> None:
    assert split_in(name) == split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("annotations/instances_val2017.json", "validation"),
        ("train/_annotations.coco.json", "train"),
        ("train/test.json", "train"),
        ("annotations.json", ""),
        ("constraint/retest.json", ""),
        ("TEST.json", "test"),
    ],
)
def test_the_split_that_a_file_of_annotations_speaks_of(name: str, split: str) -> None:
    assert split_of_annotations(name) == split


def test_images_are_found_by_what_annotations_call_them(folder: Path, write_image) -> None:
    index = ImageIndex(file_tree(folder))
    assert index.find("train/1.png") == "images/train/1.png"
    assert index.find("val/1.png") == "images/val/1.png"
    assert index.find("1.png", "validation") == "images/val/1.png"
    assert index.find("1", "train") == "images/train/1.png"
    assert index.find("C:\\old\\2.png") == "images/train/2.jpg"  # converted since
    assert index.find("7.png") is None
    assert index.find("") is None
    write_image("data/a.b.png")
    assert ImageIndex(file_tree(folder)).find("a.b") == "a.b.png"
