"""DARTS's cells: the networks of `genotype` for two edges a node, and the rule that searches end by."""

import math

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.darts import EDGES, KEPT, OPERATIONS, DARTSCells
from nassay.spaces.genotype import CellPlan, NetworkPlan, all_nodes, network_layout

SPACE = DARTSCells((3, 8, 8), 4, channels=2, cells=6)


def drawn(seed: int = 0) -> Architecture:
    return SPACE.sample(np.random.default_rng(seed))


def cells_of(architecture: Architecture) -> list[dict[tuple[int, int], str]]:
    """Of both cells the operations that are there, by (node, source)."""
    halves = architecture.choices[:14], architecture.choices[14:]
    return [{e: OPERATIONS[c] for e, c in zip(EDGES, half, strict=True) if c} for half in halves]


def test_a_network_is_that_of_its_genotype() -> None:
    """Same parameters, and with the same weights the same outputs."""
    architecture = drawn()
    plans = [tuple((name, source) for (_, source), name in cell.items()) for cell in cells_of(architecture)]
    normal, reduce = (CellPlan(edges, all_nodes(edges)) for edges in plans)
    torch.manual_seed(0)
    expected = SPACE.assembled(network_layout(NetworkPlan(normal, reduce, 6, 2), SPACE.input_shape)).eval()
    names = [{str(i): f"{n}<-{s}" for i, (n, s) in enumerate(cell)} for cell in cells_of(architecture)]
    state = {}
    for name, tensor in expected.state_dict().items():
        parts = name.split(".")
        if parts[2:3] == ["edges"]:
            parts[3] = names[int(parts[1]) in (2, 4)][parts[3]]
        state[".".join(parts)] = tensor
    network = SPACE.build(architecture).eval()
    network.load_state_dict(state)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(network(x), expected(x))


def test_samples_have_two_edges_into_each_node() -> None:
    for seed in range(20):
        for cell in cells_of(drawn(seed)):
            assert [sum(node == n for n, _ in cell) for node in range(2, 6)] == [KEPT] * 4


def test_neighbors_change_one_operation_or_move_one_edge() -> None:
    """A node of k edges: 2 x 6 other operations, 2 (k - 2) x 7 moves."""
    here = drawn()
    near = SPACE.neighbors(here)
    assert len(near) == 2 * sum(12 + 14 * (k - 2) for k in range(2, 6))
    for other in near[::17]:
        changed = [i for i, (a, b) in enumerate(zip(here.choices, other.choices, strict=True)) if a != b]
        assert len(changed) in (1, 2)
        assert sum(map(bool, other.choices)) == 16


def test_crossover_takes_whole_nodes() -> None:
    a, b = drawn(1), drawn(2)
    child = SPACE.crossover(a, b, np.random.default_rng(0))
    for group in SPACE.sums:
        own, *parents = ([p.choices[i] for i in group] for p in (child, a, b))
        assert own in parents


def test_sums_are_the_edges_into_each_node() -> None:
    assert [len(group) for group in SPACE.sums] == [2, 3, 4, 5] * 2
    assert [i for group in SPACE.sums for i in group] == list(range(28))


def test_a_search_ends_by_the_rule_of_darts() -> None:
    """Of each node's edges the two with the strongest operation but `none`, and that operation."""
    rng = np.random.default_rng(0)
    chances = [rng.dirichlet(np.ones(8)) for _ in range(28)]
    chances[3] = np.array([0.93, *[0.01] * 7])  # `none` does not count
    (found,) = SPACE.discretised(chances)
    expected = [0] * 28
    for group in SPACE.sums:
        for i in sorted(group, key=lambda i: -chances[i][1:].max())[:2]:
            expected[i] = int(chances[i][1:].argmax()) + 1
    assert found.choices == tuple(expected)


def test_the_next_likely_networks_follow_in_order() -> None:
    rng = np.random.default_rng(1)
    chances = [rng.dirichlet(np.ones(8)) for _ in range(28)]
    found = SPACE.discretised(chances, 100)
    scores = [sum(math.log(chances[i][c]) for i, c in enumerate(a.choices) if c) for a in found]
    assert scores == sorted(scores, reverse=True)
    assert len(set(found)) == 100
    assert all(sum(map(bool, a.choices)) == 16 for a in found)


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(UserError, match="cells 3, found"):
        DARTSCells(cells=2)
