"""PNAS's cells: the counts, PNASNet-5, strings, words, growth, and networks without what is not needed."""

from functools import cache

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.pnas import PNASNET_5, PNASSpace

RNG = np.random.default_rng(0)
ALL = 10**6

# The published code's lists, an operation (abridged) and an input for each side of each block: 0 is the last cell.
SIDES = ["sep5", "max3", "sep7", "max3", "sep5", "sep3", "sep3", "max3", "sep3", "none"]
INPUTS = (1, 1, 0, 0, 0, 0, 4, 0, 1, 0)


@cache
def space(blocks: int = 5) -> PNASSpace:
    return PNASSpace((3, 8, 8), 10, blocks=blocks)


@cache
def of_one_block() -> tuple[Architecture, ...]:
    return tuple(space().grown(None, 0, 5, RNG, ALL))


def cell(text: str) -> Architecture:
    return space().from_string(text)


def params(of: PNASSpace, text: str) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in of.build(of.from_string(text)).parameters())


# Counts -----------------------------------------------------------------------------------------------------------


def test_there_are_136_cells_of_one_block() -> None:
    """16 pairs of operation and input, two of them in either order: 16 * 17 / 2."""
    assert len(of_one_block()) == len(set(of_one_block())) == 136


def test_they_have_300_children_each_of_which_31620_differ() -> None:
    """24 * 25 / 2 blocks to add; 136 * 137 / 2 pairs of blocks, and 136 times the 300 - 136 that read the first."""
    children = [space().grown(parent, 1, 5, RNG, ALL) for parent in of_one_block()]
    assert {len(of_one) for of_one in children} == {300}
    assert sum(map(len, children)) == 40_800
    assert len({child for of_one in children for child in of_one}) == 31_620 == 136 * 137 // 2 + 136 * 164


def test_the_encodings_of_five_blocks_are_as_many_as_in_the_paper() -> None:
    assert space().size == 5 * (16 * 24 * 32 * 40 * 48) ** 2  # 5.6e14 of five blocks


def test_growth_ends_at_the_most_blocks() -> None:
    here = space(2)
    assert here.growth_steps(99) == 2
    (first,) = here.grown(None, 0, 2, RNG, 1)
    (last,) = here.grown(first, 1, 2, RNG, 1)
    assert len(here.edges(last)) == 4
    assert here.grown(last, 1, 2, RNG, ALL) == []


def test_fewer_children_are_a_random_part_of_all() -> None:
    every = space().grown(of_one_block()[7], 1, 5, RNG, ALL)
    some = space().grown(of_one_block()[7], 1, 5, np.random.default_rng(1), 20)
    other = space().grown(of_one_block()[7], 1, 5, np.random.default_rng(2), 20)
    assert len(set(some)) == 20
    assert set(some) < set(every)
    assert some != other


# Cells ------------------------------------------------------------------------------------------------------------


def test_pnasnet_5_is_the_published_cell() -> None:
    """Its inputs 0 and 1 are our 1 and 0; its "none" is the identity."""
    long = {"max3": "max_pool_3x3", "none": "skip_connect"} | {f"sep{k}": f"sep_conv_{k}x{k}" for k in (3, 5, 7)}
    names = [long[side] for side in SIDES]
    sources = [{0: 1, 1: 0}.get(i, i) for i in INPUTS]
    assert space().edges(cell(PNASNET_5)) == tuple(zip(names, sources, strict=True))


@pytest.mark.parametrize(
    ("shape", "outputs", "cells", "width", "millions"),
    [((3, 32, 32), 10, 3, 48, 3.2), ((3, 224, 224), 1000, 3, 54, 5.1)],
)
def test_pnasnet_5_has_the_published_number_of_parameters(
    shape: tuple[int, int, int], outputs: int, cells: int, width: int, millions: float
) -> None:
    assert round(params(PNASSpace(shape, outputs, cells=cells, width=width), PNASNET_5) / 1e6, 1) == millions


def test_the_large_pnasnet_5_differs_by_its_stem_alone() -> None:
    """86.1 million; the published stem has two cells, which ours has not."""
    found = params(PNASSpace((3, 331, 331), 1001, cells=4, width=216), PNASNET_5)
    assert found == pytest.approx(86.1e6, rel=0.005)


def test_order_of_blocks_and_edges_does_not_matter() -> None:
    first = cell("0:sep_conv_3x3+1:skip_connect|1:max_pool_3x3+1:max_pool_3x3|2:sep_conv_5x5+3:avg_pool_3x3")
    other = cell("1:max_pool_3x3+1:max_pool_3x3|1:skip_connect+0:sep_conv_3x3|2:avg_pool_3x3+3:sep_conv_5x5")
    different = cell("1:max_pool_3x3+1:max_pool_3x3|1:skip_connect+0:sep_conv_3x3|3:avg_pool_3x3+2:sep_conv_5x5")
    assert first != other
    assert space().canonical(first) == space().canonical(other) != space().canonical(different)


def test_what_lies_behind_the_last_block_does_not_count() -> None:
    short = cell("0:sep_conv_3x3+1:skip_connect")
    filled = Architecture("pnas", (0, *short.choices[1:5], *(1,) * 16))
    assert space().canonical(filled) == space().canonical(short)


def test_samples_have_all_blocks() -> None:
    assert {len(space().edges(space().sample(np.random.default_rng(s)))) for s in range(5)} == {10}


@pytest.mark.parametrize(
    "text", ["0:sep_conv_3x3", "0:sep_conv_9x9+1:max_pool_3x3", "2:max_pool_3x3+0:max_pool_3x3", PNASNET_5 + "|"]
)
def test_foreign_cells_are_user_errors(text: str) -> None:
    with pytest.raises(UserError, match="is not a cell of 'pnas'.*at most 5 blocks"):
        cell(text)


def test_a_smaller_space_has_no_large_cells() -> None:
    with pytest.raises(UserError, match="at most 2 blocks"):
        space(2).from_string(PNASNET_5)
    with pytest.raises(UserError, match="at least 1"):
        PNASSpace(blocks=0)


def test_neighbors_have_a_block_more_or_less_or_another_edge() -> None:
    here = space().canonical(cell("0:sep_conv_3x3+1:skip_connect|2:max_pool_3x3+1:avg_pool_3x3"))
    sizes = np.bincount([len(space().edges(a)) // 2 for a in space().neighbors(here)])
    assert sizes[1] == 1  # the second block reads the first, so only the second can go
    assert sizes[3] == 32 * 33 // 2
    assert space().canonical(cell("0:sep_conv_3x3+1:skip_connect")) in space().neighbors(here)


def test_words_are_inputs_and_operations_of_the_blocks() -> None:
    """Six sources come before the eight operations; the canonical order sorts a block's edges by operation."""
    assert space().vocabulary == 14
    assert space().words(cell("0:sep_conv_3x3+1:max_pool_3x3|2:skip_connect+0:sep_conv_7x7")) == [
        (1, 0, 6, 10),
        (2, 0, 8, 12),
    ]


# Networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("0:sep_conv_3x3+1:max_pool_3x3", 6),
        ("1:sep_conv_3x3+1:max_pool_3x3", 6),
        ("0:sep_conv_3x3+0:max_pool_3x3", 3),  # every other cell is never read
    ],
)
def test_every_parameter_of_a_network_is_used(text: str, blocks: int) -> None:
    network = space().build(cell(text))
    network(torch.randn(2, 3, 8, 8)).square().sum().backward()
    assert len(network.blocks) == blocks
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in network.named_parameters() if "head" in n)
    assert all(p.grad is not None for p in network.parameters())


def test_a_cell_that_reads_the_last_one_only_lacks_what_it_does_not_read() -> None:
    """Six cells of stride 1, 1, 2, 1, 2, 1; without the six convolutions that bring the first input to a cell."""
    of = PNASSpace((3, 8, 8), 10, width=8)
    both, last = (params(of, f"{source}:max_pool_3x3+1:max_pool_3x3") for source in (0, 1))
    # channels in, channels out of each convolution, its norm's weights beside it; the stem has three times the width
    carried = [(24, 8), (24, 8), (8, 16), (8, 16), (16, 32), (16, 32)]
    assert both - last == sum(a * b + 2 * b for a, b in carried)


def test_a_cell_that_reads_past_the_last_one_computes_what_the_chain_computes() -> None:
    """Three live cells of six; those left out halve nothing, so that theirs are the last of each third."""
    network = space().build(cell("0:sep_conv_3x3+0:max_pool_3x3")).eval()
    x = torch.randn(1, 3, 8, 8)
    sizes = []
    for stage in network.stages:
        x = stage(x)
        sizes.append((x.shape[1], x.shape[2]))
    assert sizes == [(72, 8), (24, 8), (48, 4), (96, 2)]
