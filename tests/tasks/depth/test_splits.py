import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.depth.data import DepthData
from nassay.tasks.depth.splits import assign_splits


def frames(scenes: list[str], split: list[str] | None = None, sequence: bool = True) -> DepthData:
    n = len(scenes)
    return DepthData(
        np.zeros((n, 1, 4, 4), dtype=np.uint8),
        np.ones((n, 4, 4), dtype=np.float32),
        "frames",
        scene=np.array(scenes),
        split=None if split is None else np.array(split, dtype="U10"),  # type: ignore[arg-type]
        sequence=sequence,
    )


def test_the_last_frames_of_a_scene_are_its_test_frames() -> None:
    """20 frames: 4 for test, one left out; of the 15 before them 3 for validation, one left out."""
    split, notes = assign_splits(frames(["a"] * 20))
    assert split.tolist() == ["train"] * 11 + [""] + ["validation"] * 3 + [""] + ["test"] * 4
    assert notes == (
        "Splits: 11 train, 3 validation, 4 test frames (test and validation drawn by time).",
        "2 frames between the splits are left out, so that they do not touch.",
    )


def test_long_scenes_have_wider_gaps() -> None:
    split, _ = assign_splits(frames(["a"] * 200))
    assert (split == "").sum() == 8  # 2 % of 200, twice


def test_every_long_scene_is_cut_and_short_ones_are_trained_on() -> None:
    scenes = ["a"] * 20 + ["b"] * 5 + ["c"] * 10
    split, notes = assign_splits(frames(scenes))
    for scene in "ac":
        assert {"train", "validation", "test"} <= set(split[np.array(scenes) == scene])
    assert set(split[20:25]) == {"train"}
    assert "frames of 3 scenes" in notes[0]


def test_time_does_not_depend_on_the_seed() -> None:
    assert np.array_equal(assign_splits(frames(["a"] * 30), seed=0)[0], assign_splits(frames(["a"] * 30), seed=1)[0])


def test_the_source_s_own_splits_are_kept() -> None:
    own = ["train"] * 20 + ["test"] * 3
    split, notes = assign_splits(frames(["a"] * 23, own))
    assert split[20:].tolist() == ["test"] * 3
    assert (split == "validation").sum() == 4
    assert "(validation drawn by time)" in notes[0]
    whole = ["train", "validation", "test"]
    split, notes = assign_splits(frames(["a"] * 3, whole))
    assert split.tolist() == whole
    assert notes == ("Splits: 1 train, 1 validation, 1 test frames (as the source has them).",)


def test_a_sequence_is_not_split_at_random() -> None:
    with pytest.raises(UserError, match="neighbours look alike"):
        assign_splits(frames(["a"] * 20), rule="random")


def test_unless_forced_or_no_sequence() -> None:
    forced, notes = assign_splits(frames(["a"] * 50), rule="random", force=True, seed=3)
    free, _ = assign_splits(frames(["a"] * 50, sequence=False), rule="random", seed=3)
    assert np.array_equal(forced, free)
    assert [(forced == name).sum() for name in ("train", "validation", "test")] == [32, 8, 10]
    assert not np.array_equal(forced, assign_splits(frames(["a"] * 50, sequence=False), rule="random", seed=4)[0])
    assert "drawn at random with seed 3" in notes[0]


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(UserError, match=r"nothing left for validation and test\. A scene of at least 10 .* has 6"):
        assign_splits(frames(["a"] * 6 + ["b"] * 4))


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UserError, match="split by time or random, found 'scene'"):
        assign_splits(frames(["a"] * 20), rule="scene")
