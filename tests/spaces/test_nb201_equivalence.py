"""Equivalence of NAS-Bench-201 cells, over all 15,625 of them."""

import networkx as nx

from nassay.spaces.nb201_equivalence import (
    EDGES,
    NONE,
    OPERATIONS,
    SKIP,
    Choices,
    classes,
    computation,
    live_edges,
)


def paper_expression(choices: Choices) -> str:
    """The string by which the paper tells cells apart: terms sorted as they are written, `#` for zero."""
    nodes = ["0"]
    for target in (1, 2, 3):
        terms = []
        for (end, source), choice in zip(EDGES, choices, strict=True):
            if end == target:
                zero = choice == NONE or nodes[source] == "#"
                kept = nodes[source] if choice == SKIP else f"({nodes[source]})@{OPERATIONS[choice]}"
                terms.append("#" if zero else kept)
        nodes.append("+".join(sorted(terms)))
    return nodes[3]


def sum_of_terms(choices: Choices) -> tuple[object, ...]:
    """What the output sums up, as nested sorted tuples without zeros; shared work is repeated."""
    nodes: list[tuple[object, ...]] = [("x",)]
    for target in (1, 2, 3):
        terms: list[object] = []
        for (end, source), choice in zip(EDGES, choices, strict=True):
            if end == target and choice == SKIP:
                terms += nodes[source]
            elif end == target and choice != NONE and nodes[source]:
                terms.append((OPERATIONS[choice], nodes[source]))
        nodes.append(tuple(sorted(terms, key=str)))
    return nodes[3]


def live_by_paths(choices: Choices) -> set[int]:
    """Live edges as the union of all paths from node 0 to node 3."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(4))
    graph.add_edges_from((s, t) for (t, s), choice in zip(EDGES, choices, strict=True) if choice != NONE)
    steps = {pair for path in nx.all_simple_edge_paths(graph, 0, 3) for pair in path}
    return {i for i, (target, source) in enumerate(EDGES) if (source, target) in steps}


def live_convolutions(choices: Choices) -> tuple[int, int]:
    """Numbers of 1x1 and 3x3 convolutions at work."""
    live = [OPERATIONS[choices[i]] for i in live_edges(choices)]
    return live.count("nor_conv_1x1"), live.count("nor_conv_3x3")


def test_the_papers_expressions_give_the_papers_count() -> None:
    assert len({paper_expression(choices) for choices in classes()[0]}) == 6466


def test_classes_are_the_sums_told_apart_by_what_they_share() -> None:
    canonical, members = classes()
    found = {(sum_of_terms(choices), live_convolutions(choices)) for choices in canonical}
    assert len(found) == len(members) == 5260
    assert len(canonical) == sum(map(len, members.values())) == 5**6
    for first, group in members.items():
        for choices in group:
            assert sum_of_terms(choices) == sum_of_terms(first)


def test_no_class_joins_cells_with_different_live_convolutions() -> None:
    for group in classes()[1].values():
        assert len({live_convolutions(choices) for choices in group}) == 1


def test_canonical_cells_have_no_dead_operation_and_are_the_first_of_their_class() -> None:
    for first, group in classes()[1].items():
        assert first == min(group)
        assert live_edges(first) == {i for i, choice in enumerate(first) if choice != NONE}


def test_live_edges_are_the_edges_of_all_paths() -> None:
    for choices in list(classes()[0])[::13]:
        assert live_edges(choices) == live_by_paths(choices)


def test_computation_by_hand() -> None:
    # Node 1 = conv3x3(x), node 2 = x + node 1, output = conv1x1(node 2) + node 1.
    choices = (3, 1, 1, 0, 1, 2)
    assert computation(choices) == ((3, (0,)), (2, (0, 1)), (1, 2))
    # The dead cell sums up nothing.
    assert computation((0,) * 6) == ((),)
    # The input twice, by a skip and through node 1.
    assert computation((1, 0, 0, 1, 1, 0)) == ((0, 0),)
