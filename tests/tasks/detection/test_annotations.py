import math
from pathlib import Path

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.detection.annotations import AnnotatedFile, Box, read_annotated
from nassay.tasks.detection.box_data import BoxData
from nassay.tasks.detection.file_tree import file_tree

GOOD = Box("cat", (0, 0, 20, 10))


@pytest.fixture
def read(tmp_path: Path, write_image):
    """read(boxes of the first of n images of 40x20 pixels, n=, ...) -> BoxData; the other images have twenty each."""

    def make(*boxes: Box, n: int = 2, size: tuple[float, float] | None = (40, 20), **options) -> BoxData:
        for i in range(n):
            write_image(f"data/{i}.png", size=(40, 20))
        files = [AnnotatedFile(f"{i}.png", f"{i}.png", (GOOD,) * 20, (40, 20), "") for i in range(1, n)]
        first = AnnotatedFile("0.png", "0.png", boxes, size, "train")
        return read_annotated(file_tree(tmp_path / "data"), [first, *files], ("cat", "dog"), **options)

    return make


def test_boxes_become_fractions(read) -> None:
    data = read(Box("dog", (10, 5, 30, 20)))
    assert data.y[0, 0].tolist() == [1, 0.25, 0.25, 0.75, 1.0]
    assert data.x.shape == (2, 3, 20, 40)
    assert data.split.tolist() == ["train", ""]
    assert data.notes == ()


def test_fractions_and_the_files_own_pixels(read) -> None:
    assert read(Box("dog", (0.25, 0.25, 0.75, 1.0)), size=(1, 1)).y[0, 0].tolist() == [1, 0.25, 0.25, 0.75, 1.0]
    assert read(Box("dog", (10, 5, 30, 20)), size=None).y[0, 0].tolist() == [1, 0.25, 0.25, 0.75, 1.0]
    assert read(Box("dog", (20, 10, 60, 40)), size=(80, 40)).y[0, 0].tolist() == [1, 0.25, 0.25, 0.75, 1.0]


@pytest.mark.parametrize("size", [(0, 20), (40, 0), (0, 0), (-40, 20), (math.nan, 20)])
def test_an_image_that_has_no_size_by_its_annotation_is_skipped(read, size: tuple[float, float]) -> None:
    data = read(GOOD, n=20, size=size)
    assert len(data.x) == 19
    assert data.notes[0] == f"1 of 20 annotated images are skipped: 0.png ({size[0]:g}x{size[1]:g} stated)."
    with pytest.raises(UserError, match=r"1 of 2 annotated images .* stated \(at most 5% are skipped\): 0\.png"):
        read(GOOD, size=size)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (Box("cat", (math.nan, 0, 5, 5)), "coordinates that are no finite numbers"),
        (Box("cat", (0, 0, math.inf, 5)), "coordinates that are no finite numbers"),
        (Box("cat", (5, 0, 5, 5)), "no area"),
        (Box("cat", (9, 0, 5, 5)), "no area"),
        (Box("cat", (40, 0, 50, 5)), "wholly outside the image"),
        (Box("cat", (-9, 0, -1, 5)), "wholly outside the image"),
        (Box("cow", (0, 0, 5, 5)), "unknown class cow"),
    ],
)
def test_a_broken_box_is_dropped_and_told(read, box: Box, reason: str) -> None:
    data = read(box)
    assert (data.y[0, :, 0] == -1).all()
    assert data.notes == (f"1 of 21 boxes are broken and dropped: 1 {reason}: 0.png.",)


def test_too_many_broken_boxes_are_refused(read) -> None:
    with pytest.raises(
        UserError, match=r"2 of 22 boxes are broken \(9%; at most 5% are dropped\): 2 no area: 0.png, 0.png"
    ):
        read(Box("cat", (5, 0, 5, 5)), Box("cat", (6, 0, 6, 5)))


def test_a_box_that_stands_out_is_cut(read) -> None:
    data = read(Box("cat", (-10, 5, 20, 30)), Box("dog", (-0.5, 0, 40.5, 20)))
    assert data.y[0, :2].tolist() == [[0, 0, 0.25, 0.5, 1], [1, 0, 0, 1, 1]]
    assert data.notes == ("1 boxes stand out of their image and are cut: 0.png.",)  # half a pixel is not worth a word


def test_small_boxes_and_crowds_are_left_out(read) -> None:
    crowd = Box("cat", (0, 0, 40, 20), crowd=True)
    data = read(Box("cat", (0, 0, 3, 9)), Box("cat", (0, 0, 9, 9)), crowd, shape=(3, 10, 10))
    assert (data.y[0, :, 0] >= 0).sum() == 1  # 3 of 40 pixels are less than one of 10
    assert data.notes[-2:] == (
        "1 boxes of less than a pixel at the converted size are left out.",
        "1 crowd regions are left out.",
    )


def test_images_missing_or_of_another_shape_are_skipped(read, tmp_path: Path, write_image) -> None:
    read(GOOD, n=40)
    tree = file_tree(tmp_path / "data")
    files = [AnnotatedFile(f"{i}.png", f"{i}.png", (GOOD,), (40, 20), "") for i in range(40)]
    lost = AnnotatedFile(None, "lost.png", (GOOD,), (40, 20), "")
    turned = AnnotatedFile("3.png", "3.png", (GOOD,), (20, 40), "")
    data = read_annotated(tree, [*files, lost, turned], ("cat",))
    assert len(data.x) == 40
    assert data.notes == (
        "2 of 42 annotated images are skipped: lost.png (no such file), 3.png (20x40 stated, 40x20 found).",
    )
    with pytest.raises(UserError, match="3 of 4 annotated images are missing"):
        read_annotated(tree, [files[0], lost, lost, turned], ("cat",))
    with pytest.raises(UserError, match="there are none"):
        read_annotated(tree, [], ("cat",))


def test_a_turned_photograph(tmp_path: Path, write_image) -> None:
    """Boxes are measured in the picture as it is shown."""
    exif = __import__("PIL.Image", fromlist=["Exif"]).Exif()
    exif[274] = 6
    write_image("data/0.jpg", size=(40, 20), exif=exif)
    file = AnnotatedFile("0.jpg", "0.jpg", (Box("cat", (0, 0, 10, 20)),), (20, 40), "")
    data = read_annotated(file_tree(tmp_path / "data"), [file], ("cat",))
    assert data.x.shape == (1, 3, 40, 20)
    assert data.y[0, 0].tolist() == [0, 0, 0, 0.5, 0.5]


def test_classes_that_occur_where_none_are_declared(tmp_path: Path, write_image) -> None:
    write_image("data/0.png", size=(40, 20))
    file = AnnotatedFile("0.png", "0.png", (Box("dog", (0, 0, 9, 9)), Box("ant", (0, 0, 9, 9))), (40, 20), "")
    data = read_annotated(file_tree(tmp_path / "data"), [file], None)
    assert data.classes == ("ant", "dog")
    assert data.y[0, :, 0].tolist() == [1, 0]


def test_an_image_that_cannot_be_decoded_takes_its_boxes_along(read, tmp_path: Path) -> None:
    read(GOOD, n=30)
    (tmp_path / "data" / "4.png").write_bytes(b"broken")
    files = [AnnotatedFile(f"{i}.png", f"{i}.png", (Box("cat", (0, 0, i + 1, 9)),), (40, 20), "") for i in range(30)]
    data = read_annotated(file_tree(tmp_path / "data"), files, ("cat",))
    assert np.allclose(data.y[:, 0, 3] * 40, [i + 1 for i in range(30) if i != 4])
    assert "1 of 30 images cannot be decoded and are skipped: 4.png" in data.notes[0]
