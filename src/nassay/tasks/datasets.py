"""Data sets with a name: small ones that need no download."""

from collections.abc import Callable

import numpy as np

from nassay.registry import Registry
from nassay.tasks.image_data import ImageData

datasets: Registry[Callable[[], ImageData]] = Registry("dataset")


@datasets.register("digits", images=1797, classes=10, shape=(1, 8, 8), paper="Alpaydin & Kaynak 1998, UCI Optdigits")
def digits() -> ImageData:
    """Handwritten digits, 1797 grey images of 8x8 pixels in 10 classes, shipped with scikit-learn."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = np.rint(images.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    return ImageData(
        x,
        labels.astype(np.int64),
        classes=tuple(str(digit) for digit in range(10)),
        name="digits",
        notes=("digits: the source's grey values 0..16 are scaled to 0..255.",),
    )
