"""NAS-Bench-101: channels and parameters by hand and against published counts, the cell's arithmetic, strings."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.nb101 import NB101, Cell, vertex_channels
from nassay.spaces.nb101_cells import CellGraph, canonical

STRAIGHT = CellGraph((), frozenset({(0, 1)}))
# Two branches, 3x3 and pooled 1x1, and the input added.
BRANCHES = CellGraph((2, 1, 0), frozenset({(0, 1), (0, 2), (2, 3), (1, 4), (3, 4), (0, 4)}))


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def edges(*ways: str) -> frozenset[tuple[int, int]]:
    return frozenset((int(a), int(b)) for way in ways for a, b in zip(way, way[1:], strict=False))


@pytest.mark.parametrize(
    ("ways", "c_out", "expected"),
    [
        (("0123",), 16, [8, 16, 16, 16]),
        (("013", "023"), 15, [8, 8, 7, 15]),
        (("014", "024", "034"), 8, [8, 3, 3, 2, 8]),
        # Vertex 1 feeds the two that share the output: as many channels as the wider one.
        (("0124", "134"), 9, [8, 5, 5, 4, 9]),
        # The edge past the cell takes no share.
        (("01234", "14", "04"), 15, [8, 8, 7, 7, 15]),
    ],
)
def test_vertex_channels_by_hand(ways: tuple[str, ...], c_out: int, expected: list[int]) -> None:
    cell = CellGraph((0,) * (len(expected) - 2), edges(*ways))
    assert vertex_channels(cell, 8, c_out) == expected


def test_params_of_a_cell_by_hand() -> None:
    # Output 9 of input 4: vertex 1 has 5 channels, vertices 2 and 3 have 4.
    projections = (4 * 5 + 10) + (4 * 4 + 8) + (4 * 9 + 18)
    assert params(Cell(BRANCHES, 4, 9, halve=False)) == projections + (9 * 5 * 5 + 10) + (4 * 4 + 8)


def test_cell_arithmetic_by_hand() -> None:
    cell, x = Cell(BRANCHES, 4, 9, halve=False).eval(), torch.randn(2, 4, 5, 5)
    one = cell.operations["1"](cell.projections["1"](x))
    two = cell.operations["2"](cell.projections["2"](x))
    pooled = torch.nn.functional.max_pool2d(two, 3, 1, 1)
    torch.testing.assert_close(cell(x), torch.cat([one, pooled], 1) + cell.projections["4"](x))


def test_a_narrower_vertex_reads_the_first_channels() -> None:
    # Output 3: vertices 2 and 3 have 2 and 1 channels, vertex 1 two.
    cell = Cell(CellGraph((0, 0, 0), frozenset({(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)})), 4, 3, halve=False).eval()
    x = torch.randn(1, 4, 4, 4)
    one = cell.operations["1"](cell.projections["1"](x))
    again = cell.operations["2"](one)
    torch.testing.assert_close(cell(x), torch.cat([again, again[:, :1]], 1))


def test_straight_cell_is_a_projection_and_halving_keeps_odd_borders() -> None:
    cell, x = Cell(STRAIGHT, 4, 8, halve=True).eval(), torch.randn(1, 4, 5, 7)
    torch.testing.assert_close(cell(x), cell.projections["1"](torch.nn.functional.max_pool2d(x, 2, ceil_mode=True)))
    assert cell(x).shape == (1, 8, 3, 4)


def test_smallest_and_largest_networks_have_the_benchmarks_extreme_params() -> None:
    space = NB101()
    largest = CellGraph((2,) * 5, frozenset({(i, i + 1) for i in range(6)} | {(0, 2), (0, 3), (0, 4)}))
    with torch.device("meta"):
        assert params(space.build(space.smallest())) == 227_274
        assert params(space.build(space.architecture(largest))) == 49_979_274


def test_network_has_ten_stages_in_three_sizes() -> None:
    space = NB101(channels=16)
    x, shapes = torch.randn(1, 3, 32, 32), []
    for stage in space.build(space.smallest()).stages:
        x = stage(x)
        shapes.append((x.shape[1], x.shape[2]))
    assert shapes == [(16, 32)] * 4 + [(32, 16)] * 3 + [(64, 8)] * 3


def test_params_and_macs_equal_the_published_ones(
    count_work: Callable[..., Any], read_rows: Callable[..., list[dict[str, Any]]]
) -> None:
    space = NB101()
    rows = read_rows("nasbench101_partial", "adjacency", "ops", "params_M", "flops_naslib_M")
    rows = [row for row in rows if row["params_M"] is not None]
    assert len(rows) == 500
    for row in rows[::25]:
        work = count_work(space, space.from_matrix(row["adjacency"], row["ops"].split(",")))
        assert work.params == round(row["params_M"] * 1e6)
        # The published count adds two operations an element of a norm and one an element that ReLU or a pooling reads.
        expected = work.macs + 2 * work.norms + work.activations + work.pooled
        assert expected == round(row["flops_naslib_M"] * 1e6)


def test_canonical_forms_tell_cells_apart_as_the_tables_hashes_do(
    read_rows: Callable[..., list[dict[str, Any]]],
) -> None:
    space, found = NB101(), {}
    for row in read_rows("nasbench101_partial", "adjacency", "ops", "hash"):
        architecture = space.canonical(space.from_string(f"{row['adjacency']} {row['ops']}"))
        assert found.setdefault(row["hash"], architecture) == architecture
    assert len(set(found.values())) == len(found) == 3372


def test_strings_and_matrices_by_hand() -> None:
    space = NB101()
    text = "0100001000000000 input,conv3x3-bn-relu,maxpool3x3,output"
    with pytest.raises(UserError, match="way from input to output"):
        space.from_string(text)
    text = "0101001000010000 input,conv3x3-bn-relu,maxpool3x3,output"
    with pytest.raises(UserError, match=r"not a NAS-Bench-101 cell; they read"):
        space.from_string(text.replace("maxpool", "avgpool"))
    architecture = space.from_string("0101000100000000 input,conv3x3-bn-relu,maxpool3x3,output")
    # Vertex 2 is pruned: one 3x3 convolution with an edge past it.
    assert space.to_string(architecture) == "011001000 input,conv3x3-bn-relu,output"
    assert space.cell(architecture) == CellGraph((2,), frozenset({(0, 1), (1, 2), (0, 2)}))
    rows = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    names = ["input", "conv3x3-bn-relu", "output"]
    for matrix in (rows, sum(rows, []), "011001000", str(rows)):
        assert space.from_matrix(matrix, names) == architecture


@pytest.mark.parametrize(
    ("matrix", "names"),
    [
        ("01100100", ["input", "conv3x3-bn-relu", "output"]),
        ("010101000", ["input", "conv3x3-bn-relu", "output"]),
        ("0100", ["input", "conv3x3-bn-relu", "output"]),
        ("".join("0" * (i + 1) + "1" * (7 - i - 1) for i in range(7)), ["input", *["maxpool3x3"] * 5, "output"]),
        ("".join("0" * 8 if i == 7 else "0" * (i + 1) + "1" + "0" * (6 - i) for i in range(8)), ["maxpool3x3"] * 8),
    ],
)
def test_what_is_not_a_cell_is_a_user_error(matrix: str, names: list[str]) -> None:
    with pytest.raises(UserError, match="is not a NAS-Bench-101 cell"):
        NB101().from_matrix(matrix, names)


def test_graph_and_encoding_keep_the_order_of_the_vertices() -> None:
    space = NB101()
    architecture = space.architecture(BRANCHES)
    graph = space.graph(architecture)
    assert graph.labels == ("input", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "output")
    assert graph.edges == ((0, 1), (0, 2), (0, 4), (1, 4), (2, 3), (3, 4))
    assert space.cell(space.canonical(architecture)) == canonical(BRANCHES)
    assert space.canonical(architecture) == space.canonical(space.architecture(canonical(BRANCHES)))


def test_wrong_sizes_are_user_errors() -> None:
    with pytest.raises(UserError, match="channels=0"):
        NB101(channels=0)
