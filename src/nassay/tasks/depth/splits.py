"""Train, validation and test of frames: by blocks of time, because neighbouring frames show the same.

Split at random, nearly every test frame would have a training frame beside it that looks alike, and the figures would
say how well a network remembers.
"""

import numpy as np

from nassay.errors import UserError
from nassay.tasks.depth.data import DepthData
from nassay.tasks.splits import TEST_SHARE, VALIDATION_SHARE

LEAST_FRAMES = 10  # of a scene that is cut
GAP_SHARE = 0.02
RULES = ("time", "random")


def assign_splits(
    data: DepthData, *, rule: str = "time", force: bool = False, seed: int = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give every frame a split, or "" to those that are left out.

    The source's own splits are used. Missing ones are taken from train, test first: 20 % of it, then 20 % of the rest
    for validation. By time they are the last frames of each scene of at least ten frames, with a gap before them
    of 2 % of the scene's frames (at least one), which are left out; shorter scenes stay in train as they are.

    Args:
        data: frames in the order of time.
        rule: "time", or "random" for frames that have no order.
        force: split at random though the frames are a sequence.
        seed: of the random draws.

    Returns:
        (N,) strings, and the notes on how they came about.

    Raises:
        UserError: an unknown rule, a sequence to be split at random, or too few frames.
    """
    if rule not in RULES:
        raise UserError(f"Frames are split by {' or '.join(RULES)}, found {rule!r}.")
    if rule == "random" and data.sequence and not force:
        raise UserError(
            f"{data.name}: the frames are a sequence, neighbours look alike, so a random split would test on what was "
            "trained on. Split by time, or force it if the frames have no order."
        )
    result = np.where(data.split == "", "train", data.split).astype("U10")
    missing = [name for name in ("test", "validation") if not (data.split == name).any()]
    generator = np.random.default_rng(seed)
    shares = {"test": TEST_SHARE, "validation": VALIDATION_SHARE}
    for name in missing:
        if rule == "random":
            _draw(result, name, shares[name], generator)
        else:
            _cut(result, data.scene, name, shares[name])
    _check(result, data)
    return result, tuple(
        _notes(result, data, missing, f"at random with seed {seed}" if rule == "random" else "by time")
    )


def _draw(result: np.ndarray, name: str, share: float, generator: np.random.Generator) -> None:
    pool = generator.permutation(np.flatnonzero(result == "train"))
    result[pool[: round(share * len(pool))]] = name


def _cut(result: np.ndarray, scenes: np.ndarray, name: str, share: float) -> None:
    """Turn the last training frames of each long scene into another split, and leave out a few before them."""
    for scene in np.unique(scenes):
        if (scenes == scene).sum() < LEAST_FRAMES:
            continue
        here = np.flatnonzero((scenes == scene) & (result == "train"))
        first = len(here) - round(share * len(here))
        gap = max(1, round(GAP_SHARE * (scenes == scene).sum()))
        result[here[first:]] = name
        result[here[max(0, first - gap) : first]] = ""


def _check(result: np.ndarray, data: DepthData) -> None:
    empty = [name for name in ("train", "validation", "test") if not (result == name).any()]
    if empty:
        longest = int(np.unique(data.scene, return_counts=True)[1].max())
        raise UserError(
            f"{data.name}: there is nothing left for {' and '.join(empty)}. A scene of at least {LEAST_FRAMES} frames "
            f"is needed to be cut by time, the longest has {longest}. Give more frames, or train, val and test folders."
        )


def _notes(result: np.ndarray, data: DepthData, missing: list[str], how: str) -> list[str]:
    counts = ", ".join(f"{(result == name).sum()} {name}" for name in ("train", "validation", "test"))
    origin = f"{' and '.join(missing)} drawn {how}" if missing else "as the source has them"
    scenes = np.unique(data.scene)
    several = f" of {len(scenes)} scenes" if len(scenes) > 1 else ""
    notes = [f"Splits: {counts} frames{several} ({origin})."]
    if (result == "").any():
        notes.append(f"{(result == '').sum()} frames between the splits are left out, so that they do not touch.")
    return notes
