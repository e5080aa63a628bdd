import math

import pytest
import torch

from nassay.tasks.depth.losses import LOSSES, berhu, l1, scale_invariant_log, sized

TARGET = torch.tensor([[[1.0, 2.0], [4.0, 0.0]]])  # the last pixel is missing


def test_a_common_factor_costs_the_mean_alone() -> None:
    """D = d everywhere: sqrt(d^2 - 0.5 d^2)."""
    d = math.log(2)
    assert scale_invariant_log(2 * TARGET + (TARGET == 0), TARGET).item() == pytest.approx(d * 0.5**0.5, rel=1e-4)


def test_an_error_without_a_common_factor_costs_all_of_it() -> None:
    """Two pixels, ln 2 too far and ln 2 too near: the mean is 0."""
    target = torch.tensor([[[1.0, 2.0]]])
    value = scale_invariant_log(torch.tensor([[[2.0, 1.0]]]), target)
    assert value.item() == pytest.approx(math.log(2), rel=1e-4)


def test_images_count_alike_and_those_without_depth_not_at_all() -> None:
    prediction = torch.tensor([[[2.0, 2.0]], [[3.0, 3.0]], [[5.0, 5.0]]])
    target = torch.tensor([[[1.0, 0.0]], [[3.0, 3.0]], [[0.0, 0.0]]])
    first = math.sqrt(0.5) * math.log(2)
    assert scale_invariant_log(prediction, target).item() == pytest.approx((first + 1e-3) / 2, rel=1e-3)


def test_l1_is_the_mean_error() -> None:
    prediction = torch.tensor([[[1.5, 2.0], [3.0, 9.0]]])
    assert l1(prediction, TARGET).item() == pytest.approx((0.5 + 0 + 1) / 3)


def test_berhu_is_linear_below_a_fifth_of_the_largest_error_and_quadratic_above() -> None:
    """Errors 0.1, 0, 1: c = 0.2; 0.1 + 0 + (1 + 0.04) / 0.4, over three pixels."""
    prediction = torch.tensor([[[1.1, 2.0], [3.0, 50.0]]])
    assert berhu(prediction, TARGET).item() == pytest.approx((0.1 + 0 + 2.6) / 3, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_missing_pixels_have_no_gradient(name: str) -> None:
    prediction = torch.tensor([[[1.5, 2.5], [3.0, 9.0]]], requires_grad=True)
    LOSSES[name](prediction, TARGET).backward()
    gradient = prediction.grad
    assert gradient is not None
    assert gradient[0, 1, 1] == 0
    assert (gradient[TARGET > 0] != 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_perfection_costs_nothing_and_has_a_finite_gradient(name: str) -> None:
    prediction = torch.where(TARGET > 0, TARGET, 3.0).requires_grad_()
    value = LOSSES[name](prediction, TARGET)
    value.backward()
    assert value.item() == pytest.approx(0, abs=2e-3)
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_any_depth_costs_nothing(name: str) -> None:
    prediction = torch.ones(2, 3, 3, requires_grad=True)
    value = LOSSES[name](prediction, torch.zeros(2, 3, 3))
    value.backward()
    assert value.item() == 0
    assert prediction.grad is not None
    assert (prediction.grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_not_finite_stays_so(name: str) -> None:
    assert math.isnan(LOSSES[name](torch.full((1, 2, 2), math.nan), TARGET).item())


def test_outputs_are_brought_to_the_size_of_the_targets() -> None:
    outputs = torch.tensor([[[[1.0, 3.0]]]])
    assert sized(outputs, torch.Size([1, 4])).tolist() == [[[1.0, 1.5, 2.5, 3.0]]]
    assert sized(outputs, torch.Size([1, 2])).tolist() == [[[1.0, 3.0]]]
