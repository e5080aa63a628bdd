import gc
import weakref
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic, Macs, Params, PeakMemory, profile
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space


class Gate(nn.Module):
    """Squeeze and excitation, written with functional operations."""

    def __init__(self, channels):
        super().__init__()
        self.down = nn.Conv2d(channels, 2, 1)
        self.up = nn.Conv2d(2, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3), keepdim=True)))))


class Block(nn.Module):
    """Inverted residual 4 -> 8 -> 8 (depthwise) -> 4 on a skip connection."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 8, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
            nn.BatchNorm2d(8),
            nn.Hardswish(),
            Gate(8),
            nn.Conv2d(8, 4, 1, bias=False),
        )

    def forward(self, x):
        return x + self.body(x)


def small_network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False),
        Block(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 10),
    )


def test_a_constant_made_on_the_way_is_no_activation():
    class Halved(nn.Module):
        def forward(self, x):
            return x * torch.tensor(0.5)

    found = profile(Halved(), (3, 4, 4))
    assert (found.params, found.macs, found.peak_memory_bytes) == (0, 0, 4 * 48)


# 6x6 input, 3x3 after the stem: nine positions
STEM = 9 * 3 * 4 * 9
BODY = (4 * 8 + 8 * 9 + 8 * 4) * 9
GATE = 8 * 2 + 2 * 8
HEAD = 4 * 10


def test_macs_and_params_by_hand():
    found = profile(small_network(), (3, 6, 6))
    assert found.macs == STEM + BODY + GATE + HEAD
    norms, gate = 2 * 2 * 8, (8 * 2 + 2) + (2 * 8 + 8)
    assert found.params == 3 * 4 * 9 + (4 * 8 + 8 * 9 + 8 * 4) + norms + gate + (4 * 10 + 10)


def test_layers_add_up_to_the_totals():
    found = profile(small_network(), (3, 6, 6))
    assert sum(layer.macs for layer in found.layers) == found.macs
    assert sum(layer.params for layer in found.layers) == found.params


def test_macs_agree_with_the_flop_counter_on_a_real_run():
    network = small_network().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.randn(1, 3, 6, 6))
    assert profile(network, (3, 6, 6)).macs == counter.get_total_flops() // 2


def test_kinds_and_names_in_order():
    found = profile(small_network(), (3, 6, 6)).layers
    assert [layer.kind for layer in found] == [
        *("conv", "conv", "norm", "activation", "depthwise", "norm", "activation"),
        *("pool", "conv", "activation", "conv", "activation", "mul"),
        *("conv", "add", "pool", "linear"),
    ]
    assert found[4].name == "1.body.3"
    assert found[12].name == "1.body.6"


def test_a_layer_states_its_shape():
    stem, depthwise = (profile(small_network(), (3, 6, 6)).layers[i] for i in (0, 4))
    assert (stem.kernel, stem.stride, stem.groups) == ((3, 3), (2, 2), 1)
    assert (stem.in_channels, stem.out_channels, stem.out_height, stem.out_width) == (3, 4, 3, 3)
    assert (stem.bytes_in, stem.bytes_out) == (4 * 3 * 36, 4 * 4 * 9)
    assert depthwise.groups == 8


def test_peak_memory_of_a_chain_is_the_largest_pair_of_neighbours():
    chain = nn.Sequential(nn.Conv2d(2, 8, 1, bias=False), nn.ReLU(), nn.Conv2d(8, 3, 1, bias=False))
    activations = max(2 * 16 + 8 * 16, 8 * 16 + 3 * 16)
    assert profile(chain, (2, 4, 4)).peak_memory_bytes == 4 * (2 * 8 + 8 * 3 + activations)


def test_peak_memory_keeps_the_skip_connection():
    # at the depthwise convolution: skip (4) + its input (8) + its output (8) channels of 9 positions
    network = nn.Sequential(Block())
    found = profile(network, (4, 3, 3))
    assert found.peak_memory_bytes == 4 * (found.params + (4 + 8 + 8) * 9)


def test_peak_memory_counts_inputs_that_are_read_again():
    class Twice(nn.Module):
        def forward(self, x):
            return torch.relu(x) + x  # relu cannot overwrite x; the sum overwrites one of the two

    assert profile(Twice(), (2, 4, 4)).peak_memory_bytes == 4 * 2 * (2 * 4 * 4)


def test_training_mode_and_batch_norm_on_one_pixel_are_no_obstacle():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    assert profile(network, (3, 1, 1)).macs == 12
    assert network.training


def test_matrix_products_of_activations_count():
    class SelfProduct(nn.Module):
        def forward(self, x):
            return x @ x.transpose(1, 2)

    found = profile(SelfProduct(), (5, 7))
    assert found.macs == 5 * 5 * 7
    assert [layer.kind for layer in found.layers] == ["matmul"]


def test_a_standardised_kernel_is_a_weight():
    class Standardised(nn.Conv2d):
        def forward(self, x):
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return nn.functional.conv2d(x, weight, padding=1)

    found = profile(Standardised(3, 4, 3, bias=False), (3, 5, 5))
    assert (found.macs, found.params) == (3 * 4 * 9 * 25, 3 * 4 * 9)
    assert [(layer.kind, layer.params) for layer in found.layers] == [("conv", 3 * 4 * 9)]


def test_weights_in_an_unknown_operation_are_refused():
    class Distance(nn.Module):
        def __init__(self):
            super().__init__()
            self.centers = nn.Parameter(torch.zeros(4, 6))

        def forward(self, x):
            return torch.cdist(x, self.centers)

    with pytest.raises(UserError, match="cdist"):
        profile(Distance(), (6,))


class Wide(Space):
    """One convolution of 2 or 4 channels; a second choice that changes nothing."""

    name = "wide"
    options = (2, 2)
    built = 0

    def canonical(self, architecture):
        return Architecture(self.name, (architecture.choices[0], 0))

    def layout(self, architecture, *, width=1.0):
        channels = 2 + 2 * architecture.choices[0]
        same = Piece(("same",), nn.Identity)
        return Layout(Piece(("conv", channels), partial(self.convolution, channels)), (same,), same, channels)

    def convolution(self, channels):
        type(self).built += 1
        return nn.Conv2d(3, channels, 1, bias=False)

    def pooled_linear(self, channels):
        return nn.Identity()

    def graph(self, architecture):
        return Graph(("input", "output"), ((0, 1),))

    def to_string(self, architecture):
        return str(architecture.choices)

    def from_string(self, text):
        raise UserError(text)


def test_estimators_share_one_profile_for_equal_networks():
    space = Wide((3, 4, 4), 10)
    Wide.built = 0
    architectures = [Architecture("wide", (1, 0)), Architecture("wide", (1, 1))]
    state = torch.get_rng_state()
    found = {e.name: e(space).estimate(architectures) for e in (Params, Macs, PeakMemory)}
    assert [e.value for e in found["params"]] == [12, 12]
    assert [e.value for e in found["macs"]] == [12 * 16, 12 * 16]
    assert [e.value for e in found["peak_memory_bytes"]] == [4 * (12 + 3 * 16 + 4 * 16)] * 2
    assert Wide.built == 1
    assert Analytic.of(space) is Analytic.of(space)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_cache_dies_with_its_space():
    space = Wide((3, 4, 4), 10)
    Params(space).estimate([Architecture("wide", (0, 0))])
    alive = weakref.ref(space)
    del space
    gc.collect()
    assert alive() is None


def test_a_network_that_cannot_be_counted_has_a_reason(monkeypatch):
    monkeypatch.setattr(Wide, "convolution", lambda *_: nn.Bilinear(3, 3, 1))
    monkeypatch.setattr(nn.Bilinear, "forward", lambda m, x: torch.cdist(x, m.weight))
    (found,) = Macs(Wide((3, 4, 3), 10)).estimate([Architecture("wide", (0, 0))])
    assert found.value is None
    assert "cdist" in found.reason


def test_all_three_prefer_less():
    assert {e.direction for e in (Params, Macs, PeakMemory)} == {-1}
