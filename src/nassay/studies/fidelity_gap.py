"""How well reduced training settings keep the ranking of networks on a user's own images, and at what price.

Random networks of a space are trained at every reduced setting and at a reference setting, each from the start and with
its own cosine learning rate, network after network, so that a study that is stopped holds whole rows. The run folder
keeps every training in its ledger: the same command goes on where it was stopped, and another setting or more networks
pay only for what is new.

Protocol: Zhou et al., EcoNAS, CVPR 2020, arXiv:2001.01233, section 3, on a held-out part of the training images.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nassay.errors import UserError
from nassay.estimators.base import Fidelity
from nassay.estimators.fidelity_names import fidelity_of, full_epochs, name_of
from nassay.gaps.fidelity import contrast_sentence, contrasts, fidelity_findings, fidelity_rows
from nassay.reports.fidelity_page import render_fidelities
from nassay.spaces.base import Architecture
from nassay.strategies.base import Request
from nassay.strategies.problem import Problem
from nassay.studies.clock import Clock
from nassay.studies.evaluate import Evaluator
from nassay.studies.executors import Executor, threads_each, usable_cores
from nassay.studies.gap_folder import default_folder, opened, pay, source_of
from nassay.studies.ledger import key_of
from nassay.studies.listener import Listener
from nassay.studies.plan import write_atomically
from nassay.studies.search import _device as device_of
from nassay.tasks.base import Task, task_from

PROGRAM, SUMMARY, REPORT = "nassay.studies.fidelity_process", "summary.json", "report.html"
NETWORKS, FEWEST = 20, 3
REFERENCE = "c0r0s0e30"
# a quarter of the reference's price in four ways, and a fifteenth in four
FIDELITIES = (
    *("c2r0s0e30", "c0r2s0e30", "c0r0s2e30", "c0r0s0e8"),
    *("c2r2s0e30", "c2r0s0e8", "c0r2s0e8", "c0r0s2e8"),
)
SMALLEST_SIDE = 4  # pixels; training shows no image smaller


@dataclass(frozen=True)
class FidelityResult:
    """A study's folder and its content of `summary.json`."""

    folder: Path
    summary: dict[str, Any]


def measure_fidelities(
    data: Any,
    *,
    space: str = "convnets",
    networks: int = NETWORKS,
    fidelities: Sequence[str] = FIDELITIES,
    reference: str = REFERENCE,
    minutes: float | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    device: str = "auto",
    image_shape: tuple[int, int, int] | None = None,
    listener: Listener | None = None,
) -> FidelityResult:
    """Train random networks at reduced settings and at a reference, and compare the rankings.

    Args:
        data: images, as for `nassay.search`.
        space: name of the search space.
        networks: how many random networks to train.
        fidelities: names of the reduced settings, such as `c2r0s0e8`; see `estimators/fidelity_names.py`.
        reference: name of the setting whose ranking counts as the truth.
        minutes: no training is begun after this much wall-clock, earlier sessions included; None for no limit.
        out: run folder; by default one under `runs/` that belongs to data, space and seed.
        seed: of the draw of networks, of weights and of the bootstrap.
        workers: parallel trainings; one for each core by default, one on CUDA.
        device: `auto`, `cpu` or `cuda`.
        image_shape: (C, H, W) to convert images to; None lets the data decide.
        listener: hears of progress.

    Raises:
        UserError: bad input, an unknown name, or a folder with something else in it.
        StudyBusyError: another command works on the folder.
        StudyStoppedError: the system stopped it; the same command goes on.
    """
    settings = _settings(reference, fidelities)
    if networks < FEWEST or (minutes is not None and not minutes > 0):
        raise UserError(f"At least {FEWEST} networks and a positive time are needed, found {networks=}, {minutes=}.")
    device = device_of(device)
    workers = workers if workers is not None else (1 if device != "cpu" else usable_cores())
    if workers < 1:
        raise UserError(f"At least one worker is needed, found {workers=}.")
    task = task_from(data, seed=seed, image_shape=image_shape)
    _check_sides(task, settings)
    plan = {
        "study": "fidelities",
        "source": source_of(data),
        "task": task.name,
        "space": space,
        "seed": seed,
        "device": device,
        "image_shape": list(image_shape) if image_shape else None,
    }
    searched = task.space(space)
    drawn = list(islice(Problem(searched, seed=seed).stream("fidelities"), networks))
    folder = Path(out) if out is not None else default_folder(plan)

    def start() -> Executor:
        return Executor(folder, workers, threads_each(workers, usable_cores()), device, PROGRAM)

    with opened(folder, plan, task, searched, start) as (evaluator, clock):
        requests = [Request(a, "training", f) for a in drawn for f in settings.values()]
        pay(evaluator, requests, clock, minutes, listener or Listener())
        summary = _summary(evaluator, drawn, settings, plan, task, clock)
    write_atomically(folder / SUMMARY, json.dumps(summary, indent=1, allow_nan=False))
    write_atomically(folder / REPORT, render_fidelities(summary))
    return FidelityResult(folder, summary)


def _settings(reference: str, fidelities: Sequence[str]) -> dict[str, Fidelity]:
    """The settings by their plain names, the reference first."""
    named = {name_of(f): f for f in map(fidelity_of, (reference, *fidelities))}
    if len(named) < 2:
        raise UserError(f"Give a reduced setting other than the reference, {reference}.")
    return named


def _check_sides(task: Task, settings: dict[str, Fidelity]) -> None:
    """Refuse settings that the images are too small for: two of them would be the same."""
    side = min(task.input_shape[1:])
    for name, fidelity in settings.items():
        if round(side * fidelity.resolution) < SMALLEST_SIDE:
            raise UserError(
                f"The setting {name} would show images of {side} pixels at {side * fidelity.resolution:.1f}; the "
                f"smallest side is {SMALLEST_SIDE}. Leave it out, or choose a smaller r."
            )


def _summary(
    evaluator: Evaluator,
    drawn: Sequence[Architecture],
    settings: dict[str, Fidelity],
    plan: dict[str, Any],
    task: Task,
    clock: Clock,
) -> dict[str, Any]:
    reference, seed = next(iter(settings)), plan["seed"]
    price = "train_seconds" if plan["device"] == "cuda" else "cpu_seconds"
    found = {
        name: [evaluator.ledger.find(key_of(evaluator.text(a), Request(a, "training", f))) for a in drawn]
        for name, f in settings.items()
    }
    values = {name: [e.value if e else None for e in column] for name, column in found.items()}
    seconds = {name: [e.details.get(price) if e else None for e in column] for name, column in found.items()}
    planned = {name: full_epochs(f) for name, f in settings.items()}
    pairs = contrasts(values, planned, reference, seed)
    rows = fidelity_rows(values, seconds, planned, reference, seed)
    return {
        **plan,
        "reference": reference,
        "metric": task.metric,
        "input_shape": list(task.input_shape),
        "classes": len(task.classes),
        "train": len(task.train),
        "validation": len(task.validation),
        "networks": len(drawn),
        "trained": sum(e is not None for column in found.values() for e in column),
        "wanted": len(drawn) * len(settings),
        "price": "CPU seconds" if price == "cpu_seconds" else "seconds",
        "rows": rows,
        "contrasts": pairs,
        "findings": [*fidelity_findings(rows, values, reference, seed), *map(contrast_sentence, pairs)],
        "architectures": [evaluator.text(a) for a in drawn],
        "values": values,
        "seconds": seconds,
        "elapsed_seconds": round(clock.elapsed(), 3),
        "finished": time.strftime("%Y-%m-%d"),
    }
