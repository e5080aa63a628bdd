import itertools

import pytest

from nassay.reports.layouts import HEIGHT, lay_out

CELL = ["input", "conv3", "conv1", "pool", "conv3", "output"]
CELL_EDGES = [(0, 1), (0, 2), (0, 5), (1, 3), (2, 4), (3, 5), (4, 5), (1, 5)]


def overlap(a, b) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def chain(count: int) -> list[tuple[int, int]]:
    return [(i, i + 1) for i in range(count - 1)]


@pytest.mark.parametrize(
    ("labels", "edges"),
    [
        (CELL, CELL_EDGES),
        (["input", *["block"] * 40, "output"], chain(42)),
        (["input", "block", "+", "block", "+", "output"], [*chain(6), (0, 2), (2, 4)]),
        (["lonely"], []),
        (["a", "b", "c"], [(0, 2)]),
    ],
)
def test_boxes_lie_inside_and_apart(labels, edges):
    layout = lay_out(labels, edges, 700)
    assert [box.label for box in layout.boxes] == labels
    assert len(layout.arrows) == len(edges)
    for box in layout.boxes:
        assert 0 <= box.x <= box.x + box.width <= layout.width
        assert 0 <= box.y <= box.y + box.height <= layout.height
    assert not any(overlap(a, b) for a, b in itertools.combinations(layout.boxes, 2))


def test_a_long_chain_is_broken_into_rows():
    layout = lay_out(["block"] * 30, chain(30), 500)
    assert layout.width <= 500
    assert len({box.y for box in layout.boxes}) > 3


def test_a_row_does_not_break_between_a_block_and_its_sum():
    labels = ["input", *["block", "+"] * 10]
    edges = chain(21) + [(2 * i, 2 * i + 2) for i in range(10)]
    boxes = lay_out(labels, edges, 400).boxes
    assert all(boxes[i].y == boxes[i + 1].y for i in range(1, 20, 2))


def test_layers_follow_the_longest_path():
    x = [box.x for box in lay_out(CELL, CELL_EDGES, 700).boxes]
    assert all(x[i] < x[j] for i, j in CELL_EDGES)


def test_a_long_edge_gets_a_lane_of_its_own():
    # input -> output passes two layers of two boxes each, so those layers are three or more lanes high
    assert lay_out(CELL, CELL_EDGES, 700).height > 3 * HEIGHT
