import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.depth.archive import read_archive


def write(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "frames.npz", **arrays)
    return folder / "frames.npz"


RGB = np.zeros((2, 4, 6, 3), dtype=np.uint8)


def test_millimetres_with_scenes(tmp_path: Path) -> None:
    depth = np.full((2, 4, 6), 1500, dtype=np.uint16)
    data = read_archive(write(tmp_path, rgb=RGB, depth_mm=depth, source=np.array(["a", "b"])))
    assert np.all(data.depth == 1.5)
    assert data.scene.tolist() == ["a", "b"]
    assert data.name == "frames.npz"
    assert data.sequence


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("depth_mm", np.float32, 0.002),
        ("depth_m", np.uint16, 2.0),
        ("depth", np.uint16, 0.002),
        ("depth", np.float32, 2.0),
        ("y", np.float64, 2.0),
    ],
)
def test_names_and_types_say_the_unit(tmp_path: Path, name: str, dtype: Any, expected: float) -> None:
    data = read_archive(write(tmp_path, x=RGB, **{name: np.full((2, 4, 6), 2, dtype=dtype)}))
    assert data.depth[0, 0, 0] == pytest.approx(expected)


def test_a_scale_overrides_names(tmp_path: Path) -> None:
    path = write(tmp_path, images=RGB, depth_mm=np.full((2, 4, 6), 2000, dtype=np.uint16))
    assert read_archive(path, scale=0.01).depth[0, 0, 0] == pytest.approx(20)


def test_splits_and_what_is_not_used(tmp_path: Path) -> None:
    data = read_archive(
        write(tmp_path, rgb=RGB, depth=np.ones((2, 4, 6)), split=np.array(["train", "test"]), pose=np.ones(3))
    )
    assert data.split.tolist() == ["train", "test"]
    assert data.notes[0] == "frames.npz: arrays that are not used: pose."


def test_unknown_names_are_listed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found rgb, z; expected rgb or images"):
        read_archive(write(tmp_path, rgb=RGB, z=np.ones((2, 4, 6))))


def test_real_frames_of_a_depth_camera() -> None:
    folder = os.environ.get("NASSAY_DATA")
    path = Path(folder or "", "images", "rgbd_160x120.npz")
    if folder is None or not path.exists():
        pytest.skip(f"NASSAY_DATA has no {path.name}")
    data = read_archive(path)
    assert data.x.shape == (140, 3, 120, 160)
    assert len(set(data.scene.tolist())) >= 2
    valid = data.depth[data.depth > 0]
    assert valid.min() > 0.3
    assert 1 < np.median(valid) < 4
