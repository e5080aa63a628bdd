"""Progressive shrinking: the largest network first, then its kernels, depths and widths become elastic, one by one.

Cai et al. 2020, Once-for-All, arXiv:1908.09791, section 3.3 and the authors' code: once the largest network is trained
it teaches all others; a step goes through one random sub-network while kernels are elastic, two with depths, four with
widths (and expansions); of depths and widths at first only the upper half is open; the loss is that of the labels and,
with weight 1, the cross-entropy with the teacher's probabilities. Aspects that are not in the paper, such as gates or
the kinds of blocks, are opened with the kernels. Not taken over: the learned transformations of kernels, the sorting of
channels, learning rates that begin again in every phase; the phases' shares of the training are ours.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from nassay.estimators.supernets.distillation import distilled
from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.supernets.sampling import Path, largest
from nassay.estimators.supernets.supernet import SuperNet
from nassay.spaces.base import Architecture
from nassay.spaces.network import Network
from nassay.tasks.base import Task

DEPTHS, WIDTHS = ("depth",), ("width", "expansion")
ALONE = 0.2  # share of the training that is the largest network's
HALF_OPEN = 0.17  # share of a phase with the upper half of the options; 25 of 145 epochs in the paper
PATHS = (1, 1, 2, 4)  # of a step: largest alone, kernels, depths, widths
LAST = len(PATHS) - 1


def phase(aspects: Sequence[str], done: float) -> tuple[int, float]:
    """Which phase a training is in, and which share of it is done; phases that open nothing in a space have no time.

    Args:
        aspects: what each choice makes larger.
        done: share of the training.
    """
    if done < ALONE:
        return 0, done / ALONE
    present = sorted({_opened_in(aspect) for aspect in aspects})
    here = (done - ALONE) / (1 - ALONE) * len(present)
    index = min(int(here), len(present) - 1)
    return present[index], min(1.0, here - index)


def smallest_open(aspects: Sequence[str], options: Sequence[int], done: float) -> Path:
    """The smallest option of each choice that is open.

    Args:
        aspects: what each choice makes larger.
        options: the number of options of each choice.
        done: share of the training.
    """
    now, within = phase(aspects, done)

    def lowest(aspect: str, n: int) -> int:
        opened = _opened_in(aspect)
        if opened > now:
            return n - 1
        return n // 2 if opened == now > 1 and within < HALF_OPEN else 0

    return tuple(lowest(aspect, n) for aspect, n in zip(aspects, options, strict=True))


def _opened_in(aspect: str) -> int:
    return 3 if aspect in WIDTHS else 2 if aspect in DEPTHS else 1


class ShrinkingTraining(PathTraining):
    """A super-network's training by progressive shrinking.

    Args:
        network: of a space whose options have sizes, see `Space.aspects`.
        task: data, loss and metric.
        options: see `SuperTraining`.

    Attributes:
        teacher: the largest network as it was when the others began; None before.
    """

    def __init__(self, network: SuperNet, task: Task, **options: Any) -> None:
        self.teacher: Network | None = None
        super().__init__(network, task, "spos", **options)

    def paths(self, step: int) -> list[Path]:
        """Uniform paths of what is open now."""
        space, rng = self.network.space, np.random.default_rng([self.seed, step, 0x9A7])
        lowest = smallest_open(space.aspects, space.options, self._done)
        count = PATHS[phase(space.aspects, self._done)[0]]
        bounds = list(zip(lowest, space.options, strict=True))
        return [tuple(int(rng.integers(low, n)) for low, n in bounds) for _ in range(count)]

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        if phase(self.network.space.aspects, self._done)[0] == 0:
            return super()._backward(x, y)
        if self.teacher is None:
            self.teacher = self._largest()
        paths = self._drawn()
        taught = self.teacher(x)
        total = x.new_zeros(())
        for path in paths:
            outputs = self.network(x, path)
            loss: Tensor = (self.criterion(outputs, y) + distilled(outputs, taught, y)) / len(paths)
            loss.backward()
            total += loss.detach()
        return total

    def _largest(self) -> Network:
        """The largest network with averaged weights, frozen."""
        averaged = self.averaged
        assert isinstance(averaged, SuperNet)
        space = averaged.space
        return averaged.extract(Architecture(space.name, largest(space.options))).eval().requires_grad_(False)

    def _more_state(self) -> dict[str, Any]:
        teacher = self.teacher.state_dict() if self.teacher is not None else None
        return {**super()._more_state(), "teacher": teacher}

    def _load_more(self, payload: dict[str, Any]) -> None:
        super()._load_more(payload)
        if payload["teacher"] is not None:
            self.teacher = self._largest()
            self.teacher.load_state_dict(payload["teacher"])
