"""Training at a stated fidelity: the dearest estimator, and at full fidelity the truth itself.

One recipe for every network: SGD with Nesterov momentum, label smoothing (the task's loss), a short warm-up, a constant
learning rate while the final length of the training is still open, and a linear descent to zero once it is decided
(`Fidelity.final`); or a cosine to zero from the start, where a bound says how far off the end is (`Fidelity.horizon`).
The first half of a final training sees reduced images where these are large enough (`reduced_resolution`), which costs
a fraction. Networks are judged by an exponential moving average of their weights, so that a training that will be
continued ranks as if its learning rate had already come down. So a training is continued, never restarted.

Fidelity reductions: Zhou et al., EcoNAS, CVPR 2020, arXiv:2001.01233. Constant rate with a final descent
("warm-up, stable, decay"): Hu et al. 2024, arXiv:2404.06395.
"""

import io
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.optim.swa_utils import AveragedModel

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.layout import memory_format
from nassay.tasks.base import Split, Task

FINAL_LOOKS = 15  # evaluations on the way of a final training
PACE_STEPS = 4  # timed steps of a measurement of pace
EVALUATION_SHARE = 0.2  # of a short training under a clock that its evaluation may take
LOOK_ITEMS = 512  # validation items of an evaluation on the way


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Attributes:
        batch_size: images a step, at most; small training splits get smaller batches (at least 16 steps an epoch).
        learning_rate: at `batch_size`; scaled linearly for smaller batches.
        momentum: Nesterov momentum.
        weight_decay: on weights of convolutions and linear layers only.
        warmup_steps: linear warm-up of the learning rate.
        reduced: share of a final training that is spent at `reduced_resolution`.
        descent: share of the final stage over which the learning rate falls to zero.
        average: decay of the moving average of weights, per step.
        clip: largest gradient norm, of the network and of each of the criterion's groups on its own.
    """

    batch_size: int = 64
    learning_rate: float = 0.12
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_steps: int = 20
    reduced: float = 0.5
    descent: float = 0.7
    average: float = 0.98
    clip: float = 3.0


@dataclass
class State:
    """Where a training stands; everything that a checkpoint holds beside the tensors."""

    step: int = 0
    seconds: float = 0.0
    final_step: int | None = None
    final_seconds: float | None = None
    curve: list[dict[str, float]] = field(default_factory=list)


class Training:
    """One network's training, resumable at any step.

    Args:
        network: trained in place; its moving average is what is evaluated, see `averaged`.
        task: data, loss and metric.
        seed: order of samples and augmentation; a step's randomness depends on (seed, step) alone, so a resumed
            training equals an uninterrupted one.
        checkpoint: file that keeps the state, or None. Written atomically.
        fidelity: reductions (samples, resolution); the bound is given to `run`.
        device: torch device name.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        fidelity: Fidelity | None = None,
        device: str = "cpu",
        recipe: Recipe | None = None,
    ) -> None:
        self.task, self.seed, self.checkpoint, self.device = task, seed, checkpoint, torch.device(device)
        self.recipe = recipe or Recipe()
        self.resolution = fidelity.resolution if fidelity else 1.0
        self.annealed = 1.0
        self.layout = memory_format(network)
        self.network = network.to(self.device).to(memory_format=self.layout)  # type: ignore[call-overload]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mix(seed, "criterion"))
            self.criterion = task.criterion().to(self.device)
        self.average = AveragedModel(self.network, multi_avg_fn=self._average_weights, use_buffers=True)
        self.rows = self._rows(fidelity.samples if fidelity else 1.0)
        self.batch_size = max(8, min(self.recipe.batch_size, len(self.rows) // 16))
        self.base_rate = self.recipe.learning_rate * self.batch_size / self.recipe.batch_size
        self.optimizer = torch.optim.SGD(
            self._parameter_groups(), lr=self.base_rate, momentum=self.recipe.momentum, nesterov=True, fused=True
        )
        criterion = [list(group["params"]) for group in self.criterion.groups()]
        self.clipped = [p for p in (list(self.network.parameters()), *criterion) if p]
        self.state = State()
        self._epoch_order: tuple[int, np.ndarray] | None = None
        if checkpoint is not None and checkpoint.exists():
            self._load(checkpoint)

    @property
    def averaged(self) -> nn.Module:
        """The network with averaged weights: what is evaluated and exported."""
        module: nn.Module = self.average.module
        return module

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass over the reduced training split; the last partial batch is left out."""
        return max(1, len(self.rows) // self.batch_size)

    @property
    def epochs(self) -> float:
        """Passes done so far."""
        return self.state.step / self.steps_per_epoch

    def run(self, bound: Fidelity) -> Estimate:
        """Train up to the bound and evaluate on the validation split.

        Returns:
            The validation metric; or a reason where the training diverged. Details hold `epochs`, `train_seconds` and
            the learning `curve`, a list of {epoch, seconds, train_loss, validation_accuracy}.
        """
        started = time.perf_counter()
        if bound.final and self.state.final_step is None:
            self.state.final_step, self.state.final_seconds = self.state.step, self.state.seconds
        with torch.random.fork_rng(devices=[]):
            reason = self._train_until(bound)
        seconds = time.perf_counter() - started
        details = {
            "epochs": round(self.epochs, 6),
            "train_seconds": round(self.state.seconds, 3),
            "curve": list(self.state.curve),
        }
        if reason is not None:
            return Estimate.failed(reason, seconds=seconds, **details)
        return Estimate.of(self.state.curve[-1]["validation_accuracy"], seconds=seconds, **details)

    def pace(self, bound: Fidelity) -> Estimate:
        """Seconds that an epoch takes at the bound's resolution, from a few steps; the training is spent by it."""
        started = time.perf_counter()
        self.resolution = bound.resolution
        with torch.random.fork_rng(devices=[]):
            self._step(None)
            before = time.perf_counter()
            for _ in range(PACE_STEPS):
                self._step(None)
        now = time.perf_counter()
        value = (now - before) / PACE_STEPS * self.steps_per_epoch
        return Estimate.of(value, seconds=now - started, steps_per_epoch=self.steps_per_epoch)

    # The loop ------------------------------------------------------------------------------------------------------

    def _train_until(self, bound: Fidelity) -> str | None:
        """Steps up to the bound; the reason of a divergence, or None."""
        last_save = self.state.seconds
        losses: list[float] = []
        blind = self.task.blind_loss
        while (progress := self._progress(bound)) < 1.0:
            tick = time.perf_counter()
            self.resolution = self._resolution(bound)
            self.annealed = self._annealed(bound)
            loss = self._step(progress if bound.final else None)
            losses.append(loss)
            if not math.isfinite(loss):
                return f"the training loss became {loss} at step {self.state.step}"
            if len(losses) >= 50 and np.mean(losses[-50:]) > 3 * blind + 1:
                return f"the training diverged: mean loss {np.mean(losses[-50:]):.3g} at step {self.state.step}"
            self.state.seconds += time.perf_counter() - tick
            if self._evaluation_due(bound) and not self._evaluate(losses, self.task.validation_sample(LOOK_ITEMS)):
                return f"the outputs are not finite at step {self.state.step}"
            if self.state.seconds - last_save > 15:
                self._save()
                last_save = self.state.seconds
        self.resolution = bound.resolution
        last = self.state.curve[-1] if self.state.curve else {}
        split = self.task.validation_sample(self._items_at(bound))
        complete = last.get("step") == self.state.step and last.get("items") == len(split)
        if not complete and not self._evaluate(losses, split):
            return f"the outputs are not finite at step {self.state.step}"
        self._save()
        return None

    def _progress(self, bound: Fidelity) -> float:
        """Share of the current stage that is done, 1 at the bound; a final stage counts from where it began."""
        done, start, end = self._position(bound)
        if done >= end:
            return 1.0
        start = start if bound.final else 0.0
        return max(0.0, done - start) / (end - start)

    def _resolution(self, bound: Fidelity) -> float:
        """Factor on the image size of the next step: reduced in the first part of a final training."""
        here, _, end = self._position(bound)
        if bound.final and here < self.recipe.reduced * end:
            return min(bound.resolution, reduced_resolution(self.task.input_shape))
        return bound.resolution

    def _annealed(self, bound: Fidelity) -> float:
        """Factor on the learning rate by the cosine, 1 where there is none: cos^2(pi t / 2 T) at t of the horizon T."""
        if bound.horizon is None:
            return 1.0
        here = self.epochs if bound.epochs is not None else self.state.seconds
        return math.cos(math.pi / 2 * min(1.0, here / bound.horizon)) ** 2

    def _position(self, bound: Fidelity) -> tuple[float, float, float]:
        """Where the training stands, where its final stage began, where the bound is: in steps or in seconds."""
        if bound.epochs is not None:
            return self.state.step, self.state.final_step or 0, max(1, round(bound.epochs * self.steps_per_epoch))
        assert bound.seconds is not None
        if self.state.step == 0:  # at least one step is made, however short the bound
            return -1.0, 0.0, bound.seconds
        items = self._items_at(bound) or len(self.task.validation)
        end = max(bound.seconds - items * self._seconds_to_evaluate(), bound.seconds / 2)
        return self.state.seconds, self.state.final_seconds or 0.0, end

    def _items_at(self, bound: Fidelity) -> int | None:
        """About how many validation items the evaluation at a bound sees; None for all.

        All, but for short trainings under a clock whose evaluation would take more than a share of them.
        """
        if bound.final or bound.seconds is None or self.state.seconds == 0:
            return None
        affordable = round(EVALUATION_SHARE * bound.seconds / self._seconds_to_evaluate())
        return None if affordable >= len(self.task.validation) else max(affordable, LOOK_ITEMS)

    def _seconds_to_evaluate(self) -> float:
        """About what the evaluation of an item takes: a forward pass is a third of a training step."""
        return self.state.seconds / (self.state.step * self.batch_size) / 3

    def _step(self, final_progress: float | None) -> float:
        torch.manual_seed(_mix(self.seed, self.state.step))
        x, y = self._batch(self.state.step)
        self._set_rate(final_progress)
        self.network.train()
        self.criterion.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._backward(x, y)
        for parameters in self.clipped:
            nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.state.step += 1
        return float(loss.detach())

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        """The loss of a batch, its gradients added to the parameters'."""
        loss: Tensor = self.criterion(self.network(x), y)
        loss.backward()
        return loss

    def _set_rate(self, final_progress: float | None) -> None:
        rate = self.annealed * self.base_rate * min(1.0, (self.state.step + 1) / self.recipe.warmup_steps)
        if final_progress is not None:
            rate *= min(1.0, (1.0 - final_progress) / self.recipe.descent)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate"]

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        epoch, position = divmod(step, self.steps_per_epoch)
        rows = np.sort(self._order(epoch)[position * self.batch_size : (position + 1) * self.batch_size])
        return self._training_batch(rows)

    def _order(self, epoch: int) -> np.ndarray:
        """The training rows in an epoch's order."""
        if self._epoch_order is None or self._epoch_order[0] != epoch:
            self._epoch_order = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        return self._epoch_order[1]

    def _training_batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Training items, prepared and changed at random, at the size that the network sees now, and their targets."""
        x, y = self._inputs(self.task.train.x[rows]), torch.from_numpy(self.task.train.y[rows]).to(self.device)
        x, y = self.task.augment(x, y)
        return self._sized(x), y

    def _inputs(self, x: np.ndarray) -> Tensor:
        return self.task.prepare(torch.from_numpy(np.array(x)).to(self.device))

    def _sized(self, x: Tensor) -> Tensor:
        if self.resolution != 1.0:
            size = [max(4, round(s * self.resolution)) for s in x.shape[-2:]]
            x = interpolate(x, size, mode="bilinear", antialias=True)
        return x.contiguous(memory_format=self.layout)

    # Evaluation ----------------------------------------------------------------------------------------------------

    def _evaluation_due(self, bound: Fidelity) -> bool:
        """Points on the way: evenly spaced in a final training, at growing distances in a rung."""
        here, _, end = self._position(bound)
        last = self.state.curve[-1]["seconds" if bound.epochs is None else "step"] if self.state.curve else 0.0
        return here - last >= end / FINAL_LOOKS if bound.final else here >= max(end / 5, 1.6 * last)

    def _evaluate(self, losses: list[float], split: Split) -> bool:
        """Add a point to the curve; False, and no point, where the metric is not finite.

        Args:
            losses: training losses so far.
            split: the validation items to look at.
        """
        tick = time.perf_counter()
        value = self.task.metric_of(*self.outputs(split))
        self.state.seconds += time.perf_counter() - tick
        if not math.isfinite(value):
            return False
        self.state.curve.append(
            {
                "step": self.state.step,
                "epoch": round(self.epochs, 6),
                "seconds": round(self.state.seconds, 3),
                "train_loss": round(float(np.mean(losses[-50:])), 4) if losses else 0.0,
                "validation_accuracy": value,
                "items": len(split),
            }
        )
        return True

    def outputs(self, split: Split) -> tuple[Tensor, Tensor]:
        """Outputs of the averaged network on a split, and the targets, both on the CPU."""
        self.average.eval()
        return self._outputs_of(self.averaged, split)

    def _outputs_of(self, run: Callable[[Tensor], Tensor], split: Split) -> tuple[Tensor, Tensor]:
        """Outputs of a forward pass on a split, and the targets, both on the CPU."""
        with torch.inference_mode():
            parts = [
                run(self._sized(self._inputs(split.x[i : i + 256]))).float().cpu() for i in range(0, len(split), 256)
            ]
        return torch.cat(parts), torch.from_numpy(np.array(split.y))

    # State -----------------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        payload = {
            "state": self.state.__dict__,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "criterion": self.criterion.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **self._more_state(),
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(f".{os.getpid()}.partial")
        try:
            content = io.BytesIO()  # written by torch itself, a full disk would be a RuntimeError
            torch.save(payload, content)
            partial.write_bytes(content.getbuffer())
            os.replace(partial, self.checkpoint)
        finally:
            partial.unlink(missing_ok=True)

    def _more_state(self) -> dict[str, Any]:
        """What a checkpoint of this kind of training holds besides: tensors and plain data."""
        return {}

    def _load_more(self, payload: dict[str, Any]) -> None:
        """The counterpart of `_more_state`."""

    def _load(self, path: Path) -> None:
        payload: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.state = State(**payload["state"])
        self.network.load_state_dict(payload["network"])
        self.average.load_state_dict(payload["average"])
        self.criterion.load_state_dict(payload["criterion"])
        self.optimizer.load_state_dict(payload["optimizer"])
        self._load_more(payload)

    def _rows(self, share: float) -> np.ndarray:
        """The rows of the training split that this fidelity sees: one fixed subset, the same for every network."""
        n = len(self.task.train)
        keep = max(1, round(n * share))
        return np.sort(np.random.default_rng(0xDA7A).permutation(n)[:keep])

    def _parameter_groups(self) -> Iterator[dict[str, Any]]:
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        decay = self.recipe.weight_decay
        yield {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay, "rate": 1.0}
        yield {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "rate": 1.0}
        yield from self.criterion.groups()

    def _average_weights(self, averaged: Any, current: Any, count: Any) -> None:
        if not averaged[0].is_floating_point():  # batch counters of batch norm
            for old, new in zip(averaged, current, strict=True):
                old.copy_(new)
            return
        decay = min(self.recipe.average, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(averaged, current, 1.0 - decay)


def reduced_resolution(input_shape: tuple[int, int, int]) -> float:
    """The factor on height and width that short trainings use: a half where that leaves 16 pixels, else 1.

    Progressive resizing: Tan & Le, EfficientNetV2, arXiv:2104.00298, section 4; as a proxy setting: EcoNAS's r.
    """
    return 0.5 if min(input_shape[1:]) >= 32 else 1.0


def _mix(*parts: int | str) -> int:
    """A 63-bit seed from several numbers and words."""
    return int.from_bytes(sha256(repr(parts).encode()).digest()[:8], "big") >> 1
