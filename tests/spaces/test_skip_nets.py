"""Skip networks: sizes by hand, where skip connections lead, strings, and how many networks there are."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.skip_nets import (
    DEPTHS,
    MOST_SKIPS,
    MULTIPLIERS,
    CellBlock,
    SkipAdd,
    SkipCell,
    SkipConcat,
    SkipNets,
    room,
    skip_sources,
)


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# How many ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [SkipAdd(), SkipConcat()], ids=lambda s: s.name)
def test_there_are_more_than_63_billion_networks(space: SkipNets) -> None:
    """Multipliers times, for each of three cells, every number of skips that each depth has room for."""
    cells = {c[1:3] for c in ((0, d, s) for d in range(26) for s in range(71) if s <= room(DEPTHS[d]))}
    widths = {tuple(c.width for c in space.cells(Architecture(space.name, (m,) + (0,) * 6))) for m in range(21)}
    assert len(widths) == len(MULTIPLIERS) == 21
    assert len(cells) == 1498
    assert len(widths) * len(cells) ** 3 == 70_591_877_832 > 63e9
    assert space.size == 21 * (26 * 71) ** 3


def test_what_has_no_room_is_the_network_without_it() -> None:
    space = SkipAdd()
    full = Architecture("skip_add", (0, 0, 70, 0, 6, 25, 70))
    assert space.canonical(full).choices == (0, 0, 6, 0, 6, 25, 70)  # five layers: 4 * 3 / 2 pairs
    assert space.cells(full) == (SkipCell(8, 5, 6), SkipCell(16, 5, 6), SkipCell(32, 30, 70))


def test_a_depth_without_room_for_the_skips_is_no_neighbor() -> None:
    space = SkipConcat()
    here = space.from_string("skip_concat:w1.5-d6s10-d6s3-d6s0")  # 6 layers have room for 10, 5 layers for 6
    near = {space.cells(a) for a in space.neighbors(here)}
    rest = (SkipCell(24, 6, 3), SkipCell(48, 6, 0))
    assert (SkipCell(12, 5, 6), *rest) not in near
    assert (SkipCell(12, 7, 10), *rest) in near
    assert (SkipCell(12, 6, 9), *rest) in near


# Where skip connections lead ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [3, 5, 12, 30])
def test_every_number_of_skips_finds_distinct_places(depth: int) -> None:
    for skips in range(min(MOST_SKIPS, int(room(depth))) + 1):
        sources = skip_sources(depth, skips)
        assert len(sources) == depth
        assert sum(map(len, sources)) == skips
        for layer, read in enumerate(sources):
            assert len(set(read)) == len(read)
            assert all(0 <= i <= layer - 2 for i in read)


def test_a_full_cell_reads_everything() -> None:
    assert skip_sources(5, 6) == ((), (), (0,), (0, 1), (0, 1, 2))


def test_few_skips_by_hand() -> None:
    # 3 of 6 pairs: shares up to layers 2, 3, 4 are 1/6, 3/6, 1; floors of 3 times those 0, 1, 3
    assert skip_sources(5, 3) == ((), (), (), (1,), (0, 2))


@pytest.mark.parametrize("concat", [False, True])
def test_a_block_computes_what_its_skips_say(concat: bool) -> None:
    torch.manual_seed(0)
    block = CellBlock(2, 3, 4, 2, concat, 1).eval()
    assert block.sources == ((), (), (), (0, 1))
    x = torch.randn(2, 2, 5, 5)
    outputs = [x]
    for layer in block.layers[:3]:
        outputs.append(layer(outputs[-1]))
    _, first, second, third = outputs
    joined = torch.cat([third, first, second], 1) if concat else third + first + second
    torch.testing.assert_close(block(x), block.layers[3](joined))


def test_block_params_by_hand() -> None:
    # a layer has 9 * c_in * 8 weights and 16 of its norm; a concatenated skip adds 9 * 8 * 8 weights, an added one none
    layers = 9 * 4 * 8 + 4 * 9 * 8 * 8 + 5 * 16
    assert params(CellBlock(4, 8, 5, 6, False, 1)) == layers
    assert params(CellBlock(4, 8, 5, 6, True, 1)) == layers + 6 * 9 * 8 * 8


def test_graph_by_hand() -> None:
    space = SkipAdd()
    graph = space.graph(space.from_string("skip_add:w1.0-d5s3-d5s0-d5s0"))
    cell = ["conv_block"] * 3 + ["add", "conv_block", "add", "conv_block"]
    assert graph.labels == ("input", "stem", *cell, *["conv_block"] * 10, "output")
    chain = set(pairwise(range(len(graph.labels))))
    assert set(graph.edges) - chain == {(3, 5), (2, 7), (4, 7)}  # layers are nodes 2, 3, 4, 6, 8 of the first cell


# The network -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((1, 8, 8), [8, 8, 8, 4]),
        ((1, 14, 14), [14, 14, 7, 4]),
        ((3, 32, 32), [16, 16, 8, 4]),
        ((3, 64, 64), [32, 16, 8, 4]),
    ],
)
def test_strides_follow_the_input_size(shape: tuple[int, int, int], sides: list[int]) -> None:
    space = SkipConcat(shape)
    with torch.device("meta"):
        x, found = torch.empty(1, *shape), []
        for stage in space.build(space.smallest()).stages:
            x = stage(x)
            found.append(x.shape[-1])
    assert found == sides


def test_string_by_hand() -> None:
    space, text = SkipConcat(), "skip_concat:w1.4-d12s30-d8s10-d20s44"
    architecture = space.from_string(text)
    assert space.to_string(architecture) == text
    assert architecture.choices == (4, 7, 30, 3, 10, 15, 44)
    assert space.cells(architecture) == (SkipCell(11, 12, 30), SkipCell(22, 8, 10), SkipCell(45, 20, 44))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("skip_concat:w1.4-d12s30-d8s10", "is not a skip network"),
        ("skip_add:w1.4-d12s30-d8s10-d20s44", "is not a skip network"),
        ("skip_concat:w3.1-d12s30-d8s10-d20s44", "no width multiplier 3.1"),
        ("skip_concat:w1.4-d4s0-d8s10-d20s44", "no depth 4"),
        ("skip_concat:w1.4-d5s7-d8s10-d20s44", "no number of skip connections 7"),
        ("skip_concat:w1.4-d5s6-d8s10-d20s71", "no number of skip connections 71"),
    ],
)
def test_what_the_space_lacks_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        SkipConcat().from_string(text)


def test_samples_spread_over_sizes() -> None:
    """A shared size makes the sum of three depths spread as uniform numbers do, not as their mean."""
    space, rng = SkipAdd(), np.random.default_rng(0)
    depths = [sum(c.depth for c in space.cells(space.sample(rng))) for _ in range(400)]
    independent = np.sqrt(3 * (26**2 - 1) / 12)
    assert np.std(depths) > 1.4 * independent
