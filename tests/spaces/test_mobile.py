"""The mobile space: sizes and strides by hand, strings, references, the spread of samples."""

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.mobile import MAX_DEPTH, Block, InvertedResidual, Mobile


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def largest(space: Mobile) -> Architecture:
    return Architecture("mobile", tuple(n - 1 for n in space.options))


@pytest.mark.parametrize(
    ("block", "stride", "expected"),
    [
        # depthwise 9*8 + norm 16, projection 8*16 + norm 32
        (Block(3, 1, False), 1, 72 + 16 + 128 + 32),
        # expansion 8*32 + 64, depthwise 25*32 + 64, gate (32*8 + 8) + (8*32 + 32), projection 32*16 + 32
        (Block(5, 4, True), 2, 256 + 64 + 800 + 64 + 264 + 288 + 512 + 32),
    ],
)
def test_block_params_by_hand(block: Block, stride: int, expected: int) -> None:
    module = InvertedResidual(8, 16, block, stride)
    assert params(module) == expected
    assert module(torch.randn(2, 8, 7, 5)).shape == (2, 16, *((7, 5) if stride == 1 else (4, 3)))


def test_block_is_residual_only_where_shapes_agree() -> None:
    x = torch.randn(2, 8, 4, 4)
    block = InvertedResidual(8, 8, Block(3, 2, True), 1)
    torch.testing.assert_close(block(x), x + block.layers(x))
    assert not InvertedResidual(8, 8, Block(3, 2, True), 2).residual
    assert not InvertedResidual(8, 16, Block(3, 2, True), 1).residual


def test_smallest_params_by_hand() -> None:
    space = Mobile((1, 8, 8), 10)
    stem, tail, head = 9 * 8 + 16, 24 * 40 + 80, 40 * 10 + 10
    stages = 4 * (9 * 8 + 16 + 8 * 8 + 16) + (9 * 8 + 16 + 8 * 16 + 32) + (9 * 16 + 32 + 16 * 24 + 48)
    assert params(space.build(space.smallest())) == stem + stages + tail + head == 3066


def test_largest_is_a_full_size_network() -> None:
    space = Mobile((3, 224, 224), 1000)
    with torch.device("meta"):
        assert params(space.build(largest(space))) > 5_000_000


@pytest.mark.parametrize(
    ("shape", "sides"),
    # map sides after the stem and after each of the six stages, one block each
    [
        ((1, 8, 8), [8, 8, 8, 8, 4, 4, 4]),
        ((3, 32, 32), [32, 32, 16, 16, 8, 8, 4]),
        ((3, 64, 64), [32, 32, 16, 16, 8, 8, 4]),
        ((3, 224, 224), [112, 112, 56, 28, 14, 14, 7]),
    ],
)
def test_strides_follow_the_input_size(shape: tuple[int, int, int], sides: list[int]) -> None:
    space = Mobile(shape)
    with torch.device("meta"):
        x, found = torch.empty(1, *shape), []
        for stage in space.build(space.smallest()).stages:
            x = stage(x)
            found.append(x.shape[-1])
    assert found == sides


def test_string_by_hand() -> None:
    space = Mobile()
    text = (
        "mobile:stem16-w16[k3e1]-w24[k3e6,k5e6se]-w32[k7e2,k3e3,k3e4se]-w48[k3e1,k3e1,k3e1,k5e1]-w16[k3e6]"
        "-w160[k5e6se]-tail320"
    )
    plan = space.plan(space.from_string(text))
    assert (plan.stem, plan.tail) == (16, 320)
    assert [stage.width for stage in plan.stages] == [16, 24, 32, 48, 16, 160]
    assert [len(stage.blocks) for stage in plan.stages] == [1, 2, 3, 4, 1, 1]
    assert plan.stages[2].blocks[2] == Block(3, 4, True)
    assert space.to_string(space.architecture(plan)) == text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stem8", "stem9", "no stem width 9"),
        ("w24[", "w23[", "no stage width 23"),
        ("[k3e1]", "[k4e1]", "no kernel 4"),
        ("[k3e1]", "[k3e5]", "no expansion 5"),
        ("[k3e1]", "[k3]", "is not a block"),
        ("[k3e1]", "[k3e1,k3e1,k3e1,k3e1,k3e1]", "no depth 5"),
        ("-w24[k3e1]", "", "6 stages"),
    ],
)
def test_what_the_space_lacks_is_named(old: str, new: str, message: str) -> None:
    space = Mobile()
    with pytest.raises(UserError, match=message):
        space.from_string(space.to_string(space.smallest()).replace(old, new, 1))


def test_canonical_forgets_blocks_beyond_the_depth() -> None:
    space = Mobile()
    choices = list(largest(space).choices)
    choices[2] = 0  # depth 1 in the first stage: three of its four blocks are unused
    found = space.canonical(Architecture("mobile", tuple(choices)))
    assert found.choices[4 : 4 + 3 * MAX_DEPTH] == (2, 4, 1) + (0, 0, 0) * 3
    assert found.choices[4 + 3 * MAX_DEPTH :] == tuple(choices[4 + 3 * MAX_DEPTH :])


def test_neighbors_of_the_smallest_counted_by_hand() -> None:
    # Stem 3, tail 5, stage widths 1 + 2 + 3 + 5 + 5 + 5; in each of the six stages the block's 2 kernels,
    # 4 expansions and 1 gate, and 3 * 5 * 2 blocks that could follow it.
    space = Mobile()
    assert len(space.neighbors(space.smallest())) == 3 + 5 + 21 + 6 * (2 + 4 + 1 + 30)


def test_mutants_reach_every_kind_of_choice() -> None:
    space, rng = Mobile(), np.random.default_rng(0)
    here = space.sample(rng)
    changed = set()
    for _ in range(300):
        mutant = space.mutate(here, rng)
        changed |= {i for i, (a, b) in enumerate(zip(here.choices, mutant.choices, strict=True)) if a != b}
    used = [i for i, c in enumerate(here.choices) if c]
    assert changed >= {0, 1}
    assert len(changed & set(used)) > 0.8 * len(used)


def test_references_are_mobilenet_v2_from_large_to_small() -> None:
    space = Mobile()
    references = space.references()
    assert space.to_string(references[0]) == (
        "mobile:stem32-w16[k3e1]-w24[k3e6,k3e6]-w32[k3e6,k3e6,k3e6]-w64[k3e6,k3e6,k3e6,k3e6]"
        "-w96[k3e6,k3e6,k3e6]-w160[k3e6,k3e6,k3e6]-tail1280"
    )
    with torch.device("meta"):
        sizes = [params(space.build(reference)) for reference in references]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes) >= 5
    assert space.plan(references[-1]).stages[-1].width == 24
    assert all(space.canonical(reference) == reference for reference in references)


def test_samples_spread_over_two_orders_of_magnitude() -> None:
    space, rng = Mobile(), np.random.default_rng(0)
    with torch.device("meta"):
        sizes = np.array([params(space.build(space.sample(rng))) for _ in range(60)])
    assert sizes.max() / sizes.min() > 50
    assert np.median(sizes) < 500_000


def test_graph_of_the_smallest() -> None:
    # At 8x8 the only stride is in stage 4; widths change in stages 5 and 6: stages 1 to 3 are residual.
    space = Mobile((1, 8, 8))
    graph = space.graph(space.smallest())
    assert graph.labels == ("input", "stem", *("k3e1", "add") * 3, *("k3e1",) * 3, "tail", "output")
    assert len(graph.edges) == len(graph.labels) - 1 + 3


def test_a_stage_s_blocks_are_the_first_of_the_super_network_s_four() -> None:
    space = Mobile()
    found = space.shared_blocks(space.references()[0])  # depths 1, 2, 3, 4, 3, 3
    assert found == (0, 4, 5, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22)
    assert len(space.super_layout(lambda *_: torch.nn.Identity()).blocks) == 6 * MAX_DEPTH
