"""MANAS: one agent for each choice, each a bandit over its options, all told the same loss.

Carlucci et al. 2019, arXiv:1909.01051. A round draws a path, one option an agent; the path's loss comes back. Losses
are in 0..1 here, and the options of small loss become likely: as printed, the paper's softmax has the other sign
(for rewards). Its step size is not in the text that could be read; it is EXP3's here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from nassay.estimators.supernets.sampling import Path

FLOOR = 1e-3  # share of even chances that is mixed in, so that importance weights stay bounded
RIDGE = 1e-3
REFIT = 10  # rounds between two least-squares fits


class Agents(ABC):
    """One agent for each choice.

    Args:
        options: the number of options of each choice.
    """

    def __init__(self, options: Sequence[int]) -> None:
        self.options = tuple(options)
        self.rounds = 0

    @abstractmethod
    def probabilities(self) -> list[np.ndarray]:
        """How likely each agent draws each of its options, one (options,) array an agent."""

    @abstractmethod
    def _learn(self, path: Path, loss: float) -> None:
        """Take a round's loss into account; `rounds` are those before it, and `probabilities` what it was drawn by."""

    def draw(self, rng: np.random.Generator) -> Path:
        """A path, every agent for itself."""
        return tuple(int(rng.choice(len(p), p=p)) for p in self.probabilities())

    def tell(self, path: Path, loss: float) -> None:
        """The loss, in 0..1, of a path that was drawn now; losses outside are cut off.

        Where the loss is not finite there has been no round: nothing is learned from it.
        """
        if not np.isfinite(loss):
            return
        self._learn(path, float(np.clip(loss, 0.0, 1.0)))
        self.rounds += 1

    def recommended(self) -> Path:
        """Each agent's most likely option."""
        return tuple(int(np.argmax(p)) for p in self.probabilities())

    def state(self) -> dict[str, Any]:
        """Everything learned, as lists and numbers."""
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(self).items() if k != "options"}

    def load(self, state: dict[str, Any]) -> None:
        """The counterpart of `state`."""
        for key, value in state.items():
            setattr(self, key, np.array(value) if isinstance(value, list) else value)


class Exp3Agents(Agents):
    """MANAS: importance-weighted sums of losses, exponential weights (EXP3, Auer et al. 2002).

    Args:
        options: the number of options of each choice.
        rounds: the horizon that the step size sqrt(2 ln K / (T K)) is made for; None for the rounds so far.
    """

    def __init__(self, options: Sequence[int], rounds: int | None = None) -> None:
        super().__init__(options)
        self.horizon = rounds
        self.sums = np.zeros((len(options), max(options)))

    def probabilities(self) -> list[np.ndarray]:
        """Softmax of minus the step size times the sums, a little even chance mixed in."""
        found = []
        for k, sums in zip(self.options, self.sums, strict=True):
            rate = np.sqrt(2 * np.log(max(2, k)) / ((self.horizon or max(1, self.rounds)) * k))
            weights = np.exp(-rate * (sums[:k] - sums[:k].min()))
            found.append((1 - FLOOR) * weights / weights.sum() + FLOOR / k)
        return found

    def _learn(self, path: Path, loss: float) -> None:
        for i, (option, p) in enumerate(zip(path, self.probabilities(), strict=True)):
            self.sums[i, option] += loss / p[option]


class LeastSquaresAgents(Agents):
    """MANAS-LS: a least-squares split of the loss over options; Zipf chances by rank.

    Args:
        options: the number of options of each choice.
        forgetting: factor on the weight of older rounds, for losses that drift.
    """

    def __init__(self, options: Sequence[int], forgetting: float = 1.0) -> None:
        super().__init__(options)
        self.forgetting = forgetting
        self.starts = np.concatenate([[0], np.cumsum(options)])
        size = int(self.starts[-1])
        self.gram, self.moments = np.zeros((size, size)), np.zeros(size)
        self.credit: np.ndarray = np.zeros(size)

    def probabilities(self) -> list[np.ndarray]:
        """1 / (rank H_K), rank 1 the smallest credited loss; even chances before the first fit."""
        if self.rounds < REFIT:
            return [np.full(k, 1 / k) for k in self.options]
        found = []
        for start, k in zip(self.starts, self.options, strict=False):
            ranks = np.empty(k)
            ranks[np.argsort(self.credit[start : start + k], kind="stable")] = np.arange(1, k + 1)
            found.append(1 / ranks / np.sum(1 / np.arange(1, k + 1)))
        return found

    def _learn(self, path: Path, loss: float) -> None:
        on = self.starts[:-1] + np.array(path)
        self.gram *= self.forgetting
        self.moments *= self.forgetting
        self.gram[np.ix_(on, on)] += 1
        self.moments[on] += loss
        if (self.rounds + 1) % REFIT == 0:
            self.credit = np.linalg.solve(self.gram + RIDGE * np.eye(len(self.moments)), self.moments)
