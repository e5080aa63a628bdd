"""Sub-networks that learn from a larger one: the sandwich rule with in-place distillation.

Yu & Huang 2019, Universally Slimmable Networks, arXiv:1903.05134, sections 3.2 and 3.3; with kernels and depths as well
as widths: Yu et al. 2020, BigNAS, arXiv:2003.11142. Each step goes through the largest network, which learns from the
labels, the smallest one and two random ones, which learn from the largest one's outputs of this very step. Gradients
are averaged over the four, as in every training by several paths here; the papers add them up.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.supernets.supernet import SuperNet
from nassay.tasks.base import Task


class SandwichTraining(PathTraining):
    """A super-network's training by the largest, the smallest and two random sub-networks.

    Args:
        network: of a space whose options have sizes, see `Space.aspects`.
        task: data, loss and metric.
        options: see `SuperTraining`.
    """

    def __init__(self, network: SuperNet, task: Task, **options: Any) -> None:
        super().__init__(network, task, "sandwich", **options)

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        largest, *others = self._drawn()
        outputs = self.network(x, largest)
        loss: Tensor = self.criterion(outputs, y) / (1 + len(others))
        loss.backward()
        total, teacher = loss.detach(), outputs.detach()
        for path in others:
            loss = distilled(self.network(x, path), teacher, y) / (1 + len(others))
            loss.backward()
            total += loss.detach()
        return total


def distilled(outputs: Tensor, teacher: Tensor, targets: Tensor) -> Tensor:
    """How far outputs are from a teacher's: cross-entropy with its probabilities where outputs are logits of classes.

    Args:
        outputs: (B, classes, ...) logits, or anything else.
        teacher: of the same shape, without gradient.
        targets: (B, ...) class indices where outputs are logits; else the distance is the mean squared error.
    """
    if targets.dtype == torch.int64 and targets.shape == outputs.shape[:1] + outputs.shape[2:]:
        return functional.cross_entropy(outputs, teacher.softmax(1))
    return functional.mse_loss(outputs, teacher)
