"""Weights for groups of networks, or shared by the first blocks only."""

import numpy as np
import pytest
import torch

from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.sharing import MemberTraining, PrefixNet, grouped
from nassay.spaces.cell64 import Cell64
from nassay.tasks.base import task_from

SPACE = Cell64((1, 8, 8), 10, channels=4, cells=3)
NETWORKS = SPACE.networks()[:5]


def test_groups_are_equal_parts_of_all_networks() -> None:
    for groups in (1, 4, 16, 64):
        for similar in (True, False):
            found = grouped(64, groups, similar=similar)
            assert {len(group) for group in found} == {64 // groups}
            assert sorted(i for group in found for i in group) == list(range(64))
    assert grouped(64, 4, similar=True)[1] == list(range(16, 32))  # all that begin with the second operation
    assert grouped(64, 4, similar=False) != grouped(64, 4, similar=True)


def test_members_have_their_turn_once_in_every_round() -> None:
    members = [a.choices for a in NETWORKS]
    training = MemberTraining(SuperNet(SPACE), task_from("digits", seed=0), members, seed=3)
    rounds = [[training.paths(5 * r + i)[0] for i in range(5)] for r in range(6)]
    assert all(sorted(turn) == sorted(members) for turn in rounds)
    assert len({tuple(turn) for turn in rounds}) > 1
    assert set(training.shown) <= set(members)


@pytest.fixture(params=[0, 2, 3])
def prefix(request: pytest.FixtureRequest) -> PrefixNet:
    torch.manual_seed(0)
    return PrefixNet(SPACE, NETWORKS, request.param)


def test_networks_share_their_first_cells_and_nothing_else(prefix: PrefixNet) -> None:
    x = torch.randn(4, 1, 8, 8)
    prefix(x, NETWORKS[1].choices).sum().backward()
    touched = {name for name, p in prefix.named_parameters() if p.grad is not None}
    assert {name.split(".")[1] for name in touched if name.startswith("own.")} == {"1"}
    blocks = {int(name.split(".")[2]) for name in touched if name.startswith("network.blocks.")}
    assert blocks == set(range(prefix.shared))
    assert any(name.startswith("network.stem.") for name in touched)


def test_a_network_taken_out_computes_the_same(prefix: PrefixNet) -> None:
    x = torch.randn(4, 1, 8, 8)
    for architecture in NETWORKS:
        alone = prefix.extract(architecture).eval()
        torch.testing.assert_close(prefix.eval()(x, architecture.choices), alone(x))
        assert list(prefix.inherited(architecture)) == list(SPACE.build(architecture).state_dict())


def test_it_is_trained_like_a_super_network() -> None:
    torch.manual_seed(0)
    network = PrefixNet(SPACE, NETWORKS, 1)
    training = MemberTraining(network, task_from("digits", seed=0), [a.choices for a in NETWORKS])
    for _ in range(5):
        training._step(None)
    assert np.array(training.update_counts())[0].tolist() == [5, 0, 0, 0]  # all five begin with the first operation
    assert training.inherit(NETWORKS[2].choices).value is not None
