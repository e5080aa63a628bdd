"""Differentiable search: logits and weights in turn, on separate halves, resumed exactly."""

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets import differentiable as module
from nassay.estimators.supernets.choice import Selection
from nassay.estimators.supernets.differentiable import DifferentiableSearch
from nassay.estimators.supernets.relaxations import RELAXATIONS
from nassay.spaces.cell64 import Cell64
from nassay.spaces.nb201 import NB201
from nassay.tasks.base import Task, task_from


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def search(name: str = "darts", checkpoint: Path | None = None) -> DifferentiableSearch:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(Cell64((1, 8, 8), 10, channels=2, cells=1))
    return DifferentiableSearch(network, digits(), RELAXATIONS[name], checkpoint=checkpoint)


def test_halves_are_disjoint_and_make_up_the_training_split() -> None:
    found = search()
    assert set(found.rows) | set(found.held_out) == set(range(len(digits().train)))
    assert not set(found.rows) & set(found.held_out)
    assert abs(len(found.rows) - len(found.held_out)) <= 1


def test_norms_of_options_learn_no_scale() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(NB201((1, 8, 8), 10, channels=4, cells=1))
    found = DifferentiableSearch(network, digits(), RELAXATIONS["darts"])
    for step in range(2):
        found._step(step / 2)
    norms = {n: m for n, m in network.network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    inside = {n for n in norms if ".options." in n}
    assert inside
    assert inside != set(norms)
    for name, norm in norms.items():
        fixed = torch.equal(norm.weight, torch.ones_like(norm.weight)) and not norm.bias.any()
        assert fixed == (name in inside)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_a_step_moves_weights_and_logits(name: str) -> None:
    found = search(name)
    logits = [p.detach().clone() for p in found.logits]
    weights = [p.detach().clone() for p in found.network.parameters()]
    found._step(0.5)
    assert all(not torch.equal(a, b) for a, b in zip(logits, found.logits, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(weights, found.network.parameters(), strict=True))


def test_the_smallest_loss_is_that_of_outputs_that_say_the_smoothed_labels() -> None:
    """Ten classes, smoothed by .1: the right one has .91, the others .01; what says anything else loses more."""
    labels = torch.arange(10)
    says = torch.full((10, 10), 0.01).fill_diagonal_(0.91).log()
    least = digits().criterion()(says, labels).item()
    assert digits().least_loss == pytest.approx(least, abs=1e-6)
    assert least > 0.5 > RELAXATIONS["beta_darts_pp"].flood
    for others in (0.9 * says, 1.1 * says):
        assert digits().criterion()(others, labels).item() > least


@pytest.mark.parametrize(("sure", "turned"), [(0.85, True), (0.3, False)])
def test_flooding_turns_the_weights_round_that_know_their_images(
    sure: float, turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the task's own criterion: outputs of .85 for the right class are .02 above its least, of .3 more than .3."""
    found = search("beta_darts_pp")
    x, y = found._batch(0)
    says = torch.full((len(y), 10), (1 - sure) / 9).scatter_(1, y[:, None], sure).log()
    scale = torch.nn.Parameter(torch.ones(()))
    monkeypatch.setattr(type(found), "_resting", True)
    found.network.forward = lambda x, selection: scale * says
    found._backward(x, y)
    (plain,) = torch.autograd.grad(found.criterion(scale * says, y), scale)
    assert scale.grad.item() == pytest.approx(-plain.item() if turned else plain.item())


def test_logits_rest_while_the_weights_warm_up() -> None:
    found = search("pc_darts")
    logits = [p.detach().clone() for p in found.logits]
    found._step(0.2)
    assert all(torch.equal(a, b) for a, b in zip(logits, found.logits, strict=True))


def test_weights_are_learned_on_the_drawn_path_alone() -> None:
    """GDAS: of each choice the weights of one option move, and nothing is mixed."""
    found = search("gdas")
    before = {name: p.detach().clone() for name, p in found.network.named_parameters()}
    seen: list[Selection] = []
    found.network.register_forward_pre_hook(lambda module, args: seen.append(args[1]))
    found._step(0.5)
    path = seen[-1]
    assert all(isinstance(option, int) for option in path)
    moved = {name for name, p in found.network.named_parameters() if not torch.equal(before[name], p)}
    for name, choice in found.network.choices():
        others = set(range(4)) - {path[choice.position]}
        assert not any(n.startswith(f"network.{name}.options.{o}.") for n in moved for o in others)


def test_it_says_what_it_found_and_what_discretising_costs() -> None:
    found = search("beta_darts").run(Fidelity(epochs=0.3, final=True))
    details = found.details
    assert [max(range(4), key=w.__getitem__) for w in details["weights"]] == details["choices"]
    assert 0 <= details["discretised"] <= 1
    assert found.value is not None


def test_resumed_it_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    search("gdas", tmp_path / "super.pt").run(Fidelity(epochs=0.3))
    again = search("gdas", tmp_path / "super.pt")
    assert again.state.step > 0
    straight = search("gdas")
    for run in (again, straight):
        for bound in ([Fidelity(epochs=0.3)] if run is straight else []) + [Fidelity(epochs=0.6)]:
            run.run(bound)
    for a, b in zip(again.logits, straight.logits, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(again.network.state_dict().values(), straight.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_second_order_is_the_gradient_through_a_step_of_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the exact derivative of L_val(w - rate grad L_train(w, a), a) by double backpropagation.

    The finite difference is taken smaller than by default, and images are noise, so that no kink of a ReLU is crossed
    and no pooling has a tie (as digits' empty background has).
    """
    monkeypatch.setattr(module, "LOOK_AHEAD", 1e-5)
    found = search("darts2")
    network = found.network.double().train()
    found.logits = [p.detach().double().requires_grad_() for p in found.logits]
    noise = torch.Generator().manual_seed(0)
    images = torch.randn(2, 16, 1, 8, 8, dtype=torch.float64, generator=noise)
    train, held_out = ((x, torch.arange(16) % 10) for x in images)
    found.optimizer.param_groups[0]["lr"] = rate = 0.05

    def mix() -> list[torch.Tensor]:
        return [p.softmax(0) for p in found.logits]

    names, weights = zip(*((n, w) for n, w in network.named_parameters() if w.requires_grad), strict=True)
    loss = found.task.loss(network(train[0], mix()), train[1])
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    ahead = {n: w - rate * g for n, w, g in zip(names, weights, gradients, strict=True)}
    value = found.task.loss(functional_call(network, ahead, (held_out[0], mix())), held_out[1])
    exact = torch.autograd.grad(value, found.logits)
    before = [w.detach().clone() for w in weights]
    approximate = found._looking_ahead(mix, train, held_out)
    for a, b in zip(approximate, exact, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-7)
    assert all(torch.equal(a, b) for a, b in zip(before, weights, strict=True))
