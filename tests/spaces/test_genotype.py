"""Cells of a genotype: equal cells, the network against one with two inputs a cell, graphs."""

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nassay.spaces.genotype import (
    NUM_INPUTS,
    Cell,
    CellPlan,
    Edge,
    NetworkPlan,
    Stem,
    all_nodes,
    canonical_edges,
    changed_edges,
    loose_ends,
    network_graph,
    network_layout,
)

RANK = ("none", "max_pool_3x3", "skip_connect", "sep_conv_3x3")
NORMAL = (("sep_conv_3x3", 0), ("skip_connect", 1), ("max_pool_3x3", 2), ("none", 0))
REDUCE = (("max_pool_3x3", 1), ("skip_connect", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 2))


@st.composite
def cells(draw: st.DrawFn, nodes: int = 4) -> tuple[Edge, ...]:
    sources = [draw(st.integers(0, NUM_INPUTS + i // 2 - 1)) for i in range(2 * nodes)]
    return tuple((draw(st.sampled_from(RANK)), source) for source in sources)


def network_plan(depth: int) -> NetworkPlan:
    return NetworkPlan(CellPlan(NORMAL, all_nodes(NORMAL)), CellPlan(REDUCE, loose_ends(REDUCE)), depth, 4)


def run_with_two_inputs(network: nn.Module, x: Tensor) -> Tensor:
    """The published form of the same network: every cell on the outputs of the two cells before it."""
    stem, cells = network.stem, list(network.blocks)
    before, last = stem.first(x), stem.second(stem.first(x))
    prepares = [stem.prepare, *(cell.prepare for cell in cells)]
    for prepare, cell in zip(prepares, cells, strict=False):
        nodes = [prepare(before), cell.second(last)]
        for i, (name, source) in enumerate(cell.plan.edges):
            zero = nodes[0][:, :, :: cell.stride, :: cell.stride] * 0
            term = zero if name == "none" else cell.edges[str(i)](nodes[source])
            if i % 2 == 0:
                nodes.append(term)
            else:
                nodes[-1] = nodes[-1] + term
        before, last = last, torch.cat([nodes[i] for i in cell.plan.concat], 1)
    return last


@pytest.mark.parametrize("side", [20, 64])
def test_chain_computes_what_the_network_with_two_inputs_a_cell_does(side: int) -> None:
    layout = network_layout(network_plan(6), (3, side, side))
    network = nn.Module()
    network.stem, network.blocks = layout.stem.make(), nn.Sequential(*(block.make() for block in layout.blocks))
    network.eval()
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        found = network.blocks(network.stem(x))
        torch.testing.assert_close(found, run_with_two_inputs(network, x))
    # Two nodes of 16 channels; two reductions, behind three of the stem for ImageNet.
    assert found.shape == (2, layout.channels, *(side // (4 if side == 20 else 32),) * 2)
    assert layout.channels == 2 * 16


def test_stems_by_hand() -> None:
    small, large = Stem(3, 4, imagenet=False), Stem(3, 4, imagenet=True)
    assert sum(p.numel() for p in small.parameters()) == (27 * 12 + 24) + (12 * 4 + 8)
    convolutions = (27 * 2 + 4) + (9 * 2 * 4 + 8) + (9 * 4 * 4 + 8)
    assert sum(p.numel() for p in large.parameters()) == convolutions + (4 * 4 + 8)
    assert small(torch.randn(2, 3, 5, 6)).shape == (2, 4 + 12, 5, 6)
    assert large(torch.randn(2, 3, 64, 72)).shape == (2, 4 + 4, 8, 9)


def test_cell_params_by_hand() -> None:
    # Output of the cell before: 10 channels. A 1x1 convolution for it, a `sep_conv_3x3`, and one for the next cell.
    cell = Cell(CellPlan(NORMAL, (2, 3)), 10, 4, reduction=False, c_next=4)
    assert sum(p.numel() for p in cell.parameters()) == (10 * 4 + 8) + 2 * (9 * 4 + 4 * 4 + 8) + (10 * 4 + 8)
    # With stride 2 a skip is a `FactorizedReduce`, and so is what prepares the next cell.
    cell = Cell(CellPlan(REDUCE, (3,)), 10, 4, reduction=True, c_next=6)
    separable = 2 * 2 * (9 * 4 + 4 * 4 + 8)
    assert sum(p.numel() for p in cell.parameters()) == (10 * 4 + 8) + (4 * 4 + 8) + separable + (10 * 6 + 12)


def test_outputs_by_hand() -> None:
    edges = [("a", 0), ("b", 2), ("a", 2), ("b", 1), ("a", 0), ("b", 0)]
    assert all_nodes(edges) == (2, 3, 4)
    assert loose_ends(edges) == (3, 4)


@settings(max_examples=50, deadline=None)
@given(edges=cells())
def test_canonical_form_does_not_depend_on_the_order_of_nodes_and_edges(edges: tuple[Edge, ...]) -> None:
    expected = canonical_edges(edges, RANK)
    for order in list(permutations(range(4)))[::5]:
        number = {0: 0, 1: 1} | {old + NUM_INPUTS: new for new, old in enumerate(order, start=NUM_INPUTS)}
        moved = [(name, number[s]) for old in order for name, s in reversed(edges[2 * old : 2 * old + 2])]
        assert canonical_edges(moved, RANK) == expected
    assert canonical_edges(expected, RANK) == expected
    assert all(source < NUM_INPUTS + i // 2 for i, (_, source) in enumerate(expected))


def test_different_cells_stay_apart() -> None:
    # Both nodes compute the same; the third uses one of them twice, or each once.
    twin = [("skip_connect", 0), ("skip_connect", 1)] * 2
    one = canonical_edges([*twin, ("sep_conv_3x3", 2), ("sep_conv_3x3", 2)], RANK)
    both = canonical_edges([*twin, ("sep_conv_3x3", 2), ("sep_conv_3x3", 3)], RANK)
    assert one != both
    other = canonical_edges([*twin, ("sep_conv_3x3", 3), ("sep_conv_3x3", 3)], RANK)
    assert one == other


def test_source_of_none_does_not_matter() -> None:
    cell = (("none", 1), ("skip_connect", 0))
    assert canonical_edges(cell, RANK) == (("none", 0), ("skip_connect", 0))


def test_changes_by_hand() -> None:
    found = changed_edges((("none", 0), ("skip_connect", 0)), RANK)
    # `none` becomes any operation on any input, the skip another operation or a skip of the other input.
    first = {edges[0] for edges in found if edges[1] == ("skip_connect", 0)}
    second = {edges[1] for edges in found if edges[0] == ("none", 0)}
    assert first == {(name, source) for name in RANK for source in (0, 1)}
    assert second >= {("skip_connect", 1), ("max_pool_3x3", 0), ("sep_conv_3x3", 0), ("none", 0)}
    assert ("max_pool_3x3", 1) not in second


def test_changes_make_no_cycle() -> None:
    edges = (("skip_connect", 0), ("skip_connect", 3), ("skip_connect", 0), ("skip_connect", 1))  # node 2 uses node 3
    for changed in changed_edges(edges, RANK):
        assert canonical_edges(changed, RANK)
        assert all(source != 2 for _, source in changed[2:] if changed[1][1] == 3)


def test_graph_by_hand() -> None:
    graph = network_graph(network_plan(6))
    assert graph.labels == (
        "input",
        *("sep_conv_3x3", "skip_connect", "max_pool_3x3", "concat"),
        *("max_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_3x3", "output"),
    )
    normal = {(0, 1), (0, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)}
    reduce = {(4, 5), (4, 6), (4, 7), (5, 8), (6, 8), (7, 9), (8, 9)}
    assert set(graph.edges) == normal | reduce


def test_graph_of_a_dead_cell_has_no_edges() -> None:
    dead = CellPlan((("none", 0), ("none", 0)), (2,))
    alive = CellPlan((("skip_connect", 0), ("none", 0)), (2,))
    assert network_graph(NetworkPlan(alive, dead, 6, 32)).edges == ()
    assert network_graph(NetworkPlan(dead, alive, 6, 32)).labels == ("input", "output")
