"""What is kept for a backward pass, by hand; and a path's share of a mixture's."""

import numpy as np
import pytest
import torch
from torch import nn

from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.memory import SavedActivations
from nassay.estimators.supernets.sampling import strictly_fair
from nassay.spaces.base import Space
from nassay.spaces.darts import DARTSCells
from nassay.spaces.nb201 import NB201

FLOAT = 4


def test_inputs_and_outputs_are_counted_and_weights_are_not() -> None:
    """The linear layer keeps its input (5 x 3), the ReLU its output (5 x 2); the weight does not count."""
    network = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    with SavedActivations(network) as saved:
        outputs = network(torch.randn(5, 3))
        assert saved.live_bytes == FLOAT * (15 + 10)
        outputs.sum().backward()
    assert saved.peak_bytes == FLOAT * (15 + 10)
    assert saved.live_bytes == 0


def test_what_shares_its_memory_counts_once() -> None:
    x = torch.randn(6, requires_grad=True)
    with SavedActivations(nn.Identity()) as saved:
        (x * x + x * x.view(6)).sum().backward()
    assert saved.peak_bytes == FLOAT * 6


def test_the_peak_is_that_of_the_largest_pass() -> None:
    with SavedActivations(nn.Identity()) as saved:
        for size in (3, 8, 5):
            torch.randn(size, requires_grad=True).exp().sum().backward()
    assert saved.peak_bytes == FLOAT * 8


def test_gradients_are_the_same() -> None:
    network, x = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU()), torch.randn(4, 2, 6, 6)
    plain = torch.autograd.grad(network(x).square().sum(), list(network.parameters()))
    with SavedActivations(network):
        counted = torch.autograd.grad(network(x).square().sum(), list(network.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(plain, counted, strict=True))


def peaks(space: Space) -> tuple[int, float]:
    """Of a mixture's pass, and the mean over paths that go through every option of every choice once."""
    torch.manual_seed(0)
    network, x = SuperNet(space).train(), torch.randn(2, *space.input_shape)
    mixture = [torch.zeros(n, requires_grad=True).softmax(0) for n in space.options]
    found = []
    for selection in (mixture, *strictly_fair(np.random.default_rng(0), space.options)):
        with SavedActivations(network) as saved:
            network(x, selection)
        found.append(saved.peak_bytes)
    return found[0], float(np.mean(found[1:]))


@pytest.mark.parametrize(
    ("space", "share"),
    [(NB201((3, 8, 8), 4, channels=4, cells=1), 1 / 4), (DARTSCells((3, 8, 8), 4, channels=4, cells=6), 1 / 8)],
    ids=["five operations", "eight operations"],
)
def test_a_path_keeps_a_fraction_of_what_a_mixture_keeps(space: Space, share: float) -> None:
    mixture, path = peaks(space)
    assert path <= share * mixture
