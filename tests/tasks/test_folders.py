from pathlib import Path

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.folders import is_image, read_folder


def test_sub_folders_are_classes(class_folder: Path) -> None:
    data = read_folder(class_folder)
    assert data.classes == ("cat", "dog")
    assert data.y.tolist() == [0] * 4 + [1] * 4
    assert data.x.shape == (8, 3, 8, 8)
    assert data.x[0, :, 0, 0].tolist() == [255, 0, 0]
    assert data.x[7, :, 0, 0].tolist() == [0, 255, 0]
    assert (data.split == "").all()
    assert (data.name, data.notes) == ("data", ())


@pytest.mark.parametrize("validation", ["val", "valid", "Validation"])
def test_splits_above_the_classes(tmp_path: Path, write_image, validation: str) -> None:
    for split in ("Train", validation, "TEST"):
        for label in ("cat", "dog"):
            write_image(f"data/{split}/{label}/1.png")
    data = read_folder(tmp_path / "data")
    assert data.classes == ("cat", "dog")
    assert sorted(data.split) == ["test", "test", "train", "train", "validation", "validation"]


def test_without_a_train_folder_test_is_a_class(tmp_path: Path, write_image) -> None:
    write_image("data/test/1.png")
    write_image("data/trial/1.png")
    data = read_folder(tmp_path / "data")
    assert data.classes == ("test", "trial")
    assert data.split.tolist() == ["", ""]


@pytest.mark.parametrize("extension", ["png", "PNG", "jpg", "JPeG", "bmp", "gif", "tif", "TIFF", "webp", "ppm"])
def test_extensions_of_any_case(tmp_path: Path, write_image, extension: str) -> None:
    write_image(f"data/a/1.{extension}")
    write_image(f"data/b/deep/er/1.{extension}")
    assert len(read_folder(tmp_path / "data").x) == 2


@pytest.mark.parametrize("name", ["a.txt", "a", "a.eps", "a.pdf", "a.h5"])
def test_what_is_not_read(name: str) -> None:
    assert not is_image(Path(name))


def test_hidden_files_are_left_out_and_others_named(class_folder: Path, write_image) -> None:
    for name in ("cat/.hidden.png", ".cache/1.png", "cat/.thumbs/1.png"):
        write_image(f"data/{name}")
    (class_folder / "cat" / "notes.txt").write_text("x")
    (class_folder / "readme.md").write_text("x")
    data = read_folder(class_folder)
    assert len(data.x) == 8
    assert data.notes == (f"2 files that are not used: {Path('cat/notes.txt')}, readme.md.",)


def test_folders_beside_the_splits_are_named(tmp_path: Path, write_image) -> None:
    for name in ("train/a/1.png", "train/b/1.png", "train/loose.png", "unlabelled/1.png"):
        write_image(f"data/{name}")
    data = read_folder(tmp_path / "data")
    assert len(data.x) == 2
    assert data.notes == ("2 files that are not used: train/loose.png, unlabelled/.",)


def test_a_folder_without_class_folders(tmp_path: Path, write_image) -> None:
    with pytest.raises(UserError, match="no images in class folders.*an empty folder"):
        read_folder(tmp_path)
    write_image("1.png")
    with pytest.raises(UserError, match=r"found 1\.png"):
        read_folder(tmp_path)


def test_a_single_class_and_the_folder_that_was_meant(tmp_path: Path, write_image) -> None:
    write_image("data/images/cat/1.png")
    write_image("data/images/dog/1.png")
    with pytest.raises(UserError, match=r"a single class, images;.* sub-folders are cat, dog: .*give .*images\.$"):
        read_folder(tmp_path / "data")
    assert read_folder(tmp_path / "data" / "images").classes == ("cat", "dog")


def test_a_class_whose_images_are_all_broken_is_gone(class_folder: Path, write_image) -> None:
    for i in range(40):
        write_image(f"data/dog/more{i}.png")
    (class_folder / "ape").mkdir()
    (class_folder / "ape" / "1.jpg").write_bytes(b"broken")
    data = read_folder(class_folder)
    assert data.classes == ("cat", "dog")
    assert np.bincount(data.y).tolist() == [4, 44]
    assert f"{Path('ape/1.jpg')} (" in data.notes[0]
    assert data.notes[1:] == ("data: classes without an image are left out: ape.",)


def test_a_class_folder_without_images_is_told(class_folder: Path) -> None:
    (class_folder / "eel").mkdir()
    (class_folder / "ape").mkdir()
    assert read_folder(class_folder).notes == ("data: classes without an image are left out: ape, eel.",)


def test_a_class_that_another_split_has_is_there(tmp_path: Path, write_image) -> None:
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png"):
        write_image(f"data/{name}")
    (tmp_path / "data" / "test" / "b").mkdir()
    assert read_folder(tmp_path / "data").notes == ()


def test_a_shape_is_passed_on(class_folder: Path) -> None:
    assert read_folder(class_folder, shape=(1, 4, 6)).x.shape == (8, 1, 4, 6)
