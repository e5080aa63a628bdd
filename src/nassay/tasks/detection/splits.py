"""Train, validation and test of images with boxes: the source's own, else drawn from a seed; classes that train has."""

import numpy as np

from nassay.errors import UserError
from nassay.tasks.detection.box_data import NO_OBJECT
from nassay.tasks.image_data import first_few
from nassay.tasks.splits import TEST_SHARE, VALIDATION_SHARE


def draw_splits(split: np.ndarray, *, seed: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give every image a split.

    A missing test split takes 20 % of train, then a missing validation split takes 20 % of what is left (rounded, at
    least one image). Images without a split count as train. Classes play no part: an image has many.

    Args:
        split: (N,) "train", "validation", "test" or "".
        seed: of the draws.

    Returns:
        (N,) strings without "", and the note on how they came about.

    Raises:
        UserError: train would be empty.
    """
    result = np.where(split == "", "train", split).astype("U10")
    missing = [name for name in ("test", "validation") if not (split == name).any()]
    train = np.random.default_rng(seed).permutation(np.flatnonzero(result == "train"))
    if len(train) <= len(missing):
        raise UserError(f"At least {1 + len(missing)} training images are needed, found {len(train)}. Add images.")
    for name, share in (("test", TEST_SHARE), ("validation", VALIDATION_SHARE)):
        if name in missing:
            count = max(1, round(share * len(train)))
            result[train[:count]], train = name, train[count:]
    counts = ", ".join(f"{(result == name).sum()} {name}" for name in ("train", "validation", "test"))
    origin = f"{' and '.join(missing)} drawn with seed {seed}" if missing else "as the source has them"
    return result, (f"Splits: {counts} ({origin}).",)


def without_absent_classes(
    y: np.ndarray, split: np.ndarray, classes: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Leave out the classes of which train has no object, for nothing can be learnt about them.

    Args:
        y: (N, M, 5) boxes.
        split: (N,) names of splits.
        classes: names of the classes.

    Returns:
        The boxes, those of such classes as no objects; the names of the other classes; the note.
    """
    kinds = y[..., 0].astype(np.int64)
    present = np.unique(kinds[split == "train"])
    present = present[present >= 0]
    if len(present) == len(classes):
        return y, classes, ()
    renumbered = np.full(len(classes) + 1, NO_OBJECT, dtype=np.float32)  # the last one is for -1
    renumbered[present] = np.arange(len(present))
    result = y.copy()
    result[..., 0] = renumbered[kinds]
    lost = int(((kinds >= 0) & (result[..., 0] < 0)).sum())
    absent = [name for i, name in enumerate(classes) if i not in present]
    note = (
        f"{len(absent)} classes without an object in train are left out, {lost} boxes with them: {first_few(absent)}."
    )
    return result, tuple(classes[i] for i in present), (note,)
