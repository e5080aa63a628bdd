"""What every training of a super-network shares, and the accuracies that its sub-networks inherit.

The recipe, the bounds and the checkpoints are those of every training, see `estimators.training`. A step goes through
some of the network; what it does not touch gets no gradient and rests. Inherited accuracy: Guo et al. 2020, SPOS,
arXiv:1904.00420, section 3.
"""

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.supernets.choice import Selection
from nassay.estimators.supernets.recalibration import recalibrated
from nassay.estimators.supernets.supernet import SuperNet
from nassay.estimators.training import LOOK_ITEMS, Recipe, Training
from nassay.tasks.base import Split, Task

RECALIBRATION = 8  # batches of training images that a sub-network's norms are averaged over


class SuperTraining(Training):
    """A super-network's training, resumable at any step; sub-classes say what a step goes through.

    Args:
        network: trained in place.
        task: data, loss and metric.
        seed: see `Training`.
        checkpoint: see `Training`.
        fidelity: see `Training`.
        device: torch device name.
        recipe: see `Training`.
        end: epochs at which a training that is run in parts will end, for what changes on the way to it; by default
            where the cosine learning rate comes to zero, see `Fidelity.horizon`.
    """

    network: SuperNet

    def __init__(
        self,
        network: SuperNet,
        task: Task,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        fidelity: Fidelity | None = None,
        device: str = "cpu",
        recipe: Recipe | None = None,
        end: float | None = None,
    ) -> None:
        options: dict[str, Any] = {"checkpoint": checkpoint, "fidelity": fidelity, "device": device, "recipe": recipe}
        super().__init__(network, task, seed=seed, **options)
        self._done = 0.0  # share of the training, where its end is known
        self._end = end
        self._bound: Fidelity | None = None
        for group in self.optimizer.param_groups:  # a step must find them all: some weights have no gradient in it
            for parameter in group["params"]:
                self.optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))

    def run(self, bound: Fidelity) -> Estimate:
        """Train up to the bound; see `Training.run`."""
        self._bound = bound
        return super().run(bound)

    def inherit(
        self,
        choices: Selection,
        *,
        items: int | None = LOOK_ITEMS,
        recalibrate: bool = True,
        averaged: bool = True,
    ) -> Estimate:
        """The validation metric of a sub-network with inherited weights.

        Args:
            choices: the sub-network, an option's index for each choice.
            items: about how many validation items to look at (`Task.validation_sample`); None for all.
            recalibrate: whether its norms get their own statistics, from training images, first.
            averaged: whether the weights are the moving average, or those of this very step.
        """
        started = time.perf_counter()
        split = self.task.validation_sample(items)
        outputs = self.selected_outputs(choices, split, recalibrate=recalibrate, averaged=averaged)
        value = self.task.metric_of(*outputs)
        seconds = time.perf_counter() - started
        return Estimate.of(value, seconds=seconds, steps=self.state.step, recalibrated=recalibrate)

    def selected_outputs(
        self, selection: Selection, split: Split, *, recalibrate: bool = True, averaged: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Outputs of a sub-network or mixture on a split, and the targets; see `inherit`."""
        network = self.averaged if averaged else self.network
        run: Any = partial(network, selection=selection)
        if not recalibrate:
            network.eval()
            return self._outputs_of(run, split)
        with recalibrated(network, run, self.plain_batches()):
            return self._outputs_of(run, split)

    def _step(self, final_progress: float | None) -> float:
        """A step, whose place in the training its number alone tells, also behind the bound that was run to."""
        horizon = self._bound.horizon if self._bound else None
        end = horizon if self._end is None else self._end
        here = self.epochs / end if end is not None else 0.0
        self._done = min(1.0, here if final_progress is None else final_progress)
        if self._bound is not None:
            self.annealed = self._annealed(self._bound)
        return super()._step(final_progress)

    def _evaluation_due(self, bound: Fidelity) -> bool:
        """Never on the way: nobody reads a super-network's curve, and every point of it is several re-calibrations."""
        del bound
        return False

    def plain_batches(self) -> list[Tensor]:
        """Fixed batches of training images as they are, at the size that the network sees now."""
        rows = np.random.default_rng([self.seed, 0xBA7]).permutation(self.rows)[: RECALIBRATION * self.batch_size]
        parts = np.array_split(rows, max(1, len(rows) // self.batch_size))  # each of all classes, also of sorted images
        return [self._sized(self._inputs(self.task.train.x[np.sort(part)])) for part in parts]


class BilevelTraining(SuperTraining):
    """A training that learns two things: weights on one half of the training split, the architecture on the other.

    The validation split stays for what validation is for.
    """

    def __init__(self, network: SuperNet, task: Task, *, seed: int = 0, **options: Any) -> None:
        super().__init__(network, task, seed=seed, **options)
        mixed = np.random.default_rng([seed, 0xA1FA]).permutation(self.rows)
        self.rows, self.held_out = np.sort(mixed[: len(mixed) // 2]), np.sort(mixed[len(mixed) // 2 :])

    def _held_out_batch(self) -> tuple[Tensor, Tensor]:
        """A random batch of the architecture's half, prepared like the weights' batches."""
        rng = np.random.default_rng([self.seed, self.state.step, 0xA1FA])
        rows = np.sort(rng.choice(self.held_out, min(self.batch_size, len(self.held_out)), replace=False))
        return self._training_batch(rows)
