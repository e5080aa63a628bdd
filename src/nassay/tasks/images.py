"""Labelled images from wherever the user keeps them."""

from typing import Any

from nassay.tasks.datasets import datasets
from nassay.tasks.image_data import ImageData


def load_images(source: Any, *, image_shape: tuple[int, int, int] | None = None) -> ImageData:
    """Read labelled images."""
    assert image_shape is None
    if isinstance(source, ImageData):
        return source
    return datasets[str(source)].target()
