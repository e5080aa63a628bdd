"""MANAS' agents by hand, and on losses that are sums of their options'."""

import numpy as np
import pytest

from nassay.estimators.supernets.bandits import FLOOR, REFIT, Agents, Exp3Agents, LeastSquaresAgents


def play(agents: Agents, terms: np.ndarray, rounds: int, seed: int = 0) -> np.ndarray:
    """Losses of the rounds, each the mean of its options' terms and a little noise."""
    rng, losses = np.random.default_rng(seed), []
    for _ in range(rounds):
        path = agents.draw(rng)
        losses.append(terms[np.arange(len(path)), list(path)].mean() + rng.normal(0, 0.01))
        agents.tell(path, losses[-1])
    return np.array(losses)


TERMS = np.random.default_rng(3).uniform(0.1, 0.9, (6, 5))


def test_exp3_weighs_losses_by_how_unlikely_they_were() -> None:
    agents = Exp3Agents((2,), rounds=8)
    agents.tell((1,), 0.5)
    assert agents.sums[0].tolist() == [0.0, 1.0]
    rate = (2 * np.log(2) / 16) ** 0.5
    odd = np.exp(-rate) / (1 + np.exp(-rate))
    assert agents.probabilities()[0].tolist() == pytest.approx(
        [(1 - FLOOR) * (1 - odd) + FLOOR / 2, (1 - FLOOR) * odd + FLOOR / 2]
    )


def test_least_squares_ranks_by_zipf() -> None:
    """Chances of three ranks: 6/11, 3/11, 2/11; with every path seen equally often the credits are the terms' order."""
    agents = LeastSquaresAgents((3, 1))
    for i in range(2 * REFIT - 2 + 2):
        agents.tell((i % 3, 0), [0.9, 0.1, 0.5][i % 3])
    assert agents.probabilities()[0].tolist() == pytest.approx([2 / 11, 6 / 11, 3 / 11])
    assert agents.probabilities()[1].tolist() == [1.0]
    assert agents.recommended() == (1, 0)


def test_losses_outside_the_unit_interval_are_cut_off() -> None:
    agents = Exp3Agents((2,))
    agents.tell((0,), 7.0)
    assert agents.sums[0, 0] == 2.0
    agents.tell((1,), -3.0)
    assert agents.sums[0, 1] == 0.0


def test_losses_count_by_the_chances_that_they_were_drawn_by() -> None:
    """Without a horizon the step size of round t is sqrt(2 ln 2 / 2 t): the second draw is made with that of t = 1."""
    agents = Exp3Agents((2,))
    agents.tell((1,), 0.5)  # drawn by even chances: .5 / .5 = 1
    odd = np.exp(-(np.log(2) ** 0.5)) / (1 + np.exp(-(np.log(2) ** 0.5)))
    chance = (1 - FLOOR) * odd + FLOOR / 2
    assert agents.probabilities()[0][1] == pytest.approx(chance)
    agents.tell((1,), 0.5)
    assert agents.sums[0].tolist() == pytest.approx([0.0, 1.0 + 0.5 / chance])
    assert agents.rounds == 2


@pytest.mark.parametrize("kind", [Exp3Agents, LeastSquaresAgents])
@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_no_round(kind: type[Agents], loss: float) -> None:
    agents, other = kind((3, 2)), kind((3, 2))
    for _ in range(REFIT):
        agents.tell((0, 1), loss)
        agents.tell((0, 1), 0.5)
        other.tell((0, 1), 0.5)
    assert agents.state() == other.state()


@pytest.mark.parametrize(("kind", "rounds", "share"), [(LeastSquaresAgents, 300, 0.7), (Exp3Agents, 3000, 0.8)])
def test_the_mean_loss_falls_with_the_rounds(kind: type[Agents], rounds: int, share: float) -> None:
    """Regret against the best path, in the last third as a share of even chances' regret.

    Zipf's never goes to zero: with evenly spaced losses it is (5 / H_5 - 1) / 2 = .595 of it.
    """
    losses = play(kind(TERMS.shape[0] * (5,)), TERMS, rounds)
    best, even = TERMS.min(1).mean(), TERMS.mean()
    assert losses[-rounds // 3 :].mean() - best < share * (even - best)


def test_least_squares_finds_the_best_path_of_additive_losses() -> None:
    agents = LeastSquaresAgents(TERMS.shape[0] * (5,))
    play(agents, TERMS, 300)
    found = TERMS[np.arange(len(TERMS)), list(agents.recommended())]
    assert found.mean() - TERMS.min(1).mean() < 0.01


@pytest.mark.parametrize("kind", [Exp3Agents, LeastSquaresAgents])
def test_state_goes_into_a_file_and_back(kind: type[Agents]) -> None:
    import json

    straight, first, again = (kind((4, 3)) for _ in range(3))
    terms = TERMS[:2, :4]
    play(straight, terms[:, :3].repeat(2, 1)[:, :4], 40)
    play(first, terms[:, :3].repeat(2, 1)[:, :4], 40)
    again.load(json.loads(json.dumps(first.state())))
    for agents in (straight, again):
        agents.tell((1, 2), 0.3)
    for a, b in zip(straight.probabilities(), again.probabilities(), strict=True):
        assert a.tolist() == b.tolist()
