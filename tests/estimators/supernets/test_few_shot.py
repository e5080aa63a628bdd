"""Few-shot training: one super-network, then one for each option of a choice."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.few_shot import FewShotTraining, SplitNet
from nassay.spaces.base import Architecture
from nassay.spaces.cell64 import Cell64
from nassay.spaces.tiny201 import Tiny201
from nassay.tasks.base import Task, task_from

SPACE = Cell64((1, 8, 8), 10, channels=4, cells=1)


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def supernet() -> SuperNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SuperNet(SPACE)


def training(checkpoint: Path | None = None, **options: Any) -> FewShotTraining:
    return FewShotTraining(supernet(), digits(), checkpoint=checkpoint, **options)


def go(found: FewShotTraining, done: float, steps: int = 1) -> None:
    """Steps at a share of the training."""
    with torch.random.fork_rng(devices=[]):
        for _ in range(steps):
            found._step(done)


def test_the_choice_with_the_most_options_is_split() -> None:
    assert training().network.position == 0
    assert training(position=2).network.position == 2
    assert len(SplitNet(SuperNet(Tiny201((1, 8, 8), 4)), 1).parts) == 4


def test_before_the_split_all_paths_go_through_one_part() -> None:
    found = training()
    x = torch.randn(3, 1, 8, 8)
    network = found.network.eval()
    for option in range(4):
        torch.testing.assert_close(network(x, (option, 1, 2)), network.parts[0](x, (option, 1, 2)))


def test_at_the_split_weights_averages_and_momentum_are_carried_over() -> None:
    found = training()
    go(found, 0.2, steps=3)
    go(found, 0.6)  # splits, then one step of one part
    moved = (found.state.step - 1) % 4
    states = [part.state_dict() for part in found.network.parts]
    averages = [part.state_dict() for part in found.averaged.parts]
    others = [i for i in range(4) if i != moved]
    for parts in (states, averages):
        for i in others[1:]:
            assert all(torch.equal(parts[others[0]][name], tensor) for name, tensor in parts[i].items())
    assert any(not torch.equal(states[moved][n], t) for n, t in states[others[0]].items())
    momenta = [
        [found.optimizer.state[p]["momentum_buffer"] for p in found.network.parts[i].parameters()] for i in others
    ]
    assert any(buffer.any() for buffer in momenta[0])
    assert all(torch.equal(a, b) for row in momenta[1:] for a, b in zip(momenta[0], row, strict=True))


def test_after_the_split_parts_take_turns_and_rest_otherwise() -> None:
    found = training()
    go(found, 0.6, steps=8)
    counts = np.array(found.update_counts())
    assert counts[0].tolist() == [2, 2, 2, 2]
    before = [{n: t.clone() for n, t in part.state_dict().items()} for part in found.network.parts]
    (path,) = found.paths(found.state.step)
    go(found, 0.7)
    for option, part in enumerate(found.network.parts):
        moved = any(not torch.equal(before[option][n], t) for n, t in part.state_dict().items())
        assert moved == (option == path[0])


def test_sub_networks_are_those_of_their_part() -> None:
    found = training()
    go(found, 0.6, steps=5)
    x, network = torch.randn(3, 1, 8, 8), found.network.eval()
    for choices in [(0, 1, 2), (3, 1, 2)]:
        architecture = Architecture("cell64", choices)
        torch.testing.assert_close(network(x, choices), network.parts[choices[0]](x, choices))
        torch.testing.assert_close(network.extract(architecture).eval()(x), network(x, choices))
    assert found.inherit((3, 1, 2)).value is not None
    assert len(list(network.choices())) == 4 * 3


def test_resumed_across_the_split_it_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    def bounds(epochs: float) -> Fidelity:
        return Fidelity(epochs=epochs, horizon=0.4)

    straight = training()
    first = training(tmp_path / "super.pt")
    for found in (straight, first):
        found.run(bounds(0.3))
    assert first.network.parted == 1
    again = training(tmp_path / "super.pt")
    assert again.network.parted == 1
    for found in (straight, again):
        found.run(bounds(0.36))
    for a, b in zip(again.network.state_dict().values(), straight.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert again.update_counts() == straight.update_counts()


def test_a_batch_of_several_paths_would_need_several_parts() -> None:
    found = training()
    found.network.split()
    with pytest.raises(AssertionError, match="several parts"):
        found.network(torch.randn(2, 1, 8, 8), [torch.tensor([0, 1])] * 3)
