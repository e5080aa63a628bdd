from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.depth.sources import EMBEDDED, load_depth

X, DEPTH = np.zeros((3, 4, 6, 3), dtype=np.uint8), np.full((3, 4, 6), 2.0)


def test_arrays_archives_and_folders(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    np.savez(tmp_path / "frames.npz", rgb=X, depth=DEPTH)
    write_image("pairs/rgb/1.png")
    (tmp_path / "pairs/depth").mkdir()
    np.save(tmp_path / "pairs/depth/1.npy", np.full((8, 8), 2.0))
    for source in ((X, DEPTH), tmp_path / "frames.npz", str(tmp_path / "pairs")):
        assert np.all(load_depth(source).depth == 2.0)


def test_data_is_taken_as_it_is() -> None:
    data = load_depth((X, DEPTH))
    assert load_depth(data) is data


def test_an_image_shape_converts_both_and_says_so() -> None:
    data = load_depth((X, DEPTH), image_shape=(1, 8, 8))
    assert (data.x.shape, data.depth.shape) == ((3, 1, 8, 8), (3, 8, 8))
    assert "converted from 3x4x6 to 1x8x8" in data.notes[-1]
    assert [data.preprocessing[key] for key in ("channels", "height", "width")] == [1, 8, 8]


def test_a_scale_reaches_the_reader() -> None:
    assert load_depth((X, DEPTH), scale=0.5).depth[0, 0, 0] == 1.0


def test_the_embedded_data_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(EMBEDDED) == {"stereo"}
    monkeypatch.setitem(EMBEDDED, "stereo", lambda: load_depth((X, DEPTH)))
    assert load_depth("stereo", image_shape=(3, 8, 8)).x.shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("strero", "no file or folder strero.*Did you mean stereo"),
        (Path(__file__), "no source of images with depth"),
        (7, "found int"),
        ((X, X, X), "found tuple"),
    ],
)
def test_other_sources_are_refused(source: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_depth(source)
