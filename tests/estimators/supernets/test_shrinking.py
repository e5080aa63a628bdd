"""Progressive shrinking: which options are open when, and who teaches."""

from itertools import product
from pathlib import Path

import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.distillation import distilled
from nassay.estimators.supernets.shrinking import ShrinkingTraining, phase, smallest_open
from nassay.spaces.bypass import BypassSpace
from nassay.spaces.mobile import Mobile
from nassay.spaces.resnet import ResNet
from nassay.tasks.base import task_from

ONCE_FOR_ALL = ("kernel", "depth", "expansion")  # 3 5 7, 2 3 4 and 3 4 6, as in the paper


@pytest.mark.parametrize(
    ("done", "open_now"),
    [
        (0.0, (2, 2, 2)),
        (0.19, (2, 2, 2)),
        (0.21, (0, 2, 2)),
        (0.46, (0, 2, 2)),
        (0.48, (0, 1, 2)),  # depths 3 and 4
        (0.6, (0, 0, 2)),
        (0.74, (0, 0, 1)),  # expansions 4 and 6
        (0.8, (0, 0, 0)),
        (1.0, (0, 0, 0)),
    ],
)
def test_kernels_then_depths_then_widths(done: float, open_now: tuple[int, ...]) -> None:
    """The three phases share four fifths of the training: they begin at .2, .467 and .733; .17 of one are .045."""
    assert smallest_open(ONCE_FOR_ALL, (3, 3, 3), done) == open_now


def test_the_last_phase_has_every_combination_of_once_for_all() -> None:
    lowest = smallest_open(ONCE_FOR_ALL, (3, 3, 3), 1.0)
    assert len(list(product(*(range(low, 3) for low in lowest)))) == 27


def test_phases_that_open_nothing_have_no_time() -> None:
    assert [phase(BypassSpace.aspects, done)[0] for done in (0.1, 0.3, 0.9)] == [0, 3, 3]
    assert phase(BypassSpace.aspects, 0.6) == (3, pytest.approx(0.5))
    assert {phase(ResNet.aspects, i / 20)[0] for i in range(21)} == {0, 1, 2, 3}


def test_gates_are_opened_with_kernels_and_expansions_with_widths() -> None:
    space = Mobile()
    now = smallest_open(space.aspects, space.options, 0.3)
    opened = {aspect for aspect, low in zip(space.aspects, now, strict=True) if low == 0}
    assert opened == {"kernel", "gate"}
    later = smallest_open(space.aspects, space.options, 0.6)
    assert {aspect for aspect, low in zip(space.aspects, later, strict=True) if low == 0} == opened | {"depth"}


def training(checkpoint: Path | None = None) -> ShrinkingTraining:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(BypassSpace((1, 8, 8), 10), width=0.25)
    return ShrinkingTraining(network, task_from("digits", seed=0), checkpoint=checkpoint)


def test_first_the_largest_is_trained_alone_then_it_teaches() -> None:
    found = training()
    with torch.random.fork_rng(devices=[]):
        for _ in range(2):
            found._step(0.1)
        assert found.update_counts() == [[0] * 6 + [2]] * 12
        assert found.teacher is None
        averaged = {n: t.clone() for n, t in found.averaged.network.head.state_dict().items()}
        found._step(0.3)
    assert all(torch.equal(t, averaged[n]) for n, t in found.teacher.head.state_dict().items())
    assert not any(p.requires_grad for p in found.teacher.parameters())
    assert [sum(row) for row in found.update_counts()] == [6] * 12


def test_the_loss_is_that_of_labels_and_of_the_teacher() -> None:
    found = training()
    found._done = 0.5
    found.teacher = found._largest()
    x, y = found._batch(0)
    network = found.network.eval()
    expected = 0.0
    for path in found.paths(0):
        outputs = network(x, path)
        expected += (found.task.loss(outputs, y) + distilled(outputs, found.teacher(x), y)).item() / 4
    assert found._backward(x, y).item() == pytest.approx(expected, rel=1e-5)


def test_resumed_with_its_teacher_it_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    straight, first = training(), training(tmp_path / "super.pt")
    for found in (straight, first):
        found.run(Fidelity(epochs=0.2, horizon=0.3))
    again = training(tmp_path / "super.pt")
    assert again.teacher is not None
    for found in (straight, again):
        found.run(Fidelity(epochs=0.25, horizon=0.3))
    for a, b in zip(again.network.state_dict().values(), straight.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)
