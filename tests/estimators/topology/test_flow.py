import pytest

from nassay.estimators.proxies.base import Unmeasurable
from nassay.estimators.topology.flow import Flow, flow
from nassay.estimators.topology.operations import Operation
from nassay.spaces.base import Graph

CONV, POOL = Operation((9,), 1), Operation(poolings=(9,))


def test_identities_are_contracted() -> None:
    # input -> skip -> conv -> add <- input, add -> output
    graph = Graph(("input", "skip_connect", "conv_3x3", "add", "output"), ((0, 1), (1, 2), (2, 3), (0, 3), (3, 4)))
    assert flow(graph) == Flow((CONV,), (frozenset({0}),), frozenset({0, 1}))


def test_what_two_skips_bring_from_one_source_is_one_signal() -> None:
    graph = Graph(("input", "skip_connect", "skip_connect", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
    assert flow(graph) == Flow((), (), frozenset({0}))


def test_equal_poolings_are_one_and_equal_convolutions_two() -> None:
    edges = ((0, 1), (0, 2), (1, 3), (2, 3))
    pools = flow(Graph(("input", "avg_pool_3x3", "avg_pool_3x3", "output"), edges))
    convs = flow(Graph(("input", "conv_3x3", "conv_3x3", "output"), edges))
    assert pools == Flow((POOL,), (frozenset({0}),), frozenset({1}))
    assert convs == Flow((CONV, CONV), (frozenset({0}),) * 2, frozenset({1, 2}))


def test_none_and_what_hangs_on_it_vanish() -> None:
    # none -> conv -> output gives nothing, so does a convolution without inputs
    labels = ("input", "none", "conv_3x3", "conv_3x3", "output")
    edges = ((0, 1), (1, 2), (2, 4), (3, 4))
    assert flow(Graph(labels, (*edges, (0, 4)))) == Flow((), (), frozenset({0}))
    with pytest.raises(Unmeasurable, match="no way leads"):
        flow(Graph(labels, edges))


def test_a_node_that_sums_is_read_as_its_terms() -> None:
    graph = Graph(("input", "conv_3x3", "conv_1x1", "output"), ((0, 1), (0, 2), (1, 2), (2, 3)))
    assert flow(graph).sources == (frozenset({0}), frozenset({0, 1}))
