import numpy as np
import pytest

from nassay.errors import UserError
from nassay.gaps import hypervolume as module
from nassay.gaps.hypervolume import hypervolume, hypervolume_curve, pareto_front

pytest.importorskip("moocore")
STAIRS = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [3.0, 3.0]])


def test_the_front_of_stairs():
    assert pareto_front(STAIRS).tolist() == [True, True, True, False]


def test_of_equal_points_one_is_in_the_front():
    assert pareto_front(np.array([[1.0, 1.0], [1.0, 1.0]])).sum() == 1


def test_the_volume_of_stairs_by_hand():
    # below (4, 4): columns of width 1 with heights 1, 2 and 3
    assert hypervolume(STAIRS, [4.0, 4.0]) == pytest.approx(1 + 2 + 3)


def test_points_beyond_the_reference_add_nothing():
    assert hypervolume(STAIRS, [2.5, 2.5]) == pytest.approx(0.25)
    assert hypervolume(STAIRS, [1.0, 1.0]) == 0.0


def test_a_box_in_four_dimensions():
    assert hypervolume(np.array([[0.5, 0.0, 0.25, 0.0]]), [1.0] * 4) == pytest.approx(0.5 * 0.75)


def test_two_boxes_overlap_once():
    boxes = np.array([[0.0, 0.5, 0.0], [0.5, 0.0, 0.0]])
    assert hypervolume(boxes, [1.0] * 3) == pytest.approx(0.5 + 0.5 - 0.25)


def test_a_curve_never_falls():
    points = np.random.default_rng(0).random((30, 3))
    found = hypervolume_curve(points, [1.0] * 3, [1, 10, 20, 30])
    assert (np.diff(found) >= 0).all()
    assert found[-1] == pytest.approx(hypervolume(points, [1.0] * 3))


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((0, 2)), np.array([[1.0, np.nan]])])
def test_what_is_no_set_of_points_is_refused(points):
    with pytest.raises(UserError, match="finite array"):
        hypervolume(points, [1.0, 1.0])


def test_a_reference_of_another_length_is_refused():
    with pytest.raises(UserError, match="3 objectives, the points have 2"):
        hypervolume(STAIRS, [1.0] * 3)


def test_a_missing_library_names_the_extra(monkeypatch):
    def missing(name):
        raise ImportError(name=name)

    monkeypatch.setattr(module, "import_module", missing)
    with pytest.raises(UserError, match=r"nassay\[moo\]"):
        hypervolume(STAIRS, [4.0, 4.0])
