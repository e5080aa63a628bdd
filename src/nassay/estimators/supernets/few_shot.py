"""Few-shot training: one super-network first, then one for each option of a choice, which begin where it has come to.

Zhao et al. 2021, Few-shot Neural Architecture Search, arXiv:2006.06863, read in its abstract only: the sub-networks
that share a weight are fewer, and agree on one option. Here the choice with the most options is split (the paper says
that the choice matters little), half-way through the training; from then on the parts take turns, so that all of them
together see as many batches as one super-network would.
"""

import copy
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nassay.estimators.supernets.choice import Choice, Selection
from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.supernets.sampling import Path
from nassay.estimators.supernets.supernet import SuperNet
from nassay.spaces.base import Architecture
from nassay.spaces.network import Network
from nassay.tasks.base import Task

SPLIT_AT = 0.5  # share of the training


class SplitNet(SuperNet):
    """A super-network that can be split into one for each option of a choice.

    Args:
        whole: the super-network; it stays the first part.
        position: the choice.
    """

    parted: Tensor

    def __init__(self, whole: SuperNet, position: int) -> None:
        nn.Module.__init__(self)
        self.space, self.width, self.position = whole.space, whole.width, position
        copies = (copy.deepcopy(whole) for _ in range(1, whole.space.options[position]))
        self.parts = nn.ModuleList([whole, *copies])
        self.register_buffer("parted", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor, selection: Selection) -> Tensor:
        """Outputs of the selected sub-network, see `SuperNet.forward`; once split, of a single path only."""
        selected = selection[self.position] if self.parted else 0
        assert isinstance(selected, int), "a batch of several paths would need several parts"
        outputs: Tensor = self.parts[selected](x, selection)
        return outputs

    def split(self) -> None:
        """Every part becomes a copy of the first one."""
        for part in self.parts[1:]:
            part.load_state_dict(self.parts[0].state_dict())
        self.parted.fill_(1)

    def choices(self) -> Iterable[tuple[str, Choice]]:
        """Every choice's module of all parts; see `SuperNet.choices`."""
        return chain.from_iterable(part.choices() for part in self._supernets())

    def inherited(self, architecture: Architecture) -> dict[str, Tensor]:
        """The weights in the sub-network's part; see `SuperNet.inherited`."""
        return self._part_of(architecture).inherited(architecture)

    def extract(self, architecture: Architecture) -> Network:
        """A sub-network out of its part; see `SuperNet.extract`."""
        return self._part_of(architecture).extract(architecture)

    def _part_of(self, architecture: Architecture) -> SuperNet:
        selected = self.space.check(architecture).choices[self.position]
        return self._supernets()[selected if self.parted else 0]

    def _supernets(self) -> list[SuperNet]:
        return [part for part in self.parts if isinstance(part, SuperNet)]


class FewShotTraining(PathTraining):
    """A super-network's training by uniform single paths, split on the way.

    Args:
        network: becomes a `SplitNet`.
        task: data, loss and metric.
        position: the choice to split; the first one with the most options by default.
        options: see `SuperTraining`.
    """

    network: SplitNet

    def __init__(self, network: SuperNet, task: Task, *, position: int | None = None, **options: Any) -> None:
        position = int(np.argmax(network.space.options)) if position is None else position
        super().__init__(SplitNet(network, position), task, "spos", **options)

    def paths(self, step: int) -> list[Path]:
        """One uniform path; once split, the parts take turns."""
        (path,) = super().paths(step)
        if not self.network.parted:
            return [path]
        position = self.network.position
        turn = step % len(self.network.parts)
        return [(*path[:position], turn, *path[position + 1 :])]

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        if self._done >= SPLIT_AT and not self.network.parted:
            self._split()
        return super()._backward(x, y)

    def _split(self) -> None:
        """Weights, their moving averages and the optimizer's momentum are carried over to every part."""
        averaged = self.averaged
        assert isinstance(averaged, SplitNet)
        self.network.split()
        averaged.split()
        first, *others = self.network.parts
        for part in others:
            for old, new in zip(first.parameters(), part.parameters(), strict=True):
                self.optimizer.state[new]["momentum_buffer"].copy_(self.optimizer.state[old]["momentum_buffer"])
