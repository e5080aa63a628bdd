import math

import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import Batch, score
from nassay.estimators.proxies.az_nas import PARTS, aggregate, on_grid, spectral_entropy


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Chain(nn.Module):
    def __init__(self, *stages: nn.Module) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x.mean((2, 3))


def part(name: str, network: nn.Module, channels: int = 1) -> Estimate:
    batch = Batch(torch.zeros(4, channels, 8, 8), torch.zeros(4, dtype=torch.int64))
    return score(network, batch, [f"az_{name}"])[f"az_{name}"]


def gain_score(gain: float) -> float:
    return 2 - gain - 1 / (gain + 1e-6)


def test_entropy_of_isotropic_and_of_one_dimensional_features() -> None:
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).T.reshape(1, 2, 2, 2)
    assert spectral_entropy(signs + 5) == pytest.approx(math.log(2), abs=1e-6)
    assert spectral_entropy(signs[:, :1].repeat(1, 3, 1, 1)) == pytest.approx(0, abs=1e-6)


def test_entropy_of_unequal_variances() -> None:
    signs = torch.tensor([[1.0, 2], [1, -2], [-1, 2], [-1, -2]]).T.reshape(1, 2, 2, 2)  # variances 1, 4
    assert spectral_entropy(signs) == pytest.approx(-0.2 * math.log(0.2) - 0.8 * math.log(0.8), abs=1e-6)


def test_entropy_of_a_constant_map_is_not_a_number() -> None:
    assert math.isnan(spectral_entropy(torch.ones(2, 3, 4, 4)))


def test_expressivity_adds_and_progressivity_takes_the_smallest_growth() -> None:
    class Merge(nn.Module):  # both channels become their sum: entropy 0
        def forward(self, x: Tensor) -> Tensor:
            return x.sum(1, keepdim=True).repeat(1, 2, 1, 1)

    network = Chain(Scale(2), Scale(3), Merge(), Scale(2))
    noise_entropy = part("expressivity", Chain(Scale(2), Merge()), 2).value
    assert noise_entropy is not None
    assert 0.6 < noise_entropy <= math.log(2)  # Gaussian noise is nearly isotropic
    assert part("expressivity", network, 2).value == pytest.approx(2 * noise_entropy, abs=1e-5)
    assert part("progressivity", network, 2).value == pytest.approx(-noise_entropy, abs=1e-5)


def test_gain_of_scalings() -> None:
    # one channel: A = factor * mean(V V) = factor
    found = part("trainability", Chain(Scale(3), Scale(2), Scale(0.25)))
    assert found.value == pytest.approx((gain_score(2) + gain_score(0.25)) / 2, rel=1e-5)


def test_gain_across_a_stride() -> None:
    # each of the four inputs of a pooled cell receives V / 4: A = (1/4, 1/4, 1/4, 1/4)', norm 1/2
    found = part("trainability", Chain(Scale(3), nn.AvgPool2d(2)))
    assert found.value == pytest.approx(gain_score(0.5), rel=1e-5)


def test_gain_across_an_upsampling() -> None:
    # g is the sum of the cell's four signs v: A = mean(g v) is (1, 1, 1, 1) up to 1 / sqrt(4096), norm 2
    batch = Batch(torch.zeros(64, 1, 8, 8), torch.zeros(64, dtype=torch.int64))
    found = score(Chain(Scale(3), nn.Upsample(scale_factor=2)), batch, ["az_trainability"])["az_trainability"]
    assert found.value == pytest.approx(gain_score(2), abs=0.1)


def test_grid_cells_hold_their_values_as_channels() -> None:
    t = torch.arange(6.0).view(1, 1, 2, 3)
    expected = torch.tensor([[0.0, 1, 3, 4], [2, 0, 5, 0]])  # width 3 on 2 cells: padded by a zero column
    assert torch.equal(on_grid(t, 1, 2), expected)


def test_stages_of_odd_size_have_a_gain() -> None:
    batch = Batch(torch.zeros(4, 1, 7, 5), torch.zeros(4, dtype=torch.int64))
    network = Chain(Scale(3), nn.Conv2d(1, 4, 3, 2, 1))
    assert score(network, batch, ["az_trainability"])["az_trainability"].value is not None


def test_an_identity_has_no_trainability() -> None:
    assert "unchanged" in (part("trainability", Chain(Scale(3), Scale(1), Scale(2))).reason or "")


def test_complexity_counts_macs_of_one_sample() -> None:
    conv, depthwise = nn.Conv2d(1, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
    network = nn.Sequential(Chain(conv, depthwise), nn.Linear(6, 10))
    expected = 4 * 4 * (6 * 9 + 6 * 9) + 6 * 10
    assert part("complexity", network).value == expected


def test_complexity_of_a_transposed_convolution() -> None:
    assert part("complexity", Chain(nn.ConvTranspose2d(1, 5, 2, 2))).value == 8 * 8 * 5 * 4


def test_too_few_stages_is_a_reason() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    for name in ("expressivity", "progressivity", "trainability"):
        assert "(B, C, H, W)" in (part(name, network).reason or "")


def test_aggregate_is_the_log_sum_of_ranks() -> None:
    parts = dict.fromkeys(PARTS[:3], [1.0, 2.0, 3.0]) | {PARTS[3]: [3.0, 2.0, None]}
    ln = [math.log(rank / 3) for rank in (1, 2, 3)]
    assert aggregate(parts) == pytest.approx([3 * ln[0] + ln[2], 4 * ln[1], 3 * ln[2] + ln[0]])
