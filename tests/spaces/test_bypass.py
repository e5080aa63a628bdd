"""Layers of any width: channel-level bypass connections, by hand."""

import pytest
import torch
from torch import nn

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.proxies import Batch, score
from nassay.spaces.base import Architecture
from nassay.spaces.bypass import EIGHTHS, LAYERS, Bypass, BypassSpace, Filters, LeadingNorm, _layer, _layers

FULL = "bypass:8888-8888-8888"


@pytest.mark.parametrize("filters", [1, 3, 8])
def test_the_first_channels_are_the_filters_the_others_the_inputs(filters: int) -> None:
    own, x = Filters(8, 8).eval(), torch.randn(2, 8, 5, 5)
    out = Bypass(own, filters)(x)
    whole = torch.relu(own.norm(own.convolution(x)))
    torch.testing.assert_close(out[:, :filters], whole[:, :filters])
    assert torch.equal(out[:, filters:], x[:, filters:])


def test_a_layer_without_filters_is_the_identity() -> None:
    assert isinstance(_layer(0, 8), nn.Identity)
    assert isinstance(_layers(8)[0], nn.Identity)


def test_the_gradient_of_bypassed_channels_reaches_the_input() -> None:
    x = torch.randn(1, 8, 4, 4, requires_grad=True)
    Bypass(Filters(8, 8), 2)(x)[:, 5].sum().backward()
    assert torch.equal(x.grad[:, 5], torch.ones(1, 4, 4))
    assert x.grad[:, [0, 1, 2, 3, 4, 6, 7]].abs().sum() == 0


def test_widths_of_a_layer_share_their_filters() -> None:
    narrow, wide = _layers(8)[1], _layers(8)[-1]
    assert narrow.own is not wide.own
    layers = _layers(8)
    assert layers[1].own is layers[-1].own
    assert [0 if isinstance(w, nn.Identity) else w.filters for w in layers] == [0, 1, 2, 3, 4, 6, 8]


def test_a_norm_of_the_leading_channels_leaves_the_others_alone() -> None:
    norm = LeadingNorm(4)
    norm(torch.tensor([[2.0, 4.0], [4.0, 8.0]])[:, :, None, None])
    assert norm.running_mean.tolist() == pytest.approx([0.3, 0.6, 0.0, 0.0])
    assert norm.running_var.tolist() == pytest.approx([0.9 + 0.1 * 2, 0.9 + 0.1 * 8, 1.0, 1.0])


def test_a_norm_of_all_channels_is_a_batch_norm() -> None:
    torch.manual_seed(0)
    ours, theirs = LeadingNorm(3), nn.BatchNorm2d(3)
    for momentum in (0.1, None):
        ours.momentum = theirs.momentum = momentum
        for norm in (ours, theirs):
            norm.reset_running_stats()
        for _ in range(3):
            x = torch.randn(4, 3, 2, 2)
            torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_multiply_accumulates_fall_with_the_filters() -> None:
    """32 x 32 images: a layer of the first stage at 16 x 16 has M * 32 * 9 * 256."""
    space = BypassSpace()
    macs = {t: Analytic.of(space).profile(space.from_string(t)).macs for t in (FULL, "bypass:4888-8888-8888")}
    assert macs[FULL] - macs["bypass:4888-8888-8888"] == 16 * 32 * 9 * 256


def test_a_layer_without_filters_is_no_stage() -> None:
    """It passes its input on, whose gain of one would have no logarithm to weigh."""
    network = BypassSpace().build(BypassSpace().from_string("bypass:8600-8000-0000"))
    assert len(network.stages) == 1 + (1 + 2) + (1 + 1) + 1
    batch = Batch(torch.zeros(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64))
    assert score(network, batch, ["az_trainability"])["az_trainability"].value is not None


def test_a_layer_without_filters_may_stand_anywhere() -> None:
    space = BypassSpace()
    assert space.to_string(space.canonical(space.from_string("bypass:0806-8888-0000"))) == "bypass:8600-8888-0000"


def test_neighbors_have_another_width_or_a_layer_more_or_less() -> None:
    """Two layers of four: 2 * 5 other widths, 2 left out, 3 gaps of 6 widths less those that come out twice."""
    space = BypassSpace()
    here = space.from_string("bypass:8600-0000-0000")
    near = [space.to_string(a) for a in space.neighbors(here)]
    first = {n.split(":")[1].split("-")[0] for n in near if n.endswith("-0000-0000")}
    assert {"8000", "6000", "1600", "8100", "8610", "8160", "1860"} <= first
    assert len(first) == 2 * 5 + 2 + (3 * 6 - 2)
    assert len(near) == len(first) + 2 * 6


@pytest.mark.parametrize("text", ["bypass:888-8888-8888", "bypass:8885-8888-8888", "8888-8888-8888"])
def test_other_strings_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="they read 'bypass:8640-8888-4200'"):
        BypassSpace().from_string(text)


def test_points_and_strings() -> None:
    space = BypassSpace()
    assert space.from_string(FULL) == Architecture("bypass", (len(EIGHTHS) - 1,) * 3 * LAYERS)
    assert space.to_string(space.smallest()) == "bypass:0000-0000-0000"
