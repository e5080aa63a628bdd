"""The sandwich rule: the largest learns from labels, the others from the largest."""

import pytest
import torch
from torch.nn import functional

from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.distillation import SandwichTraining, distilled
from nassay.spaces.bypass import BypassSpace
from nassay.tasks.base import task_from

OPTIONS = BypassSpace.options


def test_classes_are_distilled_by_cross_entropy_by_hand() -> None:
    """Teacher 3/4, 1/4; the outputs' probabilities 1/2, 1/2: -log(1/2) whatever the teacher says."""
    teacher = torch.tensor([[3.0, 1.0]]).log()
    assert distilled(torch.zeros(1, 2), teacher, torch.tensor([1])).item() == pytest.approx(0.693147, abs=1e-5)
    expected = -(0.75 * torch.tensor(0.75).log() + 0.25 * torch.tensor(0.25).log())
    torch.testing.assert_close(distilled(teacher + 5, teacher, torch.tensor([1])), expected)


def test_pixels_are_distilled_one_by_one() -> None:
    outputs, teacher = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    targets = torch.zeros(2, 4, 5, dtype=torch.int64)
    expected = -(teacher.softmax(1) * outputs.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(distilled(outputs, teacher, targets), expected)


@pytest.mark.parametrize("targets", [torch.zeros(2, 3), torch.zeros(2, 7, dtype=torch.int64)])
def test_everything_else_by_squares(targets: torch.Tensor) -> None:
    outputs, teacher = torch.randn(2, 3), torch.randn(2, 3)
    torch.testing.assert_close(distilled(outputs, teacher, targets), functional.mse_loss(outputs, teacher))


@pytest.fixture
def training() -> SandwichTraining:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SandwichTraining(SuperNet(BypassSpace((1, 8, 8), 10), width=0.25), task_from("digits", seed=0))


def test_a_step_s_gradients_by_hand(training: SandwichTraining) -> None:
    """The classifier's bias: the mean over largest, smallest and two random paths, the teacher without gradient."""
    x, y = training._batch(0)
    network = training.network.eval()  # so that passes do not depend on each other
    bias = network.network.head[-1].bias
    paths = training.paths(0)
    teacher = network(x, paths[0]).detach()
    losses = [training.task.loss(network(x, paths[0]), y)]
    losses += [-(teacher.softmax(1) * network(x, p).log_softmax(1)).sum(1).mean() for p in paths[1:]]
    (expected,) = torch.autograd.grad(sum(losses) / 4, bias)
    loss = training._backward(x, y)
    torch.testing.assert_close(bias.grad, expected)
    assert loss.item() == pytest.approx(sum(losses).item() / 4, rel=1e-5)


def test_largest_and_smallest_are_updated_in_every_step(training: SandwichTraining) -> None:
    for _ in range(2):
        training._step(None)
    counts = training.update_counts()
    assert all(sum(row) == 8 and row[0] >= 2 and row[-1] >= 2 for row in counts)
