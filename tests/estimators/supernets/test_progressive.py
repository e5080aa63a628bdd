"""P-DARTS: fewer options on a deeper network, stage by stage."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.progressive import (
    MOST_SKIPS,
    ProgressiveSearch,
    cells_of,
    dropped_out,
    left_out,
    skip_dropout,
    skips_of,
    without_blocks,
)
from nassay.spaces.base import Space
from nassay.spaces.cell64 import Cell64
from nassay.spaces.darts import DARTSCells
from nassay.spaces.nb201 import NB201
from nassay.spaces.nb201_equivalence import SKIP
from nassay.tasks.base import Task, task_from

SMALL = Cell64((1, 8, 8), 10, channels=2, cells=3)


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def search(space: Space = SMALL, checkpoint: Path | None = None) -> ProgressiveSearch:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(space)
    return ProgressiveSearch(network, digits(), checkpoint=checkpoint)


def test_options_fall_from_stage_to_stage() -> None:
    """Of four options all, then ceil(5/2) = 3, then ceil(3/2) = 2: those of the largest logits."""
    found = search()
    with torch.no_grad():
        found.logits[0].copy_(torch.tensor([0.3, 0.9, 0.1, 0.5]))
    found._step(0.4)
    assert found.kept[0].tolist() == [True, True, False, True]
    with torch.no_grad():
        found.logits[0].copy_(torch.tensor([0.8, 0.2, 3.0, 0.5]))  # what was dropped stays so
    found._step(0.9)
    assert found.kept[0].tolist() == [True, False, False, True]
    assert [int(mask.sum()) for mask in found.kept] == [2, 2, 2]
    assert found.chances[0][[1, 2]].tolist() == [0.0, 0.0]


def test_a_stage_begins_with_new_logits_that_rest() -> None:
    found = search()
    found._step(0.3)
    old = [p.detach().clone() for p in found.logits]
    found._step(0.34)
    begun = [p.detach().clone() for p in found.logits]
    found._step(0.35)
    assert all(p.abs().max() < 0.01 and not torch.equal(p, q) for p, q in zip(begun, old, strict=True))
    assert all(torch.equal(p, q) for p, q in zip(begun, found.logits, strict=True))
    found._step(0.6)
    assert not any(torch.equal(p, q) for p, q in zip(begun, found.logits, strict=True))


@pytest.mark.parametrize(("progress", "resting"), [(0.0, [2]), (0.5, [2]), (0.9, [])])
def test_blocks_that_are_left_out_rest(progress: float, resting: list[int]) -> None:
    """Of three cells at one size ceil(15/17) = 1 and ceil(33/17) = 2 take part; the first one changes the channels."""
    found = search()
    found._step(progress)
    before = {name: p.detach().clone() for name, p in found.network.named_parameters()}
    found._step(progress)
    moved = {
        int(n.split(".")[2]) for n, p in found.network.named_parameters() if ".edges." in n and _differ(before[n], p)
    }
    expected = [1, 2] if progress == 0.0 else resting
    assert moved == {0, 1, 2} - set(expected)


def _differ(a: torch.Tensor, b: torch.Tensor) -> bool:
    return not torch.equal(a, b)


def test_later_blocks_of_each_size_are_left_out() -> None:
    """NAS-Bench-201: five cells, then twice a reduction and five; DARTS: two cells, then twice a reduction and two."""
    nb201, darts = NB201((3, 32, 32), 10, 4, 5), DARTSCells((3, 32, 32), 10, 4, 8)
    assert left_out(nb201, 1.0, 5 / 17) == [2, 3, 4, 7, 8, 9, 10, 13, 14, 15, 16]
    assert left_out(nb201, 1.0, 11 / 17) == [4, 9, 10, 15, 16]
    assert left_out(darts, 1.0, 5 / 17) == [3, 6]
    assert left_out(darts, 1.0, 1.0) == []


def test_a_network_is_whole_again_afterwards() -> None:
    network = SMALL.build(SMALL.smallest()).eval()
    names, x = list(network.state_dict()), torch.randn(2, 1, 8, 8)
    whole = network(x)
    with without_blocks(network, [2]):
        shallow = network.tail(network.blocks(network.stem(x)))
        assert len(network.blocks) == 2
    assert list(network.state_dict()) == names
    assert torch.equal(network(x), whole)
    assert not torch.equal(network.head(shallow), whole)


def test_skips_are_dropped_out_less_and_less() -> None:
    rates = [skip_dropout(stage, t) for stage, t in [(0, 0.0), (1, 0.0), (1, 0.2), (1, 0.4), (1, 0.6), (2, 0.0)]]
    assert rates == pytest.approx([0.0, 0.4, 0.32, 0.4, 0.4 * math.exp(-1), 0.7])


def test_dropout_is_on_identities_alone_and_only_meanwhile() -> None:
    network = SuperNet(NB201((1, 8, 8), 10, channels=2, cells=1))
    (_, choice), *_ = network.choices()
    skip, convolution, x = choice.options[SKIP], choice.options[2].eval(), torch.ones(4, 2, 8, 8)
    with dropped_out(network, 0.5):
        assert set(skip(x).unique().tolist()) == {0.0, 2.0}
        assert torch.equal(convolution(x), convolution(x))
    assert isinstance(skip, nn.Identity)
    assert torch.equal(skip(x), x)


def test_at_most_two_skips_are_chosen() -> None:
    """All edges favour the skip; the two that do most keep it, the others take their next likely operation."""
    found = search(NB201((1, 8, 8), 10, channels=2, cells=1))
    with torch.no_grad():
        for i, logit in enumerate(found.logits):
            logit.copy_(torch.tensor([0.0, 1.0 + 0.1 * (i % 4), 0.5, 0.2, 0.1]))
    assert found.choices == [2, 2, SKIP, SKIP, 2, 2]
    assert found.choices.count(SKIP) == MOST_SKIPS


def test_skips_and_kinds_of_cells_are_found() -> None:
    network = SuperNet(DARTSCells((1, 8, 8), 10, channels=2, cells=3))
    assert cells_of(network) == [list(range(14)), list(range(14, 28))]
    skips = skips_of(network)
    assert set(skips.values()) == {3}
    assert set(range(14)) <= set(skips)
    assert 14 not in skips  # an edge from the reduction cell's input halves the size
    assert 18 in skips


def test_resumed_in_another_stage_it_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    first, second = Fidelity(epochs=0.5, horizon=1.0), Fidelity(epochs=0.9, horizon=1.0)
    search(checkpoint=tmp_path / "super.pt").run(first)
    again, straight = search(checkpoint=tmp_path / "super.pt"), search()
    assert again.stage == 1
    straight.run(first)
    for run in (again, straight):
        run.run(second)
    assert again.stage == straight.stage == 2
    for a, b in zip([*again.logits, *again.kept], [*straight.logits, *straight.kept], strict=True):
        assert torch.equal(a, b)
    for a, b in zip(again.network.state_dict().values(), straight.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_it_says_what_it_found() -> None:
    details = search().run(Fidelity(epochs=1, final=True)).details
    assert all(sum(w > 0 for w in weights) == 2 for weights in details["weights"])
    assert [max(range(4), key=w.__getitem__) for w in details["weights"]] == details["choices"]
