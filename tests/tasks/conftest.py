"""Tiny images on the fly."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

WriteImage = Callable[..., Path]


@pytest.fixture
def write_image(tmp_path: Path) -> WriteImage:
    """Write one image of one colour below tmp_path: write_image("a/1.png", size=(width, height), mode=, color=)."""

    def write(
        name: str, *, size: tuple[int, int] = (8, 8), mode: str = "RGB", color: object = (255, 0, 0), **options: object
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, color).save(path, **options)
        return path

    return write


@pytest.fixture
def class_folder(tmp_path: Path, write_image: WriteImage) -> Path:
    """A folder of two classes with four red or green 8x8 images each."""
    for label, color in (("cat", (255, 0, 0)), ("dog", (0, 255, 0))):
        for i in range(4):
            write_image(f"data/{label}/{i}.png", color=color)
    return tmp_path / "data"
