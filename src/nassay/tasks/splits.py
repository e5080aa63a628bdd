"""Train, validation and test: the source's own splits where it has them, else stratified draws from a seed.

Every class keeps at least one image in each drawn split and in train, which scikit-learn's stratified
splitters don't promise for rare classes; so a class needs one image more than there are splits to draw: three
where the source has no splits.
"""

import numpy as np

from nassay.errors import UserError
from nassay.tasks.image_data import first_few

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2


def assign_splits(
    y: np.ndarray, split: np.ndarray, classes: tuple[str, ...], *, seed: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give every image a split.

    A missing test split takes 20 % of each class of train, then a missing validation split takes 20 % of what
    is left (rounded, at least one image). Images without a split count as train.

    Args:
        y: (N,) class indices.
        split: (N,) "train", "validation", "test" or "".
        classes: names of the classes.
        seed: of the draws; the same seed gives the same splits.

    Returns:
        (N,) strings without "", and the notes on how they came about.

    Raises:
        UserError: a class has too few images in train, perhaps none (it may be in another split only).
    """
    result = np.where(split == "", "train", split)
    missing = [name for name in ("test", "validation") if not (split == name).any()]
    _check_counts(y[result == "train"], classes, missing)
    generator = np.random.default_rng(seed)
    shares = {"test": TEST_SHARE, "validation": VALIDATION_SHARE}
    for name in missing:
        result[_draw(y, result == "train", shares[name], generator)] = name
    counts = ", ".join(f"{(result == name).sum()} {name}" for name in ("train", "validation", "test"))
    origin = f"{' and '.join(missing)} drawn by class with seed {seed}" if missing else "as the source has them"
    return result, (f"Splits: {counts} ({origin}).", *_absent(y, result, classes))


def _check_counts(y: np.ndarray, classes: tuple[str, ...], missing: list[str]) -> None:
    """Every class has an image for train and for each split that is drawn from it."""
    needed = 1 + len(missing)
    counts = np.bincount(y, minlength=len(classes))
    few = [f"{name} ({count})" for name, count in zip(classes, counts, strict=True) if count < needed]
    if few:
        purpose = ", one each for " + " and ".join(["train", *missing])
        raise UserError(
            f"Every class needs at least {needed} training image{'s' * (needed > 1)}{purpose}. Too few in: "
            f"{first_few(few)}. Add images of these classes or leave them out."
        )


def _draw(y: np.ndarray, pool: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Indices of `share` of each class of the pool, at least one."""
    drawn = []
    for label in np.unique(y[pool]):
        members = generator.permutation(np.flatnonzero(pool & (y == label)))
        drawn.append(members[: max(1, round(share * len(members)))])
    return np.concatenate(drawn)


def _absent(y: np.ndarray, split: np.ndarray, classes: tuple[str, ...]) -> list[str]:
    """A note for each split of the source that lacks classes."""
    notes = []
    for name in ("validation", "test"):
        lacking = sorted(set(range(len(classes))) - set(y[split == name].tolist()))
        if lacking:
            notes.append(f"The {name} split has no image of: {first_few([classes[i] for i in lacking])}.")
    return notes
