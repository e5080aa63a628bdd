"""NAS-Bench-201: parameters by hand and against the published table, the cell's arithmetic, dead cells."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201, OPERATIONS, Cell, Reduction

TABLE = Path(os.environ.get("NASSAY_DATA", "")) / "tables" / "nasbench201.parquet"
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
MIXED = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|skip_connect~2|"


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def params_by_hand(space: NB201, choices: tuple[int, ...]) -> int:
    """Stem, cells, reductions, tail and head from the widths alone."""
    total = space.input_shape[0] * 9 * space.channels + 2 * space.channels
    for c in (space.channels, 2 * space.channels, 4 * space.channels):
        cell = sum({2: c * c + 2 * c, 3: 9 * c * c + 2 * c}.get(choice, 0) for choice in choices)
        total += space.cells * cell
        if c < 4 * space.channels:
            total += 9 * c * 2 * c + 4 * c + 9 * 2 * c * 2 * c + 4 * c + c * 2 * c
    last = 4 * space.channels
    return total + 2 * last + last * space.num_outputs + space.num_outputs


@pytest.mark.parametrize(("text", "expected"), [(DEAD, 73_306), (MIXED, 73_306 + 243_040 + 28_000)])
def test_params_of_two_cells(text: str, expected: int) -> None:
    # 28,000 and 243,040: five cells at 16, 32 and 64 channels with one 1x1 or 3x3 convolution and its norm.
    space = NB201()
    architecture = space.from_string(text)
    assert params(space.build(architecture)) == expected == params_by_hand(space, architecture.choices)


def test_params_with_other_inputs_widths_and_depths() -> None:
    space = NB201((1, 20, 12), 7, channels=4, cells=2)
    architecture = space.sample(np.random.default_rng(0))
    assert params(space.build(architecture)) == params_by_hand(space, architecture.choices)
    assert len(space.build(architecture).stages) == 1 + 3 * 2 + 2


def test_params_equal_the_published_table() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    if not TABLE.is_file():
        pytest.skip(f"{TABLE} is missing: set NASSAY_DATA")
    table = parquet.read_table(TABLE, columns=["arch_str", "params_cifar10_M"])
    rows = dict(zip(table["arch_str"].to_pylist(), table["params_cifar10_M"].to_pylist(), strict=True))
    space = NB201()
    assert len(rows) == space.size
    for text, millions in rows.items():
        assert params_by_hand(space, space.from_string(text).choices) == round(millions * 1e6)
    with torch.device("meta"):
        for text in list(rows)[::1600]:
            assert params(space.build(space.from_string(text))) == round(rows[text] * 1e6)


def test_network_has_eighteen_stages_in_three_sizes() -> None:
    space = NB201()
    network, x = space.build(space.from_string(MIXED)), torch.randn(1, 3, 32, 32)
    shapes = []
    for stage in network.stages:
        x = stage(x)
        shapes.append((x.shape[1], x.shape[2]))
    assert shapes == [(16, 32)] * 6 + [(32, 16)] * 6 + [(64, 8)] * 6


def test_cell_arithmetic_by_hand() -> None:
    # Node 1 = conv(x), node 2 = conv'(node 1), output = x + avg_pool(node 1) + node 2.
    cell = Cell(NB201().from_string(MIXED).choices, 4).eval()
    x = torch.randn(2, 4, 5, 5)
    one = cell.edges["1<-0"](x)
    ones = torch.ones(1, 1, 3, 3)
    counts = functional.conv2d(torch.ones(1, 1, 5, 5), ones, padding=1)
    pooled = functional.conv2d(one, ones.expand(4, 1, 3, 3), padding=1, groups=4) / counts
    torch.testing.assert_close(cell(x), x + pooled + cell.edges["2<-1"](one))


def test_reduction_at_even_and_odd_sizes() -> None:
    block = Reduction(4, 8).eval()
    x = torch.randn(2, 4, 6, 6)
    shortcut = functional.conv2d(functional.avg_pool2d(x, 2), block.shortcut[1].weight)
    torch.testing.assert_close(block(x), shortcut + block.convolutions(x))
    assert block(torch.randn(2, 4, 7, 1)).shape == (2, 8, 4, 1)


def test_a_dead_network_is_constant_and_trains_its_bias() -> None:
    space = NB201((3, 16, 16))
    architecture = space.from_string(DEAD)
    assert space.is_dead(architecture)
    network = space.build(architecture)
    outputs = network(torch.randn(3, 3, 16, 16))
    torch.testing.assert_close(outputs, outputs[:1].expand_as(outputs))
    functional.cross_entropy(outputs, torch.tensor([0, 0, 1])).backward()
    assert network.head[-1].bias.grad.any()
    assert not network.stem[0].weight.grad.any()


def test_canonical_nodes_are_not_dead_unless_the_cell_is() -> None:
    space = NB201()
    conv_of_nothing = space.from_string("|none~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|")
    assert space.is_dead(conv_of_nothing)
    assert space.to_string(space.canonical(conv_of_nothing)) == DEAD


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # A chain through node 1 or through node 2.
        (
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
            "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
        ),
        # Nodes 1 and 2 exchanged.
        (
            "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|",
            "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|none~0|nor_conv_3x3~1|nor_conv_1x1~2|",
        ),
        # The input twice, and a pooling that two nodes use.
        (
            "|skip_connect~0|+|avg_pool_3x3~0|none~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
            "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
        ),
    ],
)
def test_equal_cells_compute_the_same_with_the_same_weights(one: str, other: str) -> None:
    space = NB201()
    a, b = space.from_string(one), space.from_string(other)
    assert space.canonical(a) == space.canonical(b)
    cells = [Cell(architecture.choices, 4).eval() for architecture in (a, b)]
    for cell in cells:
        for edge, operation in cell.edges.items():
            for module in operation.modules():
                if isinstance(module, torch.nn.Conv2d):
                    # In these cells, kernel size and distance from the input tell the convolutions apart.
                    torch.manual_seed(10 * module.kernel_size[0] + edge.endswith("0"))
                    torch.nn.init.normal_(module.weight)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(cells[0](x), cells[1](x))


def test_graph_leaves_dead_operations_out() -> None:
    space = NB201()
    text = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|none~2|"
    graph = space.graph(space.from_string(text))
    assert graph.labels == ("input", "nor_conv_3x3", "skip_connect", "output")
    assert graph.edges == ((0, 1), (1, 2), (2, 3))


@pytest.mark.parametrize(
    "text",
    [
        MIXED.replace("skip_connect~0", "skip_connect~1"),
        MIXED.replace("avg_pool_3x3", "max_pool_3x3"),
        MIXED + "x",
        MIXED.removesuffix("skip_connect~2|"),
    ],
)
def test_what_is_not_a_cell_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match=f"NAS-Bench-201 cell.*{OPERATIONS[-1]}"):
        NB201().from_string(text)


def test_wrong_sizes_are_user_errors() -> None:
    with pytest.raises(UserError, match="cells=0"):
        NB201(cells=0)
    with pytest.raises(UserError, match="space 'nb201'"):
        NB201().canonical(Architecture("mobile", (0,) * 6))
