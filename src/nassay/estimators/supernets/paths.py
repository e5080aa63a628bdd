"""Training of a super-network by sampled paths: the gradients of all paths of a step make one update.

Either each path sees the whole batch, one pass each, or all of them share one pass, each its part of the batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nassay.estimators.supernets.sampling import Path as Choices
from nassay.estimators.supernets.sampling import groups, sandwich, strictly_fair, uniform, update_counts
from nassay.estimators.supernets.supernet import SuperNet
from nassay.estimators.supernets.training import SuperTraining
from nassay.tasks.base import Split, Task

Rule = Callable[[np.random.Generator, Sequence[int]], list[Choices]]

RULES: dict[str, Rule] = {
    "spos": uniform,
    "fairnas": strictly_fair,
    "ordered_dropout": groups,
    "sandwich": sandwich,
}
SHARING = ("ordered_dropout",)  # rules whose paths share one pass
SHOWN_PATHS = 4  # random sub-networks whose mean accuracy stands for the super-network's on the way


class PathTraining(SuperTraining):
    """A super-network's training by sampled paths.

    Args:
        network: trained in place.
        task: data, loss and metric.
        rule: name of the rule that draws the paths of a step, from a generator that depends on (seed, step) alone.
        options: see `SuperTraining`.
    """

    def __init__(self, network: SuperNet, task: Task, rule: str, **options: Any) -> None:
        self._counts = [[0] * n for n in network.space.options]
        super().__init__(network, task, **options)
        self.rule, self.sharing = RULES[rule], rule in SHARING
        shown = np.random.default_rng([self.seed, 0x5033])
        self.shown = [uniform(shown, network.space.options)[0] for _ in range(SHOWN_PATHS)]

    def paths(self, step: int) -> list[Choices]:
        """The paths of a step."""
        return self.rule(np.random.default_rng([self.seed, step, 0x9A7]), self.network.space.options)

    def update_counts(self) -> list[list[int]]:
        """How often each option of each choice has been updated so far, [choice][option]."""
        return [list(row) for row in self._counts]

    def outputs(self, split: Split) -> tuple[Tensor, Tensor]:
        """Outputs of a few random sub-networks, each on its part of the split, and the targets, part by part.

        They take turns over the items: where classes lie one behind the other, each part has all of them.
        """
        count = min(len(self.shown), len(split))
        parts = [
            self.selected_outputs(self.shown[i], Split(split.x[i::count], split.y[i::count])) for i in range(count)
        ]
        outputs, targets = zip(*parts, strict=True)
        return torch.cat(outputs), torch.cat(targets)

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        paths = self._drawn()
        if self.sharing:
            loss = self.criterion(self.network.paths(x, paths), y)
            loss.backward()
            return loss.detach()
        total = torch.zeros((), device=x.device)
        for path in paths:
            loss = self.criterion(self.network(x, path), y) / len(paths)
            loss.backward()
            total += loss.detach()
        return total

    def _drawn(self) -> list[Choices]:
        """The paths of this step, counted."""
        paths = self.paths(self.state.step)
        new = update_counts(paths, self.network.space.options)
        self._counts = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(self._counts, new, strict=True)]
        return paths

    def _more_state(self) -> dict[str, Any]:
        return {"counts": self._counts}

    def _load_more(self, payload: dict[str, Any]) -> None:
        self._counts = payload["counts"]
