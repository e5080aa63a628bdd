"""How far the accuracies that a super-network's sub-networks inherit are from what they reach alone.

Random architectures of a space are trained alone with several seeds, and super-networks with several seeds by one
method; see `gaps/supernet.py` for what is measured. The run folder keeps every training in its ledger: the same command
goes on where it was stopped.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nassay.errors import NassayError, UserError
from nassay.estimators.base import Fidelity
from nassay.estimators.supernets.methods import METHODS, super_network
from nassay.gaps.supernet import supernet_gap
from nassay.registry import unknown_name
from nassay.reports.supernet_page import render_supernet
from nassay.spaces.base import Architecture, Space
from nassay.strategies.base import Request
from nassay.strategies.problem import Problem
from nassay.studies.evaluate import Evaluator
from nassay.studies.executors import Executor, threads_each, usable_cores
from nassay.studies.gap_folder import default_folder, opened, pay, source_of
from nassay.studies.ledger import key_of
from nassay.studies.listener import Listener
from nassay.studies.plan import write_atomically
from nassay.studies.search import _device as device_of
from nassay.tasks.base import task_from

PROGRAM, SUMMARY, REPORT = "nassay.studies.supernet_process", "summary.json", "report.html"
ALONE_SEEDS = 2  # stand-alone trainings of an architecture, the fewest that have a ceiling
FEWEST = 4
EIGHTHS = 8  # classes of networks of about the same depth, or width
HORIZON = 1.15  # of the cosine: the learning rate falls to a 25th, as in the study, and the last steps still move


@dataclass(frozen=True)
class SupernetResult:
    """A study's folder and its content of `summary.json`."""

    folder: Path
    summary: dict[str, Any]


def measure_supernet(
    data: Any,
    *,
    space: str = "cell64",
    method: str = "spos",
    architectures: int = 64,
    seeds: int = 3,
    epochs: float = 10.0,
    supernet_epochs: float = 40.0,
    window: int = 16,
    minutes: float | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    device: str = "auto",
    image_shape: tuple[int, int, int] | None = None,
    listener: Listener | None = None,
) -> SupernetResult:
    """Train architectures alone and in super-networks, and compare.

    Args:
        data: images, as for `nassay.search`.
        space: name of a search space that has a super-network.
        method: how super-networks are trained, see `estimators/supernets/methods.py`.
        architectures: how many random ones to compare; all where the space has fewer.
        seeds: how many super-networks to train.
        epochs: of a stand-alone training.
        supernet_epochs: of a super-network's training.
        window: mini-batches after the training, after each of which all architectures are looked at.
        minutes: no training is begun after this much wall-clock, earlier sessions included; None for no limit.
        out: run folder; by default one under `runs/` that belongs to these settings.
        seed: of the draw of architectures, and the first of the others.
        workers: parallel trainings; one for each core by default, one on CUDA.
        device: `auto`, `cpu` or `cuda`.
        image_shape: (C, H, W) to convert images to; None lets the data decide.
        listener: hears of progress.

    Raises:
        UserError: bad input, an unknown name, a space without super-network, a method that cannot train it, or a folder
            with something else in it.
        NassayError: too few trainings have come to an end.
        StudyBusyError: another command works on the folder.
        StudyStoppedError: the system stopped it; the same command goes on.
    """
    if method not in METHODS:
        raise UserError(unknown_name("method", method, METHODS))
    if architectures < FEWEST or seeds < 1 or not epochs > 0 or not supernet_epochs > 0 or window < 0:
        raise UserError(
            f"At least {FEWEST} architectures, one seed and positive epochs are needed, found {architectures=}, "
            f"{seeds=}, {epochs=}, {supernet_epochs=}, {window=}."
        )
    device = device_of(device)
    workers = workers if workers is not None else (1 if device != "cpu" else usable_cores())
    if workers < 1:
        raise UserError(f"At least one worker is needed, found {workers=}.")
    task = task_from(data, seed=seed, image_shape=image_shape)
    searched = task.space(space)
    super_network(method, searched)  # raises for a space that has none
    drawn = list(islice(Problem(searched, seed=seed).stream("supernet"), architectures))
    plan = {
        "study": "supernet",
        "source": source_of(data),
        "task": task.name,
        "space": space,
        "seed": seed,
        "device": device,
        "image_shape": list(image_shape) if image_shape else None,
        "window": window,
        "architectures": [list(a.choices) for a in drawn],
    }
    alone = Fidelity(epochs=epochs, final=True)
    shared = Fidelity(epochs=supernet_epochs, horizon=HORIZON * supernet_epochs)
    alone_seeds = [seed + i for i in range(ALONE_SEEDS)]
    super_seeds = [seed + i for i in range(seeds)]
    folder = Path(out) if out is not None else default_folder(plan)

    def start() -> Executor:
        return Executor(folder, workers, threads_each(workers, usable_cores()), device, PROGRAM)

    with opened(folder, plan, task, searched, start) as (evaluator, clock):
        supers = [Request(searched.smallest(), f"supernet:{method}@{s}", shared) for s in super_seeds]
        singles = [[Request(a, f"alone:{s}", alone) for a in drawn] for s in alone_seeds]
        pay(evaluator, [*supers, *(r for row in singles for r in row)], clock, minutes, listener or Listener())
        measured = _measured(evaluator, searched, drawn, supers, singles, seed)
        summary = {
            **{k: v for k, v in plan.items() if k != "architectures"},
            "method": method,
            "metric": task.metric,
            "alone_epochs": epochs,
            "supernet_epochs": supernet_epochs,
            **measured,
            "elapsed_seconds": round(clock.elapsed(), 3),
            "finished": time.strftime("%Y-%m-%d"),
        }
    write_atomically(folder / SUMMARY, json.dumps(summary, indent=1, allow_nan=False))
    write_atomically(folder / REPORT, render_supernet(summary))
    return SupernetResult(folder, summary)


def _measured(
    evaluator: Evaluator,
    space: Space,
    drawn: list[Architecture],
    supers: list[Request],
    singles: list[list[Request]],
    seed: int,
) -> dict[str, Any]:
    """The measures on the super-networks that ended, and the architectures with a value alone and in each of them."""

    def found(request: Request) -> Any:
        return evaluator.ledger.find(key_of(evaluator.text(request.architecture), request))

    values: list[list[float | None]] = [[e.value if (e := found(r)) else None for r in row] for row in singles]
    runs = [e.details for r in supers if (e := found(r)) is not None and e.value is not None]
    looks = [row for r in runs for row in (r["inherited"], r["plain"], *r["epochs"].values(), *r["window"])]
    known = [i for i in range(len(drawn)) if all(row[i] is not None for row in (*values, *looks))]
    if len(known) < FEWEST or not runs:
        raise NassayError(
            f"{len(known)} architectures have a value alone with every seed and in every super-network, of which "
            f"{len(runs)} ended; at least {FEWEST} and one are needed. The same command with more --minutes goes on."
        )
    chosen = [{**run, **_only(run, known)} for run in runs]
    alone = [[v for i in known if (v := row[i]) is not None] for row in values]
    return {
        **supernet_gap(alone, chosen, seed, size_classes(space, [drawn[i] for i in known])),
        "architectures": [evaluator.text(drawn[i]) for i in known],
        "alone": alone,
        "inherited": [run["inherited"] for run in chosen],
    }


def size_classes(space: Space, architectures: Sequence[Architecture]) -> dict[str, list[int]]:
    """For depth and width the eighth of the space's range that each architecture is in, where options have sizes."""
    found = {}
    for aspect in ("depth", "width"):
        positions = [i for i, own in enumerate(space.aspects) if own == aspect]
        if positions:
            shares = [[a.choices[i] / (space.options[i] - 1) for i in positions] for a in architectures]
            found[aspect] = [round(EIGHTHS * sum(row) / len(row)) for row in shares]
    return found


def _only(run: dict[str, Any], known: list[int]) -> dict[str, Any]:
    """A run's accuracies of some architectures."""

    def pick(row: list[float]) -> list[float]:
        return [row[i] for i in known]

    return {
        "inherited": pick(run["inherited"]),
        "plain": pick(run["plain"]),
        "epochs": {share: pick(row) for share, row in run["epochs"].items()},
        "window": [pick(row) for row in run["window"]],
    }
