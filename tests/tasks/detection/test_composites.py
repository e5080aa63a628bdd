import numpy as np
import pytest

from nassay.tasks.datasets import digits
from nassay.tasks.detection.box_data import BoxData
from nassay.tasks.detection.composites import FRAMES, MOST_COVERED, SIDE, _covered, _scaled_ink, composites


@pytest.fixture(scope="module")
def data() -> BoxData:
    return composites(0, sizes=(60, 20, 20))


def test_shapes_splits_and_classes(data: BoxData) -> None:
    assert data.x.shape == (100, 1, SIDE, SIDE)
    assert data.x.dtype == np.uint8
    assert data.classes == tuple("0123456789")
    assert data.split.tolist() == ["train"] * 60 + ["validation"] * 20 + ["test"] * 20
    counts = (data.y[..., 0] >= 0).sum(axis=1)
    assert set(counts.tolist()) <= {1, 2, 3, 4, 5}


def test_boxes_are_whole_pixels_and_hold_ink(data: BoxData) -> None:
    for image, rows in zip(data.x[:, 0].astype(int), data.y, strict=True):
        for x1, y1, x2, y2 in rows[rows[:, 0] >= 0, 1:] * SIDE:
            assert all(float(v).is_integer() for v in (x1, y1, x2, y2))
            assert 2 <= x2 - x1 <= FRAMES[1]
            assert 8 <= y2 - y1 <= FRAMES[1]
            inside = image[int(y1) : int(y2), int(x1) : int(x2)]
            assert inside.max() - np.median(image) > 40


def test_digits_hardly_cover_each_other(data: BoxData) -> None:
    for rows in data.y:
        boxes = rows[rows[:, 0] >= 0, 1:].astype(float).tolist()
        for i, a in enumerate(boxes):
            assert all(_covered(a, b) <= MOST_COVERED + 1e-6 for b in boxes[:i])


def test_covered_by_hand() -> None:
    assert _covered([0, 0, 4, 4], [3, 2, 7, 10]) == pytest.approx(2 / 16)
    assert _covered([0, 0, 4, 4], [1, 1, 2, 2]) == 1
    assert _covered([0, 0, 4, 4], [4, 0, 8, 4]) == 0


def test_ink_fills_its_box() -> None:
    ink = _scaled_ink(digits().x[0, 0], 32)
    assert ink.shape[0] > ink.shape[1]  # a digit is higher than wide
    for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]):
        assert edge.max() >= 64


def test_a_seed_is_a_data_set(data: BoxData) -> None:
    again, other = composites(0, sizes=(60, 20, 20)), composites(1, sizes=(4, 1, 1))
    assert np.array_equal(data.x, again.x)
    assert np.array_equal(data.y, again.y)
    assert not np.array_equal(data.x[:4], other.x[:4])


def test_more_canvases_leave_the_first_as_they_are(data: BoxData) -> None:
    assert np.array_equal(composites(0, sizes=(4, 1, 1)).x[:4], data.x[:4])


def test_no_digit_is_in_two_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[set[int]] = []

    def spy(images: np.ndarray, labels: np.ndarray, pool: np.ndarray, rng: np.random.Generator) -> tuple:
        used.append(set(pool.tolist()))
        return np.zeros((SIDE, SIDE), np.uint8), np.array([[0, 0, 0, 1, 1]])

    monkeypatch.setattr("nassay.tasks.detection.composites._canvas", spy)
    composites(0, sizes=(1, 1, 1))
    train, validation, test = used
    assert len(train) + len(validation) + len(test) == len(train | validation | test) == 1797
