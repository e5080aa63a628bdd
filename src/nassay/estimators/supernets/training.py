"""Training of a super-network by sampled paths, and the accuracies that its sub-networks inherit.

The recipe, the bounds and the checkpoints are those of every training, see `estimators.training`; a step goes through
the paths that a sampling rule draws, and the gradients of all its paths make one update. Only what is on a path gets a
gradient, so that everything else rests. Inherited accuracy: Guo et al. 2020, SPOS, arXiv:1904.00420, section 3.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.supernets.recalibration import recalibrated
from nassay.estimators.supernets.sampling import Path as Choices
from nassay.estimators.supernets.sampling import strictly_fair, uniform, update_counts
from nassay.estimators.supernets.supernet import SuperNet
from nassay.estimators.training import Training
from nassay.tasks.base import Split, Task

Rule = Callable[[np.random.Generator, Sequence[int]], list[Choices]]

RULES: dict[str, Rule] = {"spos": uniform, "fairnas": strictly_fair}
RECALIBRATION = 8  # batches of training images that a sub-network's norms are averaged over
SHOWN_PATHS = 4  # random sub-networks whose mean accuracy stands for the super-network's on the way


class SuperTraining(Training):
    """A super-network's training, resumable at any step.

    Args:
        network: trained in place.
        task: data, loss and metric.
        rule: draws the paths of a step, from a generator that depends on (seed, step) alone.
        seed: see `Training`.
        checkpoint: see `Training`.
        fidelity: see `Training`.
        device: torch device name.
    """

    network: SuperNet

    def __init__(
        self,
        network: SuperNet,
        task: Task,
        rule: Rule,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        fidelity: Fidelity | None = None,
        device: str = "cpu",
    ) -> None:
        self.rule, self.options = rule, network.space.options
        super().__init__(network, task, seed=seed, checkpoint=checkpoint, fidelity=fidelity, device=device)
        for parameter in self.network.parameters():  # a step must find them all: some weights have no gradient in it
            self.optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))
        shown = np.random.default_rng([seed, 0x5033])
        self.shown = [uniform(shown, self.options)[0] for _ in range(SHOWN_PATHS)]

    def paths(self, step: int) -> list[Choices]:
        """The paths of a step."""
        return self.rule(np.random.default_rng([self.seed, step, 0x9A7]), self.options)

    def update_counts(self) -> list[list[int]]:
        """How often each option of each choice has been updated so far, [choice][option]."""
        return update_counts([path for step in range(self.state.step) for path in self.paths(step)], self.options)

    def inherit(self, choices: Choices, *, recalibrate: bool = True) -> Estimate:
        """The validation metric of a sub-network with inherited weights, the moving average's.

        Args:
            choices: the sub-network.
            recalibrate: whether its norms get their own statistics, from training images, first.
        """
        started = time.perf_counter()
        value = self.task.metric_of(*self._sub_outputs(choices, self.task.validation, recalibrate))
        seconds = time.perf_counter() - started
        return Estimate.of(value, seconds=seconds, steps=self.state.step, recalibrated=recalibrate)

    def outputs(self, split: Split) -> tuple[Tensor, Tensor]:
        """Outputs of a few random sub-networks, each on its part of the split, and the targets."""
        bounds = np.linspace(0, len(split), SHOWN_PATHS + 1).astype(int)
        slices = [slice(a, b) for a, b in zip(bounds[:-1], bounds[1:], strict=True) if b > a]
        parts = [
            self._sub_outputs(path, Split(split.x[part], split.y[part]))
            for path, part in zip(self.shown, slices, strict=False)
        ]
        outputs, targets = zip(*parts, strict=True)
        return torch.cat(outputs), torch.cat(targets)

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        paths = self.paths(self.state.step)
        total = torch.zeros((), device=x.device)
        for path in paths:
            loss = self.task.loss(self.network(x, path), y) / len(paths)
            loss.backward()
            total += loss.detach()
        return total

    def _sub_outputs(self, choices: Choices, split: Split, recalibrate: bool = True) -> tuple[Tensor, Tensor]:
        averaged = self.averaged
        run: Any = partial(averaged, selection=choices)
        if not recalibrate:
            averaged.eval()
            return self._outputs_of(run, split)
        with recalibrated(averaged, run, self._plain_batches()):
            return self._outputs_of(run, split)

    def _plain_batches(self) -> list[Tensor]:
        """Fixed batches of training images as they are, at the size that the network sees now."""
        rows = np.random.default_rng([self.seed, 0xBA7]).permutation(self.rows)[: RECALIBRATION * self.batch_size]
        parts = np.array_split(np.sort(rows), max(1, len(rows) // self.batch_size))
        return [self._sized(self._inputs(self.task.train.x[part])) for part in parts]
