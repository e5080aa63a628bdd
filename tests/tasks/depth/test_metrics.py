import math

import pytest
import torch

from nassay.tasks.depth.metrics import NAMES, depth_metrics


def test_by_hand() -> None:
    """Ratios 1.2, 1.5, 1.9, 1 and a missing pixel; 1.25^2 = 1.5625, 1.25^3 = 1.953."""
    target = torch.tensor([[[1.0, 2.0, 1.0, 4.0, 0.0]]])
    outputs = torch.tensor([[[[1.2, 3.0, 1.9, 4.0, 7.0]]]])
    found = depth_metrics(outputs, target)
    assert list(found) == list(NAMES)
    assert found["delta1"] == pytest.approx(2 / 4)
    assert found["delta2"] == pytest.approx(3 / 4)
    assert found["delta3"] == pytest.approx(4 / 4)
    assert found["abs_rel"] == pytest.approx((0.2 + 0.5 + 0.9 + 0) / 4)
    assert found["rmse"] == pytest.approx(math.sqrt((0.04 + 1 + 0.81) / 4))
    assert found["log10"] == pytest.approx((math.log10(1.2) + math.log10(1.5) + math.log10(1.9)) / 4)


def test_too_near_counts_as_too_far() -> None:
    target = torch.full((1, 1, 2), 3.0)
    assert depth_metrics(target[:, None] / 1.3, target)["delta1"] == 0
    assert depth_metrics(target[:, None] * 1.3, target)["delta1"] == 0


def test_the_mean_is_over_images_not_pixels() -> None:
    target = torch.tensor([[[1.0, 1.0, 1.0]], [[1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]])
    outputs = torch.tensor([[[[1.0, 1.0, 1.0]]], [[[9.0, 1.0, 1.0]]], [[[9.0, 9.0, 9.0]]]])
    assert depth_metrics(outputs, target)["delta1"] == pytest.approx(1 / 2)


def test_many_images_are_as_one_at_a_time() -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(130, 4, 4, generator=generator) + 0.5
    outputs = torch.rand(130, 1, 4, 4, generator=generator) + 0.5
    alone = [depth_metrics(outputs[i : i + 1], target[i : i + 1])["rmse"] for i in range(130)]
    assert depth_metrics(outputs, target)["rmse"] == pytest.approx(sum(alone) / 130)


def test_smaller_outputs_are_enlarged() -> None:
    target = torch.tensor([[[1.0, 1.5, 2.5, 3.0]]])
    assert depth_metrics(torch.tensor([[[[1.0, 3.0]]]]), target)["rmse"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_has_no_metric(bad: float) -> None:
    outputs = torch.ones(2, 1, 2, 2)
    outputs[1, 0, 0, 0] = bad
    assert all(map(math.isnan, depth_metrics(outputs, torch.ones(2, 2, 2)).values()))


def test_no_depth_no_metric() -> None:
    assert all(map(math.isnan, depth_metrics(torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2)).values()))
