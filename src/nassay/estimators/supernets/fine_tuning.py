"""Sub-networks that are taken out of a super-network and trained on alone, for some mini-batches.

Zhang et al. 2020, arXiv:2001.01431, section 4.4: a few mini-batches repair most of a ranking. The learning rate stays
what it was in the super-network's last step.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch

from nassay.estimators.supernets.recalibration import recalibrated
from nassay.estimators.supernets.training import SuperTraining
from nassay.estimators.training import LOOK_ITEMS, Training
from nassay.spaces.base import Architecture


class FineTuning(Training):
    """The training of a sub-network that begins with inherited weights; the super-network is left as it is.

    Args:
        parent: the super-network's training; the weights are those of its very last step.
        choices: the sub-network, an option's index for each choice.
    """

    def __init__(self, parent: SuperTraining, choices: Sequence[int]) -> None:
        architecture = Architecture(parent.network.space.name, tuple(choices))
        rate = parent.optimizer.param_groups[0]["lr"] * parent.recipe.batch_size / parent.batch_size
        super().__init__(
            parent.network.extract(architecture),
            parent.task,
            seed=parent.seed,
            device=str(parent.device),
            recipe=replace(parent.recipe, learning_rate=rate, warmup_steps=1),
        )
        self.rows, self.resolution = parent.rows, parent.resolution
        self._calibration = parent.plain_batches()

    def metrics(self, looks: Sequence[int], *, items: int | None = LOOK_ITEMS) -> list[float]:
        """The validation metric, norms re-calibrated, after each of these numbers of mini-batches.

        Args:
            looks: rising numbers of mini-batches, 0 for what is inherited.
            items: about how many validation items to look at (`Task.validation_sample`); None for all.
        """
        found = []
        with torch.random.fork_rng(devices=[]):
            for before, after in pairwise([0, *looks]):
                for _ in range(after - before):
                    self._step(None)
                found.append(self._metric(items))
        return found

    def _metric(self, items: int | None) -> float:
        split = self.task.validation_sample(items)
        with recalibrated(self.averaged, self.averaged, self._calibration):
            return self.task.metric_of(*self.outputs(split))
