"""MANAS on a super-network: one path a step, resumed exactly."""

from functools import cache
from pathlib import Path

import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.agents import AgentSearch
from nassay.estimators.supernets.bandits import Agents, Exp3Agents, LeastSquaresAgents
from nassay.spaces.cell64 import Cell64
from nassay.tasks.base import Task, task_from

KINDS = [Exp3Agents, LeastSquaresAgents]


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def search(kind: type[Agents], checkpoint: Path | None = None) -> AgentSearch:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(Cell64((1, 8, 8), 10, channels=2, cells=1))
    return AgentSearch(network, digits(), kind(network.space.options), checkpoint=checkpoint)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_moves_the_weights_of_one_path_and_is_told_to_the_agents(kind: type[Agents]) -> None:
    found = search(kind)
    before = {name: p.detach().clone() for name, p in found.network.named_parameters()}
    found._step(None)
    moved = {name for name, p in found.network.named_parameters() if not torch.equal(before[name], p)}
    for name, choice in found.network.choices():
        others = set(range(4)) - {found._path[choice.position]}
        assert not any(n.startswith(f"network.{name}.options.{o}.") for n in moved for o in others)
    assert found.agents.rounds == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_that_has_no_value_is_not_told(kind: type[Agents], monkeypatch: pytest.MonkeyPatch) -> None:
    """As retrieval's on a batch without two images of a class."""
    found = search(kind)
    before = found.agents.state()
    monkeypatch.setattr(type(found.task), "metric_of", lambda *arguments: float("nan"))
    found._step(None)
    assert found.agents.state() == before


@pytest.mark.parametrize("kind", KINDS)
def test_it_recommends_a_sub_network(kind: type[Agents]) -> None:
    found = search(kind).run(Fidelity(epochs=2, final=True))
    assert [max(range(4), key=w.__getitem__) for w in found.details["weights"]] == found.details["choices"]
    assert found.value is not None


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_it_equals_an_uninterrupted_one(kind: type[Agents], tmp_path: Path) -> None:
    search(kind, tmp_path / "super.pt").run(Fidelity(epochs=1))
    again, straight = search(kind, tmp_path / "super.pt"), search(kind)
    straight.run(Fidelity(epochs=1))
    for run in (again, straight):
        run.run(Fidelity(epochs=2))
    assert again.agents.rounds == straight.agents.rounds > 10
    for a, b in zip(again.agents.probabilities(), straight.agents.probabilities(), strict=True):
        assert a.tolist() == b.tolist()
