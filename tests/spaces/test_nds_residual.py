"""The residual spaces of NDS against the published tables, blocks by hand, strings."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nassay.errors import UserError
from nassay.spaces.nds import nds_space
from nassay.spaces.nds_residual import GroupedBottleneck, NDSResNet, NDSResNeXtA, deep_stem, pooled_stem

RESNET = (
    '{"block_type": "res_basic_block", "bot_muls": [], "ds": [1, 5, 2, 3, 10], "num_gs": [], "ss": [4, 1, 2, 2, 2], '
    '"ws": [32, 32, 32, 192, 128]}'
)
RESNEXT = (
    '{"block_type": "res_bottleneck_block", "bot_muls": [1.0, 0.25, 0.5, 0.25], "ds": [1, 2, 2, 2], '
    '"num_gs": [1, 2, 4, 2], "ss": [8, 1, 2, 2], "ws": [64, 16, 128, 128]}'
)


def params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("file", ["ResNet_lr-wd_in", "Vanilla_lr-wd_in", "ResNeXt-A_in", "ResNeXt-B_in"])
def test_strings_params_and_macs_equal_the_published_ones(
    file: str, count_work: Callable[..., Any], read_rows: Callable[..., list[dict[str, Any]]]
) -> None:
    rows = read_rows("nds_imagenet_and_reruns", "file", "params", "flops", "net_json")
    rows = [row for row in rows if row["file"] == file]
    space = nds_space(file)
    for row in rows:
        assert space.to_string(space.from_string(row["net_json"])) == row["net_json"]
    for row in rows[:: len(rows) // 5]:
        work = count_work(space, space.from_string(row["net_json"]))
        assert work.params == row["params"]
        # The published count adds five operations an element of a norm, and the head's bias.
        assert work.macs + 5 * work.norms + 1000 == row["flops"]


def test_grouped_bottleneck_by_hand() -> None:
    block, x = GroupedBottleneck(8, 16, 4, 2, 2).eval(), torch.randn(2, 8, 5, 7)
    assert params(block) == (8 * 4 + 8) + (9 * 4 * 2 + 8) + (4 * 16 + 32) + (8 * 16 + 32)
    assert block(x).shape == (2, 16, 3, 4)
    torch.testing.assert_close(block(x), torch.relu(block.layers(x) + block.shortcut(x)))
    same = GroupedBottleneck(8, 8, 4, 1, 1).eval()
    torch.testing.assert_close(same(x), torch.relu(same.layers(x) + x))


def test_stems_by_hand() -> None:
    x = torch.randn(2, 3, 64, 72)
    assert pooled_stem(3, 16)(x).shape == (2, 16, 16, 18)
    assert params(pooled_stem(3, 16)) == 147 * 16 + 32
    assert deep_stem(3, 64)(x).shape == (2, 64, 8, 9)
    assert params(deep_stem(3, 64)) == 56_480


def test_plan_of_a_published_network() -> None:
    space = NDSResNeXtA()
    plan = space.plan(space.from_string(RESNEXT))
    stages = [(stage.depth, stage.width, stage.multiplier, stage.groups) for stage in plan.stages]
    assert stages == [(2, 16, 0.25, 2), (2, 128, 0.5, 4), (2, 128, 0.25, 2)]
    assert plan.stem == 64


@pytest.mark.parametrize(
    ("shape", "sides"),
    # map sides after the stem and after each stage
    [
        ((3, 224, 224), [56, 56, 28, 14, 7]),
        ((3, 64, 64), [16, 16, 8, 4, 2]),
        ((3, 32, 32), [32, 32, 16, 8, 4]),
        ((1, 8, 8), [8, 8, 8, 4, 4]),
    ],
)
def test_strides_follow_the_input_size(shape: tuple[int, int, int], sides: list[int]) -> None:
    space = NDSResNet(shape)
    with torch.device("meta"):
        x, found = torch.empty(1, *shape), []
        for stage in space.build(space.smallest()).stages:
            x = stage(x)
            found.append(x.shape[-1])
    assert found == sides


@pytest.mark.parametrize(
    "text",
    [
        RESNET.replace("[1, 5,", "[1, 7,"),
        RESNET.replace("192", "193"),
        RESNET.replace("res_basic", "double_plain"),
        RESNET.replace("[4, 1,", "[1, 1,"),
        RESNET.replace("[32, 32, 32, 192, 128]", "[32, 32, 32, 192]"),
        RESNEXT,
    ],
)
def test_what_the_space_lacks_is_a_user_error(text: str) -> None:
    assert NDSResNet().to_string(NDSResNet().from_string(RESNET)) == RESNET
    with pytest.raises(UserError, match="is not a network of 'nds_resnet'.*they read"):
        NDSResNet().from_string(text)
