import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassay.errors import UserError
from nassay.tasks.splits import assign_splits

AB = ("a", "b")


def unsplit(y: np.ndarray) -> np.ndarray:
    return np.full(len(y), "", dtype="U10")


def test_shares_are_taken_from_each_class() -> None:
    y = np.array([0] * 100 + [1] * 10)
    split, notes = assign_splits(y, unsplit(y), AB, seed=0)
    counts = {name: np.bincount(y[split == name]).tolist() for name in ("train", "validation", "test")}
    # class a: 20 of 100, then 16 of 80; class b: 2 of 10, then round(1.6) = 2 of 8
    assert counts == {"train": [64, 6], "validation": [16, 2], "test": [20, 2]}
    assert notes == ("Splits: 70 train, 18 validation, 22 test (test and validation drawn by class with seed 0).",)


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(3, 30), min_size=2, max_size=5), seed=st.integers(0, 1000))
def test_every_class_is_in_every_drawn_split(counts: list[int], seed: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    split, _ = assign_splits(y, unsplit(y), tuple(map(str, range(len(counts)))), seed=seed)
    for name in ("train", "validation", "test"):
        assert set(y[split == name]) == set(range(len(counts)))


def test_a_seed_fixes_the_draw_and_another_changes_it() -> None:
    y = np.repeat([0, 1], 50)
    first, again, other = (assign_splits(y, unsplit(y), AB, seed=seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_sources_splits_are_kept() -> None:
    y = np.array([0, 1] * 6)
    given_split = np.array(["train"] * 6 + ["validation"] * 2 + ["test"] * 2 + [""] * 2, dtype="U10")
    split, notes = assign_splits(y, given_split, AB, seed=0)
    assert split.tolist() == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2 + ["train"] * 2
    assert notes == ("Splits: 8 train, 2 validation, 2 test (as the source has them).",)


def test_a_missing_test_split_never_takes_from_validation() -> None:
    y = np.array([0, 1] * 10)
    given_split = np.array(["train"] * 10 + ["validation"] * 10, dtype="U10")
    split, _ = assign_splits(y, given_split, AB, seed=0)
    assert (split[10:] == "validation").all()
    assert (split[:10] == "test").sum() == 2  # one of five in each class


def test_three_images_are_enough_and_two_are_not() -> None:
    y = np.array([0, 0, 0, 1, 1, 1])
    split, _ = assign_splits(y, unsplit(y), AB, seed=0)
    assert sorted(split[y == 1]) == ["test", "train", "validation"]
    message = r"at least 3 training images, one each for train and test and validation. Too few in: b \(2\)"
    with pytest.raises(UserError, match=message):
        assign_splits(y[:5], unsplit(y[:5]), AB, seed=0)


def test_a_class_with_one_image_is_refused() -> None:
    y = np.array([0] * 9 + [1])
    with pytest.raises(UserError, match=r"b \(1\)"):
        assign_splits(y, unsplit(y), AB, seed=0)


def test_a_class_that_only_test_has_is_refused() -> None:
    y = np.array([0, 0, 0, 2, 2, 2, 0, 1, 2])
    split = np.array(["train"] * 6 + ["test"] * 3, dtype="U10")
    with pytest.raises(UserError, match=r"Too few in: b \(0\)"):
        assign_splits(y, split, ("a", "b", "c"), seed=0)


def test_a_class_that_test_lacks_is_noted() -> None:
    y = np.array([0, 0, 1, 1, 0])
    split = np.array(["train"] * 4 + ["test"], dtype="U10")
    _, notes = assign_splits(y, split, AB, seed=0)
    assert notes[1] == "The test split has no image of: b."
