"""Splits by class: train, validation and test share no class, for retrieval is judged on classes never seen.

A source's own splits are kept where they share no class. What is missing is drawn from the classes of train: a quarter
of all classes for test (rounded up) and a quarter for validation (rounded down), at least two each; classes with a
single image stay in train, for such an image has no neighbour to be found. So ten classes give 5, 2 and 3.

The field trains on one half of the classes and tests on the other (Oh Song et al., CVPR 2016, arXiv:1511.06452);
here the other half is shared with the validation that a search needs.
"""

import math

import numpy as np

from nassay.errors import UserError
from nassay.tasks.image_data import SPLITS

MIN_CLASSES = 2  # of a split
MIN_IMAGES = 2  # of a class that is searched in


def split_classes(
    y: np.ndarray, split: np.ndarray, classes: tuple[str, ...], *, seed: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give every class a split, by the module's rule.

    Args:
        y: (N,) class indices.
        split: (N,) "train", "validation", "test" or "" of each image, as the source has them.
        classes: names of the classes.
        seed: of the draws; the same seed gives the same splits.

    Returns:
        (classes,) splits, and the notes on how they came about.

    Raises:
        UserError: there are too few classes, or too few with two images.
    """
    images = np.bincount(y, minlength=len(classes))
    part, notes = _of_the_source(y, split, classes)
    missing = [name for name in ("test", "validation") if not (part == name).any()]
    quarters = {"test": math.ceil(len(classes) / 4), "validation": len(classes) // 4}
    generator = np.random.default_rng(seed)
    for name in missing:
        pool = generator.permutation(np.flatnonzero((part == "train") & (images >= MIN_IMAGES)))
        part[pool[: max(MIN_CLASSES, quarters[name])]] = name
    _check(part, images)
    counts = ", ".join(f"{(part == name).sum()} {name}" for name in SPLITS)
    origin = f"{' and '.join(missing)} drawn with seed {seed}" if missing else "as the source has them"
    return part, (*notes, f"Splits share no class: {counts} ({origin}).")


def _of_the_source(y: np.ndarray, split: np.ndarray, classes: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """(classes,) splits by the source where these share no class, else all train, and a note on that."""
    names, codes = np.unique(split, return_inverse=True)
    counts = np.zeros((len(classes), len(names)), dtype=np.int64)
    np.add.at(counts, (y, codes), 1)
    if ((counts > 0).sum(axis=1) > 1).any():
        note = "The source's own splits share classes; retrieval needs others, so they are not used."
        return np.full(len(classes), "train", dtype="U10"), (note,)
    homes = names[counts.argmax(axis=1)]
    return np.where(homes == "", "train", homes).astype("U10"), ()


def _check(part: np.ndarray, images: np.ndarray) -> None:
    """Train has two classes, validation and test have two with two images each."""
    eligible = {"train": part == "train"} | {
        name: (part == name) & (images >= MIN_IMAGES) for name in ("validation", "test")
    }
    counts = {name: int(found.sum()) for name, found in eligible.items()}
    if min(counts.values()) < MIN_CLASSES:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise UserError(
            "Retrieval is judged on classes that training has not seen: train, validation and test need at least two "
            f"classes each, those of the latter two with two images or more. Found: {found}. Add classes."
        )
