"""Stride rule, rounding, small blocks and chain graphs, against values worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from nassay.errors import UserError
from nassay.spaces.blocks import (
    SqueezeExcite,
    chain_graph,
    conv_bn,
    halved_at,
    init_convolutions,
    make_divisible,
    num_downsamplings,
    option_index,
    piece,
    scale_channels,
    spread_choice,
)


@pytest.mark.parametrize(
    ("height", "width", "times"),
    # 28 -> 14 -> 7 -> 4; 33x21: 21 -> 11 -> 6; 7x7: 4; 6x6 would become 3
    [(8, 8, 1), (28, 28, 3), (32, 32, 3), (33, 21, 2), (64, 48, 3), (224, 224, 5), (500, 4, 0), (7, 7, 1), (6, 6, 0)],
)
def test_num_downsamplings(height: int, width: int, times: int) -> None:
    assert num_downsamplings((3, height, width)) == times


def test_large_inputs_are_halved_five_times_at_most() -> None:
    assert num_downsamplings((3, 2048, 2048)) == 5


def test_strides_are_given_out_in_order() -> None:
    assert halved_at((4, 2, 6, 0, 3), (3, 32, 32)) == {4, 2, 6}
    assert halved_at((4, 2, 6, 0, 3), (3, 5, 5)) == frozenset()


@pytest.mark.parametrize(("channels", "expected"), [(1, 8), (11.9, 8), (12, 16), (16, 16), (20, 24)])
def test_make_divisible(channels: float, expected: int) -> None:
    assert make_divisible(channels) == expected


def test_scale_channels() -> None:
    assert [scale_channels(24, width) for width in (1.0, 0.5, 0.25, 0.01)] == [24, 12, 6, 1]
    with pytest.raises(UserError, match="positive"):
        scale_channels(24, -0.5)


def test_option_index_names_the_options() -> None:
    assert option_index("kernel", 5, (3, 5, 7)) == 1
    with pytest.raises(UserError, match="no kernel 4 here, only 3, 5, 7"):
        option_index("kernel", 4, (3, 5, 7))


def test_spread_choice_is_uniform_alone_and_correlated_together() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.random(4000)
    first, second = (np.array([spread_choice(4, size, rng) for size in sizes]) for _ in range(2))
    # Four options, 4000 draws: the standard error of each share is 0.007.
    assert np.abs(np.bincount(first, minlength=4) / 4000 - 0.25).max() < 0.03
    # Two choices of the same size: covariance 3^2 Var(u) = 0.75, variance of a uniform on 0..3 = 1.25.
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.6, abs=0.05)
    assert {spread_choice(4, 0.0, rng), spread_choice(4, 1.0, rng)} == {0, 3}


def test_conv_bn_halves_odd_sizes_upwards() -> None:
    y = conv_bn(3, 8, 5, stride=2)(torch.randn(2, 3, 9, 6))
    assert y.shape == (2, 8, 5, 3)
    assert y.min() == 0
    assert conv_bn(3, 8, 1, relu=False)(torch.randn(2, 3, 4, 4)).min() < 0


def test_squeeze_excite_gates_by_channel() -> None:
    block = init_convolutions(SqueezeExcite(4, 8))
    x = torch.randn(2, 4, 3, 3)
    ratio = block(x) / x
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert ratio.min() >= 0
    assert ratio.max() <= 1
    # Zero biases: the gate of a zero input is hardsigmoid(0) = 1/2.
    torch.testing.assert_close(block.gate(torch.zeros_like(x)), torch.full((2, 4, 1, 1), 0.5))


def test_initialisation_has_the_variance_of_he_by_fan_out() -> None:
    torch.manual_seed(0)
    full, depthwise = init_convolutions(nn.ModuleList([nn.Conv2d(64, 128, 3), nn.Conv2d(512, 512, 5, groups=512)]))
    # Var = 2 / (k * k * c_out / groups); a uniform variable's bound is sqrt(3 Var).
    for layer, variance in ((full, 2 / (9 * 128)), (depthwise, 2 / 25)):
        assert layer.weight.var().item() == pytest.approx(variance, rel=0.05)
        assert layer.weight.abs().max().item() <= (3 * variance) ** 0.5
        assert not layer.bias.any()


def test_piece_is_known_by_its_arguments_and_makes_initialised_modules() -> None:
    one, same, other = piece(conv_bn, 3, 8, 3), piece(conv_bn, 3, 8, 3), piece(conv_bn, 3, 8, 3, stride=2)
    assert one.key == same.key != other.key
    torch.manual_seed(0)
    made = one.make()
    torch.manual_seed(0)
    assert torch.equal(made[0].weight, init_convolutions(conv_bn(3, 8, 3))[0].weight)


def test_chain_graph_adds_a_node_behind_a_residual_block() -> None:
    graph = chain_graph([("stem", False), ("block", True)])
    assert graph.labels == ("input", "stem", "block", "add", "output")
    assert sorted(graph.edges) == [(0, 1), (1, 2), (1, 3), (2, 3), (3, 4)]
