from math import log

import pytest

from nassay.estimators.topology import score
from nassay.spaces.base import Architecture, Graph
from nassay.spaces.nb201 import NB201
from nassay.spaces.nb201_equivalence import OPERATIONS


def ways(graph: Graph) -> float | None:
    return score(graph, ["paths"])["paths"].value


def nb201(*names: str) -> Graph:
    return NB201().graph(Architecture("nb201", tuple(OPERATIONS.index(name) for name in names)))


def test_ways_of_a_full_cell() -> None:
    # paths of one, two, two and three convolutions over 9 positions
    assert ways(nb201(*["nor_conv_3x3"] * 6)) == pytest.approx(log(9 + 81 + 81 + 729))


def test_poolings_and_skips_offer_one_way() -> None:
    # edges 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2
    cell = nb201("nor_conv_1x1", "avg_pool_3x3", "none", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")
    assert ways(cell) == pytest.approx(log(1 + 1 * 9 + 1 * 9))


def test_equal_ways_count_once() -> None:
    # 0 -> 3 directly and by two skips over node 1: one signal
    cell = nb201("skip_connect", "none", "none", "skip_connect", "skip_connect", "none")
    assert ways(cell) == pytest.approx(log(1))


def test_residual_blocks_multiply() -> None:
    edges = ((0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4), (4, 5))
    assert ways(Graph(("input", "k3e6", "add", "k3e6", "add", "output"), edges)) == pytest.approx(2 * log(10))


def test_no_way() -> None:
    assert ways(nb201(*["none"] * 6)) is None
