"""Cells of NAS-Bench-101 as graphs: counts from the paper, networkx as a second opinion on isomorphism."""

from collections import Counter
from itertools import combinations, permutations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassay.spaces.nb101 import NB101
from nassay.spaces.nb101_cells import MAX_EDGES, STRAIGHT, CellGraph, canonical, changes, pruned, repaired


def labelled(cell: CellGraph) -> nx.DiGraph:
    graph = nx.DiGraph(list(cell.edges))
    labels = {0: "input", cell.output: "output"} | dict(enumerate(cell.operations, start=1))
    nx.set_node_attributes(graph, labels, "label")
    return graph


def isomorphic(a: CellGraph, b: CellGraph) -> bool:
    return nx.is_isomorphic(labelled(a), labelled(b), node_match=lambda x, y: x["label"] == y["label"])


def random_cell(seed: int) -> CellGraph:
    space = NB101()
    return space.cell(space.sample(np.random.default_rng(seed)))


def renumbered(cell: CellGraph, order: list[int]) -> CellGraph:
    """The same cell with interior vertex `order[i]` called i + 1."""
    number = {0: 0, cell.output: cell.output} | {old: new for new, old in enumerate(order, start=1)}
    edges = frozenset((number[i], number[j]) for i, j in cell.edges)
    return CellGraph(tuple(cell.operations[v - 1] for v in order), edges)


def whole_graphs(vertices: int) -> list[frozenset[tuple[int, int]]]:
    """All sets of up to nine forward edges with every vertex on a way from first to last."""
    pairs = list(combinations(range(vertices), 2))
    found = []
    for number in range(vertices - 1, min(MAX_EDGES, len(pairs)) + 1):
        for edges in combinations(pairs, number):
            sources, targets = {i for i, _ in edges}, {j for _, j in edges}
            if len(sources) == len(targets) == vertices - 1:
                found.append(frozenset(edges))
    return found


@pytest.mark.parametrize(("vertices", "cells"), [(2, 1), (3, 6), (4, 84)])
def test_number_of_small_cells(vertices: int, cells: int) -> None:
    # Three vertices: one of three operations, with or without an edge past it.
    every = product(whole_graphs(vertices), product(range(3), repeat=vertices - 2))
    assert len({canonical(CellGraph(operations, edges)) for edges, operations in every}) == cells


@pytest.mark.slow
def test_number_of_all_cells() -> None:
    """Burnside's lemma: classes of graphs without operations, then their colourings up to automorphism."""
    total = 0
    for vertices in range(2, 8):
        inner = range(1, vertices - 1)
        for cell in {canonical(CellGraph((0,) * len(inner), edges)) for edges in whole_graphs(vertices)}:
            fixed, automorphisms = 0, 0
            for order in permutations(inner):
                if renumbered(cell, list(order)).edges == cell.edges:
                    automorphisms += 1
                    cycles = nx.number_weakly_connected_components(nx.DiGraph(list(zip(inner, order, strict=True))))
                    fixed += 3**cycles
            total += fixed // automorphisms
    assert total == 423_624


def test_pruning_by_hand() -> None:
    # Vertex 2 leads nowhere, vertex 3 comes from nowhere.
    cell = CellGraph((2, 1, 0, 1), frozenset({(0, 1), (1, 2), (3, 4), (1, 4), (4, 5)}))
    assert pruned(cell) == CellGraph((2, 1), frozenset({(0, 1), (1, 2), (2, 3)}))
    assert pruned(CellGraph((2,), frozenset({(0, 1)}))) is None


def test_repairs_by_hand() -> None:
    assert repaired((2, 2), {(0, 1), (1, 2)}) == STRAIGHT
    everything = combinations(range(7), 2)
    # The six steps to the next vertex and the first three to the next but one.
    near = {(i, i + 1) for i in range(6)} | {(0, 2), (1, 3), (2, 4)}
    assert repaired((1,) * 5, everything) == CellGraph((1,) * 5, frozenset(near))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_renumbering_does_not_change_the_canonical_form(seed: int) -> None:
    cell = random_cell(seed)
    order = (np.random.default_rng(seed).permutation(len(cell.operations)) + 1).tolist()
    assert canonical(renumbered(cell, order)) == canonical(cell)
    assert isomorphic(cell, canonical(cell))
    assert all(i < j for i, j in canonical(cell).edges)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_canonical_forms_are_equal_exactly_for_isomorphic_cells(seed: int) -> None:
    near = changes(random_cell(seed))[:30]
    for a, b in combinations(near, 2):
        assert (canonical(a) == canonical(b)) == isomorphic(a, b)


def test_changes_of_the_straight_cell_by_hand() -> None:
    # One vertex of three operations, in the edge or beside it; the edge itself cannot go.
    found = Counter(len(cell.edges) for cell in changes(STRAIGHT))
    assert found == {2: 3, 3: 3}
    assert {cell.operations for cell in changes(STRAIGHT)} == {(0,), (1,), (2,)}


def test_changes_of_a_chain_by_hand() -> None:
    chain = CellGraph((2,), frozenset({(0, 1), (1, 2)}))
    found = [canonical(cell) for cell in changes(chain)]
    assert STRAIGHT in found  # the vertex taken out of its edge
    assert CellGraph((2,), frozenset({(0, 1), (1, 2), (0, 2)})) in found
    assert CellGraph((0,), chain.edges) in found
    assert CellGraph((0, 2), frozenset({(0, 1), (1, 3), (0, 2), (2, 3)})) in found
    assert CellGraph((2, 1), frozenset({(0, 1), (1, 2), (2, 3)})) in found


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_changes_are_whole_cells_within_the_limits(seed: int) -> None:
    for cell in changes(random_cell(seed)):
        assert len(cell.edges) <= MAX_EDGES
        assert len(cell.operations) <= 5
        found = pruned(canonical(cell))
        assert found is not None
        assert found == canonical(cell)
