"""The residual space: sizes and strides by hand, strings, order of the options."""

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.resnet import ResidualBlock, ResNet


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("kind", "c_in", "stride", "shortcut", "expected"),
    [
        # 9*16*16 + 32, twice; an identity costs nothing
        ("basic", 16, 1, True, 2 * (2304 + 32)),
        # 9*8*16 + 32, 9*16*16 + 32, projection 8*16 + 32
        ("basic", 8, 1, True, 1152 + 32 + 2304 + 32 + 160),
        ("basic", 8, 2, False, 1152 + 32 + 2304 + 32),
        # 8*4 + 8, 9*4*4 + 8, 4*16 + 32
        ("bottleneck", 8, 2, False, 40 + 152 + 96),
    ],
)
def test_block_params_by_hand(kind: str, c_in: int, stride: int, shortcut: bool, expected: int) -> None:
    block = ResidualBlock(c_in, 16, kind, stride, shortcut)
    assert params(block) == expected
    assert block(torch.randn(2, c_in, 5, 7)).shape == (2, 16, *((5, 7) if stride == 1 else (3, 4)))


def test_identity_shortcut_is_added_before_the_last_relu() -> None:
    block, x = ResidualBlock(8, 8, "basic", 1, True), torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(block(x), torch.relu(x + block.layers(x)))
    plain = ResidualBlock(8, 8, "basic", 1, False)
    torch.testing.assert_close(plain(x), torch.relu(plain.layers(x)))


def test_size_by_hand() -> None:
    # 4 stems; each of four stages: 4 depths, 6 widths, 2 kinds, shortcuts or not
    assert ResNet().size == 4 * (4 * 6 * 2 * 2) ** 4


def test_resnet18_is_a_point_of_the_space() -> None:
    space = ResNet((3, 224, 224), 1000)
    text = "resnet:stem64-basic64x2-basic128x2-basic256x2-basic512x2"
    with torch.device("meta"):
        network = space.build(space.from_string(text))
    # ResNet-18 has 11,689,512 parameters with a 7x7 stem (9,408 weights, here 3x3: 1,728) and no projection
    # in
    # its first stage (here the stride makes one: 64 * 64 weights and 128 of the norm).
    assert params(network) == 11_689_512 - 9_408 + 1_728 + 64 * 64 + 128


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((1, 8, 8), [8, 8, 8, 4, 4]),
        ((3, 32, 32), [32, 32, 16, 8, 4]),
        ((3, 64, 64), [32, 32, 16, 8, 4]),
        ((3, 224, 224), [112, 56, 28, 14, 7]),
    ],
)
def test_strides_follow_the_input_size(shape: tuple[int, int, int], sides: list[int]) -> None:
    space = ResNet(shape)
    with torch.device("meta"):
        x, found = torch.empty(1, *shape), []
        for stage in space.build(space.smallest()).stages:
            x = stage(x)
            found.append(x.shape[-1])
    assert found == sides


def test_string_by_hand() -> None:
    space = ResNet()
    text = "resnet:stem16-basic64x2-plain-basic128x1-bottleneck32x4-plain-bottleneck512x3"
    architecture = space.from_string(text)
    assert space.to_string(architecture) == text
    #              stem  depth, width, kind, shortcuts of each stage
    assert architecture.choices == (1, 1, 5, 1, 1, 0, 5, 1, 0, 3, 1, 0, 1, 2, 5, 0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet:stem16-basic64x2-basic128x1-basic32x4", "is not a residual network"),
        ("resnet:stem16-basic65x2-basic128x1-basic32x4-basic512x3", "no stage width 65"),
        ("resnet:stem16-basic64x5-basic128x1-basic32x4-basic512x3", "no depth 5"),
        ("resnet:stem17-basic64x2-basic128x1-basic32x4-basic512x3", "no stem width 17"),
    ],
)
def test_what_the_space_lacks_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ResNet().from_string(text)


def test_lowering_any_choice_never_adds_parameters() -> None:
    space, rng = ResNet(), np.random.default_rng(0)
    here = space.sample(rng)
    with torch.device("meta"):
        size = params(space.build(here))
        for i, choice in enumerate(here.choices):
            for option in range(choice):
                lower = Architecture("resnet", (*here.choices[:i], option, *here.choices[i + 1 :]))
                assert params(space.build(lower)) <= size


def test_graph_has_an_add_behind_each_shortcut() -> None:
    space = ResNet()
    graph = space.graph(space.from_string("resnet:stem8-basic8x2-plain-basic8x1-plain-bottleneck16x1-bottleneck32x1"))
    chain = ("basic", "add", "basic", "add", "basic", "bottleneck", "bottleneck", "add")
    assert graph.labels == ("input", "stem", *chain, "output")
    assert len(graph.edges) == len(graph.labels) - 1 + 3


def test_blocks_of_each_kind_have_their_own_place_in_the_super_network() -> None:
    space = ResNet()
    found = space.from_string("resnet:stem32-basic64x2-bottleneck128x1-plain-bottleneck256x3-basic512x1")
    assert space.shared_blocks(found) == (4, 5, 8, 16, 17, 18, 28)


def test_first_blocks_of_the_super_network_have_projections() -> None:
    """At 8 x 8 the third stage alone halves; the stem is as wide as the first stage, and still there is one."""
    blocks = ResNet((1, 8, 8), 4).super_layout(lambda *_: torch.nn.Identity(), width=0.25).blocks
    made = [piece.make() for piece in blocks]
    assert len(made) == 32
    projected = [i for i, block in enumerate(made) if not isinstance(block.shortcut, torch.nn.Identity)]
    assert projected == [0, 4, 8, 12, 16, 20, 24, 28]
