import numpy as np
import pytest

from nassay.errors import UserError
from nassay.tasks.detection.box_data import padded
from nassay.tasks.detection.splits import draw_splits, without_absent_classes


def test_everything_is_drawn() -> None:
    split, (note,) = draw_splits(np.full(50, ""), seed=1)
    assert {name: int((split == name).sum()) for name in set(split)} == {"train": 32, "validation": 8, "test": 10}
    assert note == "Splits: 32 train, 8 validation, 10 test (test and validation drawn with seed 1)."
    assert np.array_equal(split, draw_splits(np.full(50, ""), seed=1)[0])
    assert not np.array_equal(split, draw_splits(np.full(50, ""), seed=2)[0])


def test_what_the_source_has_stays() -> None:
    own = np.array(["train"] * 10 + ["validation"] * 5 + [""] * 5)
    split, (note,) = draw_splits(own, seed=0)
    assert (split[10:15] == "validation").all()
    assert (split == "test").sum() == 3  # of 15
    assert "(test drawn with seed 0)" in note
    all_own = np.array(["train", "validation", "test"])
    assert draw_splits(all_own, seed=0)[0].tolist() == all_own.tolist()


def test_too_few_images() -> None:
    with pytest.raises(UserError, match="At least 3 training images are needed, found 2"):
        draw_splits(np.array(["", ""]), seed=0)
    assert sorted(draw_splits(np.array(["", "", ""]), seed=0)[0]) == ["test", "train", "validation"]


def test_classes_that_train_lacks_are_left_out() -> None:
    y = padded([np.array([[2, 0, 0, 1, 1], [0, 0, 0, 1, 1]]), np.array([[1, 0, 0, 1, 1], [2, 0, 0, 0.5, 1]])])
    split = np.array(["train", "test"])
    found, classes, (note,) = without_absent_classes(y, split, ("a", "b", "c"))
    assert classes == ("a", "c")
    assert found[..., 0].tolist() == [[1, 0], [-1, 1]]
    assert note == "1 classes without an object in train are left out, 1 boxes with them: b."
    assert without_absent_classes(y, np.array(["train", "train"]), ("a", "b", "c"))[1:] == (("a", "b", "c"), ())
