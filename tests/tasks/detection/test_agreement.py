import math

import pytest
import torch
from torch import Tensor

from nassay.tasks.detection.agreement import disagreement
from nassay.tasks.detection.detections import MOST_DETECTIONS

SIZE = (100, 200)  # height, width
BOX, FAR = (0.0, 0.0, 100.0, 50.0), (120.0, 50.0, 200.0, 100.0)
TIED = (25.0, 0.0, 125.0, 50.0)  # shares 75 x 50 with BOX, of 125 x 50 together: an overlap of 0.6
WORSE = (45.0, 0.0, 145.0, 50.0)  # overlaps TIED by 80 / 120, BOX by 55 / 145

Detection = tuple[tuple[float, ...], float, int]


def listed(*detections: Detection) -> list[Tensor]:
    """One image's detections in four places."""
    rows = [*detections, *[((0.0,) * 4, 0.0, -1)] * (4 - len(detections))]
    boxes, scores, labels = zip(*rows, strict=True)
    return [torch.tensor([boxes]), torch.tensor([scores]), torch.tensor([labels])]


FIRST, SECOND = (BOX, 0.5, 1), (FAR, 0.5 - 1e-6, 1)


def test_the_order_of_detections_says_nothing() -> None:
    assert disagreement(listed(FIRST, SECOND), listed(SECOND, FIRST), SIZE) == 0
    assert disagreement(listed(), listed(), SIZE) == 0


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ((BOX, 0.45, 1), 0.05),
        (((0.0, 0.0, 104.0, 50.0), 0.5, 1), 4 / 200),
        (((0.0, 1.0, 100.0, 50.0), 0.5, 1), 1 / 100),
        ((BOX, 0.5, 0), math.inf),
    ],
)
def test_what_differs_is_told_in_both_directions(changed: Detection, expected: float) -> None:
    whole, other = listed(FIRST, SECOND), listed(changed, SECOND)
    assert disagreement(whole, other, SIZE) == pytest.approx(expected, abs=1e-5)
    assert disagreement(other, whole, SIZE) == pytest.approx(expected, abs=1e-5)


def test_a_detection_that_only_one_side_has() -> None:
    assert disagreement(listed((BOX, 0.5, 1), (FAR, 0.4, 2)), listed((BOX, 0.5, 1)), SIZE) == math.inf
    assert disagreement(listed((BOX, 0.5, 1)), listed((BOX, 0.5, 1), (FAR, 0.4, 2)), SIZE) == math.inf
    assert disagreement(listed((BOX, 0.5, 1), (FAR, 0.0505, 2)), listed((BOX, 0.5, 1)), SIZE) == 0  # at the threshold


def test_one_image_of_several_is_enough() -> None:
    good, bad = listed(FIRST), listed((BOX, 0.3, 1))
    several = [[torch.cat(parts) for parts in zip(good, other, strict=True)] for other in (good, bad)]
    assert disagreement(several[0], several[1], SIZE) == pytest.approx(0.2)


def test_a_box_at_the_overlap_from_which_it_falls_and_those_that_hang_on_it() -> None:
    """On one side TIED falls by BOX, so that WORSE, which it would suppress, stays."""
    one, other = listed((BOX, 0.9, 1), (TIED, 0.8, 1)), listed((BOX, 0.9, 1), (WORSE, 0.7, 1))
    assert disagreement(one, other, SIZE) == 0
    assert disagreement(listed((BOX, 0.9, 1), (WORSE, 0.8, 1)), listed((BOX, 0.9, 1)), SIZE) == pytest.approx(45 / 200)
    assert disagreement(listed((BOX, 0.9, 1), (TIED, 0.8, 2)), listed((BOX, 0.9, 1)), SIZE) == math.inf


def test_the_last_of_a_full_list_may_be_another() -> None:
    places = torch.arange(MOST_DETECTIONS + 1.0)
    boxes = torch.stack([2 * places, 0 * places, 2 * places + 1, 0 * places + 9], dim=1)
    scores = 0.9 - 0.002 * places
    scores[-1] = scores[-2] - 1e-6
    labels = torch.zeros(MOST_DETECTIONS + 1, dtype=torch.int64)
    first = [part[None, :-1] for part in (boxes, scores, labels)]
    last = torch.tensor([*range(MOST_DETECTIONS - 1), MOST_DETECTIONS])
    other = [part[None, last] for part in (boxes, scores, labels)]
    assert disagreement(first, other, SIZE) == 0
    assert disagreement(first, [part[:, :-9] for part in other], SIZE) > 0.05


def test_what_is_not_finite_is_nan() -> None:
    assert math.isnan(disagreement(listed((BOX, math.nan, 1)), listed(FIRST), SIZE))
