import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.retrieval.splits import split_classes

NAMES = tuple("abcdefghij")


def unsplit(y: np.ndarray) -> np.ndarray:
    return np.full(len(y), "", dtype="U10")


def test_ten_classes_give_five_two_and_three() -> None:
    y = np.repeat(np.arange(10), 3)
    part, notes = split_classes(y, unsplit(y), NAMES, seed=0)
    assert {name: (part == name).sum() for name in ("train", "validation", "test")} == {
        "train": 5,
        "validation": 2,
        "test": 3,
    }
    assert notes == ("Splits share no class: 5 train, 2 validation, 3 test (test and validation drawn with seed 0).",)


def test_a_seed_is_a_split() -> None:
    y = np.repeat(np.arange(10), 2)
    drawn = [split_classes(y, unsplit(y), NAMES, seed=seed)[0].tolist() for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_six_classes_are_enough_and_five_are_not() -> None:
    y = np.repeat(np.arange(6), 2)
    part, _ = split_classes(y, unsplit(y), NAMES[:6], seed=0)
    assert sorted(part) == ["test"] * 2 + ["train"] * 2 + ["validation"] * 2
    y = np.repeat(np.arange(5), 2)
    with pytest.raises(UserError, match="1 train, 2 validation, 2 test"):
        split_classes(y, unsplit(y), NAMES[:5], seed=0)


def test_classes_with_one_image_stay_in_train() -> None:
    y = np.array([*range(10), 0, 1, 2, 3, 4])
    for seed in range(5):
        part, _ = split_classes(y, unsplit(y), NAMES, seed=seed)
        assert (part[5:] == "train").all()
    with pytest.raises(UserError, match="two images or more"):
        split_classes(np.array([*range(10), 0, 1, 2]), unsplit(np.zeros(13)), NAMES, seed=0)


def test_splits_of_the_source_are_kept_if_they_share_no_class() -> None:
    y = np.repeat(np.arange(8), 2)
    split = np.where(y < 5, "train", "test")
    part, notes = split_classes(y, split, NAMES[:8], seed=0)
    assert (part[5:] == "test").all()
    assert (part[:5] == "validation").sum() == 2
    assert "4 test" not in notes[0]
    assert "(validation drawn with seed 0)" in notes[0]


def test_complete_splits_are_as_the_source_has_them() -> None:
    y = np.repeat(np.arange(6), 2)
    split = np.repeat(["test", "train", "validation"], 4)
    part, notes = split_classes(y, split, NAMES[:6], seed=0)
    assert part.tolist() == ["test", "test", "train", "train", "validation", "validation"]
    assert "as the source has them" in notes[0]


def test_splits_that_share_a_class_are_not_used() -> None:
    y = np.tile(np.arange(10), 4)
    split = np.repeat(["train", "test"], 20)
    part, notes = split_classes(y, split, NAMES, seed=0)
    assert "share classes" in notes[0]
    assert (part == "test").sum() == 3
