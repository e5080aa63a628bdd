import math
from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.tasks.detection.file_tree import file_tree
from nassay.tasks.detection.voc_xml import read_voc

OBJECT = "<object><name>{}</name><difficult>1</difficult><bndbox>{}</bndbox></object>"
CORNERS = "<xmin>10</xmin><ymin>5</ymin><xmax>30.5</xmax><ymax>20</ymax>"
SIZE = "<size><width>40</width><height>20</height><depth>3</depth></size>"


@pytest.fixture
def write(tmp_path: Path, write_image):
    """write(stem, content): an xml file and its image."""

    def make(stem: str, content: str, folder: str = "Annotations") -> Path:
        write_image(f"data/JPEGImages/{stem}.jpg", size=(40, 20))
        path = tmp_path / "data" / folder / f"{stem}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return tmp_path / "data"

    return make


def test_boxes(write) -> None:
    objects = OBJECT.format("dog", CORNERS) + OBJECT.format(" cat ", "<xmin>x</xmin>")
    folder = write("a", f"<annotation><filename>a.jpg</filename>{SIZE}{objects}</annotation>")
    (found,) = read_voc(file_tree(folder))
    assert (found.file, found.size, found.split) == ("JPEGImages/a.jpg", (40, 20), "")
    assert (found.boxes[0].label, found.boxes[0].corners) == ("dog", (10, 5, 30.5, 20))
    assert found.boxes[1].label == "cat"
    assert all(map(math.isnan, found.boxes[1].corners))


def test_without_a_size_the_file_has_it(write) -> None:
    write("a", "<annotation/>")
    zero = SIZE.replace("40", "0")
    folder = write("b", f"<annotation>{zero}</annotation>")
    assert [found.size for found in read_voc(file_tree(folder))] == [None, None]


def test_an_image_called_otherwise(write) -> None:
    folder = write("a", "<annotation><filename>a.jpg</filename></annotation>")
    (folder / "Annotations" / "a.xml").rename(folder / "Annotations" / "0001.xml")
    (found,) = read_voc(file_tree(folder))
    assert found.file == "JPEGImages/a.jpg"
    (folder / "JPEGImages" / "a.jpg").unlink()
    (found,) = read_voc(file_tree(folder))
    assert found.file is None


def test_splits_by_list_and_by_folder(write) -> None:
    for stem in "abc":
        folder = write(stem, "<annotation/>")
    write("d", "<annotation/>", folder="test/xml")
    sets = folder / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    (sets / "train.txt").write_text("a\n\n")
    (sets / "val.txt").write_text("b 1\n")
    (sets / "cat_val.txt").write_text("c 1\n")
    assert [found.split for found in read_voc(file_tree(folder))] == ["train", "validation", "", "test"]


def test_other_xml_is_no_annotation(write) -> None:
    folder = write("a", "<settings/>")
    assert read_voc(file_tree(folder)) == []


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbb"><!ENTITY c "&b;&b;&b;">]><annotation>&c;</annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><annotation>&b;</annotation>'


@pytest.mark.parametrize("content", ["<annotation>", "", BOMB, OUTSIDE])
def test_what_is_broken_or_dangerous_is_refused(write, content: str) -> None:
    folder = write("a", content)
    with pytest.raises(UserError, match=r"Annotations/a\.xml cannot be read as xml"):
        read_voc(file_tree(folder))
