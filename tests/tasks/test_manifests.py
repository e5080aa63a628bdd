from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.tasks.manifests import read_manifest


@pytest.fixture
def manifest(tmp_path: Path, write_image):
    """Write a manifest beside the images 1.png and sub/2.png."""
    write_image("1.png", color=(9, 0, 0))
    write_image("sub/2.png", color=(0, 9, 0))

    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "list.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_paths_are_relative_to_the_file(manifest) -> None:
    data = read_manifest(manifest("path,label\nsub/2.png,dog\n1.png,cat\n"))
    assert data.classes == ("cat", "dog")
    assert data.y.tolist() == [1, 0]
    assert data.x[:, :, 0, 0].tolist() == [[0, 9, 0], [9, 0, 0]]
    assert data.name == "list.csv"


def test_splits_spaces_case_and_a_byte_order_mark(manifest) -> None:
    text = "Label, Split ,PATH,extra\ncat,TRAIN,1.png,x\n\ndog,val,sub/2.png\ncat,,1.png,\n"
    data = read_manifest(manifest(text, "utf-8-sig"))
    assert data.split.tolist() == ["train", "validation", ""]
    assert data.y.tolist() == [0, 1, 0]


def test_a_class_whose_images_are_all_broken_is_told(manifest, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    lines = ["1.png,cat", "sub/2.png,dog"] * 10
    data = read_manifest(manifest("\n".join(["path,label", *lines, "broken.png,eel"])))
    assert data.classes == ("cat", "dog")
    assert data.notes[-1] == "list.csv: classes without an image are left out: eel."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file"),
        ("file,label\n1.png,cat\n", "found file, label"),
        ("path;label\n1.png;cat\n", "needs the columns path and label"),
        ("path,label\n", "lists no images"),
        ("path,label\n1.png,cat\nno.png,dog\n", r"1 of 2 listed files do not exist: .*no\.png"),
        ("path,label\n1.png,cat\n1.png,\n", "line 3: the path or the label is empty"),
        ("path,label\n1.png\n", "line 2: the path or the label is empty"),
        ("path,label,split\n1.png,cat,dev\n", "line 2: unknown split 'dev'; expected train, val"),
        ("path,label\n1.png,cat\n", "at least two classes, found 1: cat"),
    ],
)
def test_wrong_manifests(manifest, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_manifest(manifest(text))


def test_another_encoding_is_refused(manifest) -> None:
    with pytest.raises(UserError, match="UTF-8"):
        read_manifest(manifest("path,label\n1.png,kätzchen\n", "latin-1"))
