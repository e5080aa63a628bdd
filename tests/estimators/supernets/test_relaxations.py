"""What differentiable searches mix and add, by hand."""

import math

import pytest
import torch

from nassay.estimators.supernets.relaxations import RELAXATIONS, BetaDecay, Discretised, Gumbel, Relaxation, beta_term
from nassay.spaces.cell64 import Cell64


def logits_of(*rows: list[float]) -> list[torch.Tensor]:
    return [torch.tensor(row, dtype=torch.float64, requires_grad=True) for row in rows]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_gradient_of_beta_decay_is_the_softmax_over_the_number_of_choices() -> None:
    logits = logits_of([0.3, -1.0, 2.0], [0.0, 0.5], [1.0, 1.0, -3.0, 0.2])
    gradients = torch.autograd.grad(beta_term(logits), logits)
    for logit, gradient in zip(logits, gradients, strict=True):
        torch.testing.assert_close(gradient, logit.softmax(0) / 3, rtol=0, atol=1e-6)


def test_beta_decay_alone_evens_the_options_out() -> None:
    logits = logits_of([2.0, -1.0, 0.0, 0.5])
    before = logits[0].softmax(0).std().item()
    optimizer = torch.optim.SGD(logits, lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        BetaDecay().penalty(logits, 0.5).backward()
        optimizer.step()
    assert logits[0].softmax(0).std().item() < before / 10


def test_beta_decay_grows_linearly_to_fifty() -> None:
    logits = logits_of([0.0, 0.0])
    found = [BetaDecay().penalty(logits, progress).item() for progress in (0.0, 0.5, 1.0)]
    assert found == pytest.approx([0.0, 25 * math.log(2), 50 * math.log(2)])


def test_entropy_is_largest_for_even_options() -> None:
    even, sure = logits_of([1.0, 1.0, 1.0, 1.0]), logits_of([50.0, 0.0])
    assert Discretised().penalty(even, 1.0).item() == pytest.approx(math.log(4))
    assert Discretised().penalty(sure, 1.0).item() == pytest.approx(0.0, abs=1e-12)
    assert Discretised().penalty(even, 0.25).item() == pytest.approx(math.log(4) / 4)


def test_a_flooded_loss_turns_round_under_its_level() -> None:
    flooded = Relaxation(flood=0.3)
    loss = torch.tensor([0.1, 0.3, 0.7], requires_grad=True)
    found = flooded.weights_loss(loss)
    assert found.tolist() == pytest.approx([0.5, 0.3, 0.7])
    found[[0, 2]].sum().backward()
    assert loss.grad.tolist() == [-1.0, 0.0, 1.0]
    assert Relaxation().weights_loss(loss) is loss


def test_a_flood_is_counted_from_the_smallest_loss_possible() -> None:
    """Level .5 + .3: half a point above the smallest loss is left alone, a tenth above it turned round to .8 + .2."""
    loss = torch.tensor([1.0, 0.6], requires_grad=True)
    found = Relaxation(flood=0.3).weights_loss(loss, least=0.5)
    assert found.tolist() == pytest.approx([1.0, 1.0])
    found.sum().backward()
    assert loss.grad.tolist() == [1.0, -1.0]


def test_gumbel_draws_one_option_as_often_as_its_softmax_says() -> None:
    """2,000 draws: within 4.5 standard deviations."""
    logits, rng = logits_of([math.log(1.0), math.log(3.0)]), generator()
    draws = torch.stack([Gumbel().mix(logits, 0.9, rng)[0].detach() for _ in range(2000)])
    assert set(map(tuple, draws.tolist())) == {(0.0, 1.0), (1.0, 0.0)}
    assert abs(draws[:, 1].sum().item() - 1500) < 4.5 * (2000 * 3 / 16) ** 0.5


def test_gumbel_s_gradient_is_that_of_the_soft_weight() -> None:
    """At the drawn option k and temperature t: softmax jacobian (y_k (1_jk - y_j)) / t."""
    (logit,) = logits_of([0.2, -0.4, 0.9])
    (weights,) = Gumbel().mix([logit], 1.0, generator(3))
    k = int(weights.argmax())
    (gradient,) = torch.autograd.grad(weights[k], logit)
    noise = -torch.empty(3).exponential_(generator=generator(3)).log()
    soft = ((logit.detach().log_softmax(0) + noise) / 0.1).softmax(0)
    expected = soft[k] * (torch.eye(3, dtype=torch.float64)[k] - soft) / 0.1
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("name", [name for name in RELAXATIONS if name != "pc_darts"])
def test_weights_of_a_choice_add_up_to_one(name: str) -> None:
    for weights in RELAXATIONS[name].mix(logits_of([0.1, 0.2, 0.7], [3.0, -2.0]), 0.5, generator()):
        assert weights.sum().item() == pytest.approx(1.0)


def test_normalised_edges_share_their_node() -> None:
    """Edge logits log 1, log 3 make a quarter and three quarters of the second node; the first has one edge."""
    relaxation = RELAXATIONS["pc_darts"].of(Cell64())
    assert relaxation.sizes((4, 4, 4)) == (4, 4, 4, 1, 2)
    logits = logits_of(*[[0.1, 0.2, 0.7, -1.0]] * 3, [5.0], [0.0, math.log(3.0)])
    plain = logits[0].softmax(0)
    for chances in (relaxation.chances(logits), relaxation.mix(logits, 0.5, generator())):
        for found, share in zip(chances, (1.0, 0.25, 0.75), strict=True):
            torch.testing.assert_close(found, share * plain)


def test_partial_channels_learn_their_weights_first() -> None:
    assert RELAXATIONS["pc_darts"].warm_up == pytest.approx(15 / 50)
    assert RELAXATIONS["darts"].warm_up == 0.0
