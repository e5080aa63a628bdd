"""Run folders of studies that measure a gap on a user's own images: whose they are, and training until time is up."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from nassay.errors import UserError
from nassay.spaces.base import Space
from nassay.strategies.base import Request
from nassay.studies.clock import Clock
from nassay.studies.evaluate import Evaluator
from nassay.studies.executors import Executor
from nassay.studies.ledger import Ledger
from nassay.studies.listener import Listener
from nassay.studies.plan import PLAN, locked, refuse_foreign, save_task, write_atomically
from nassay.tasks.base import Task

SETTINGS = "gap.json"  # what such a folder holds in place of a search's plan: {study, task, space, seed, ...}


def source_of(data: Any) -> str:
    """What a plan calls the images."""
    return data if isinstance(data, str) else str(data) if isinstance(data, Path) else "arrays"


def default_folder(plan: dict[str, Any]) -> Path:
    """A folder under `runs/` that belongs to this plan."""
    digest = sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:6]
    name = "".join(c if c.isalnum() else "-" for c in Path(plan["source"]).stem) or "images"
    return Path("runs") / f"gap-{name}-{plan['space']}-{digest}"


def claim(folder: Path, plan: dict[str, Any], task: Task) -> None:
    """Make an empty run folder this study's, or check that it is.

    Raises:
        UserError: it holds something else, or this study of other images.
    """
    if (folder / PLAN).exists():
        raise UserError(f"{folder} holds a search. Give another --out.")
    if not (folder / SETTINGS).exists():
        refuse_foreign(folder, SETTINGS)
        save_task(folder, task)
        write_atomically(folder / SETTINGS, json.dumps(plan, indent=1))
        return
    known = json.loads((folder / SETTINGS).read_text("utf-8"))
    differing = [f"{k} was {known.get(k)}, now {plan[k]}" for k in plan if known.get(k) != plan[k]]
    saved = json.loads((folder / "task" / "fingerprint.json").read_text("utf-8"))
    if saved != task.fingerprint():
        differing.append("the images have changed")
    if differing:
        raise UserError(f"{folder} holds another study ({'; '.join(differing)}). Give another --out.")


@contextmanager
def opened(
    folder: Path, plan: dict[str, Any], task: Task, space: Space, start: Callable[[], Executor]
) -> Iterator[tuple[Evaluator, Clock]]:
    """The run folder while this study works on it: who pays for its trainings, and its clock.

    Args:
        folder: run folder, see `claim`.
        plan: settings of the study.
        task: its images.
        space: that is searched.
        start: makes the workers, once the folder is there.

    Raises:
        UserError: the folder holds something else.
        StudyBusyError: another command works on it.
    """
    with ExitStack() as stack:
        stack.enter_context(locked(folder))
        claim(folder, plan, task)
        ledger = stack.enter_context(closing(Ledger.in_folder(folder)))
        clock = Clock(ledger)
        stack.callback(clock.touch)
        executor = start()
        stack.callback(executor.close)
        yield Evaluator({space.name: space}, ledger, executor), clock


class _TimeIsUpError(Exception):
    """The wall-clock budget is spent."""


def pay(
    evaluator: Evaluator, requests: Sequence[Request], clock: Clock, minutes: float | None, listener: Listener
) -> None:
    """Pay for what is missing, until the time is up; earlier sessions count.

    Args:
        evaluator: pays.
        requests: in the order of their importance.
        clock: of the study.
        minutes: no training is begun after them; None for no limit.
        listener: hears of progress.
    """
    began, known = time.perf_counter(), -1

    def progress(done: int, total: int) -> None:
        nonlocal known
        known = done if known < 0 else known
        clock.touch(every=2.0)
        left = None if minutes is None else 60 * minutes - clock.elapsed()
        pace = (time.perf_counter() - began) / (done - known) * (total - done) if done > known else None
        ends = [seconds for seconds in (left, pace) if seconds is not None]
        listener.progress(done, total, None, max(0.0, min(ends)) if ends else None)
        if left is not None and left <= 0 and done < total:
            raise _TimeIsUpError

    listener.phase("train", None)
    clock.enter("train")
    try:
        evaluator.evaluate(requests, "train", progress)
    except _TimeIsUpError:
        listener.message("The time is over; what was trained is compared. More --minutes go on from here.")
