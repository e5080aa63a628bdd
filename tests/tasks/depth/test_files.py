from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nassay.errors import UserError
from nassay.tasks.depth.files import find_pairs, is_sequence, natural, read_depth, read_folder, role_of


@pytest.fixture
def write_depth(tmp_path: Path) -> Callable[..., Path]:
    """Write one depth map of one value below tmp_path: write_depth("depth/1.png", 1500, size=(height, width))."""

    def write(name: str, value: float = 1500, size: tuple[int, int] = (8, 8)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npy":
            np.save(path, np.full(size, value))
        elif path.suffix == ".npz":
            np.savez(path, depth=np.full(size, value), confidence=np.ones(size))
        else:
            Image.fromarray(np.full(size, value, dtype=np.uint16)).save(path)
        return path

    return write


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("kitchen/rgb/0001.jpg", ("image", ("kitchen", "0001"))),
        ("kitchen/Depth/0001.png", ("depth", ("kitchen", "0001"))),
        ("frame-000001.color.png", ("image", ("frame-000001",))),
        ("frame-000001.depth.png", ("depth", ("frame-000001",))),
        ("seq/a_depth.npy", ("depth", ("seq", "a"))),
        ("depth/b_rgb.png", ("image", ("depth", "b"))),
        ("pose/0001.txt", (None, ("pose", "0001.txt"))),
        ("rgb.png", (None, ("rgb.png",))),
    ],
)
def test_names_say_what_a_file_is(path: str, expected: tuple[str | None, tuple[str, ...]]) -> None:
    assert role_of(Path(path)) == expected


def test_numbers_in_names_count_as_numbers() -> None:
    assert natural("frame9") < natural("frame10")
    assert natural("frame-000009.a") < natural("frame-000010.a")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["frame-0001", "frame-0002"], True),
        (["1", "2"], True),
        (["a_01_5", "a_02_6"], True),
        (["desk", "lamp"], False),
        (["a1", "b2"], False),
        (["1"], False),
    ],
)
def test_names_that_count_are_a_sequence(names: list[str], expected: bool) -> None:
    assert is_sequence(map(natural, names)) is expected


def test_pairs_by_folder_in_the_order_of_their_numbers(
    tmp_path: Path, write_image: Callable[..., Path], write_depth: Callable[..., Path]
) -> None:
    for i in (1, 2, 10):
        write_image(f"rgb/{i}.png", color=(i, 0, 0))
        write_depth(f"depth/{i}.png", 1000 * i)
    data = read_folder(tmp_path)
    assert data.x[:, 0, 0, 0].tolist() == [1, 2, 10]
    assert data.depth[:, 3, 3].tolist() == [1, 2, 10]
    assert data.sequence
    assert data.preprocessing["mode"] == "RGB"


def test_scenes_and_splits_are_folders(
    tmp_path: Path, write_image: Callable[..., Path], write_depth: Callable[..., Path]
) -> None:
    for place in ("train/desk", "train/door", "val/desk", "test/hall"):
        write_image(f"{place}/one.color.png")
        write_depth(f"{place}/one.depth.npy", 2.5)
    data = read_folder(tmp_path)
    found = set(zip(data.scene.tolist(), data.split.tolist(), strict=True))
    assert found == {("desk", "train"), ("door", "train"), ("desk", "validation"), ("hall", "test")}
    assert not data.sequence
    assert np.all(data.depth == 2.5)


def test_files_without_a_partner_are_named(
    tmp_path: Path, write_image: Callable[..., Path], write_depth: Callable[..., Path]
) -> None:
    write_image("rgb/1.png")
    write_image("rgb/2.png")
    write_depth("depth/1.npz", 1.0)
    (tmp_path / "pose.txt").write_text("1 0 0")
    pairs, notes = find_pairs(tmp_path)
    assert [pair.image.name for pair in pairs] == ["1.png"]
    assert notes == ["2 files that are not used: pose.txt, rgb/2.png."]


def test_a_name_that_stands_for_two_files_is_refused(
    tmp_path: Path, write_image: Callable[..., Path], write_depth: Callable[..., Path]
) -> None:
    write_image("rgb/1.png")
    write_image("rgb/1.jpg")
    write_depth("depth/1.png")
    with pytest.raises(UserError, match=r"1\.(jpg|png) and 1\.(jpg|png) would both be the image of 1"):
        find_pairs(tmp_path)


def test_a_folder_without_pairs_says_what_is_expected(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    write_image("cats/1.png")
    with pytest.raises(UserError, match="found 0 images and 0 depth maps, and cats"):
        find_pairs(tmp_path)


def test_depth_of_another_size_is_brought_to_the_images(
    tmp_path: Path, write_image: Callable[..., Path], write_depth: Callable[..., Path]
) -> None:
    write_image("rgb/1.png", size=(16, 8))
    write_depth("depth/1.png", 4000, size=(4, 8))
    data = read_folder(tmp_path)
    assert data.x.shape == (1, 3, 8, 16)
    assert np.all(data.depth == np.full((1, 8, 16), 4.0))
    assert any("1 of 1 depth maps, 4x8 pixels" in note for note in data.notes)


def test_an_image_shape_holds_for_both(
    tmp_path: Path, write_image: Callable[..., Path], write_depth: Callable[..., Path]
) -> None:
    write_image("rgb/1.png")
    write_depth("depth/1.png")
    data = read_folder(tmp_path, shape=(1, 16, 24))
    assert (data.x.shape, data.depth.shape) == ((1, 1, 16, 24), (1, 16, 24))


def test_a_picture_of_eight_bits_is_no_depth(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    write_image("rgb/1.png")
    write_image("depth/1.png", mode="L", color=90)
    with pytest.raises(UserError, match="1 of 1 depth maps cannot be read.*the mode L, 8 bits a channel.*millimetres"):
        read_folder(tmp_path)


def test_a_few_damaged_maps_are_skipped_and_named(
    tmp_path: Path, write_image: Callable[..., Path], write_depth: Callable[..., Path]
) -> None:
    for i in range(20):
        write_image(f"rgb/{i}.png")
        write_depth(f"depth/{i}.png").touch()
    (tmp_path / "depth/7.png").write_bytes(b"no picture")
    data = read_folder(tmp_path)
    assert len(data.x) == len(data.depth) == 19
    (note,) = [note for note in data.notes if "cannot be read" in note]
    assert note.startswith("1 of 20 depth maps cannot be read, the first is depth/7.png: ")
    (tmp_path / "depth/8.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="2 of 20 depth maps cannot be read"):
        read_folder(tmp_path)


def test_maps_are_plain_numbers(tmp_path: Path) -> None:
    for name, value in (("a.npy", np.ones((2, 3, 4))), ("b.npy", np.full((2, 2), "x"))):
        np.save(tmp_path / name, value)
        with pytest.raises(ValueError, match=r"a depth map is a \(H, W\) array of numbers"):
            read_depth(tmp_path / name)
    np.savez(tmp_path / "c.npz", near=np.ones((2, 2)), far=np.ones((2, 2)))
    with pytest.raises(ValueError, match="expected one, or one called depth"):
        read_depth(tmp_path / "c.npz")
    np.save(tmp_path / "d.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match="pickle"):
        read_depth(tmp_path / "d.npy")


def test_a_channel_axis_of_one_is_dropped(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((1, 2, 3), 500, dtype=np.int32))
    assert read_depth(tmp_path / "a.npy").tolist() == [[0.5] * 3] * 2
    assert read_depth(tmp_path / "a.npy", scale=1.0).tolist() == [[500.0] * 3] * 2
