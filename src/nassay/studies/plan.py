"""What a study is: its settings, and the run folder that keeps them.

A run folder belongs to one plan and one set of data. The same command continues it; another command is refused.
"""

import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nassay.errors import StudyBusyError, StudyStoppedError, UserError
from nassay.estimators.devices.profile import DeviceProfile
from nassay.spaces.base import spaces
from nassay.strategies.base import ADAPTATIONS, Strategy, strategies
from nassay.strategies.problem import Budget, Constraints
from nassay.tasks.base import Task, tasks

PLAN = "plan.json"
DEVICE = "device.json"
STATUS_SECONDS = 0.3  # longer than `nassay status` holds the lock to see whether it is free


@dataclass(frozen=True)
class Plan:
    """The settings of a study; two commands with equal plans are the same study.

    Attributes:
        source: what the data is called: a data set's name, a path, or "arrays" for data given from Python.
        task: name of the task.
        space: name of the space.
        strategy: name of the strategy.
        constraints: limits.
        minutes: wall-clock budget, or None.
        evaluations: number of trained candidates, or None.
        seed: of every random draw.
        workers: parallel trainings.
        threads: computing threads of each.
        device: torch device name.
        image_shape: (C, H, W) that images are converted to, or None to let the data decide.
        adapt: how the cascade learns which cheap sources to believe.
        device_profile: identity of the profile of the device that the limit on latency is for; None for this machine.
    """

    source: str
    task: str
    space: str
    strategy: str
    constraints: Constraints
    minutes: float | None
    evaluations: int | None
    seed: int
    workers: int
    threads: int
    device: str
    image_shape: tuple[int, int, int] | None = None
    adapt: str = Strategy.adapt
    device_profile: str | None = None

    def __post_init__(self) -> None:
        for registry, name in ((tasks, self.task), (spaces, self.space), (strategies, self.strategy)):
            registry[name]  # raises for an unknown name
        _ = self.budget  # raises for a budget that is not positive
        if self.minutes == math.inf:
            raise UserError("minutes must be finite; a search ends by its budget.")
        if self.seed < 0:
            raise UserError(f"seed must not be negative, found {self.seed}.")
        if self.adapt not in ADAPTATIONS:
            raise UserError(f"adapt must be {', '.join(ADAPTATIONS[:-1])} or {ADAPTATIONS[-1]}, found {self.adapt!r}.")
        if self.adapt != Strategy.adapt and "adapt" not in strategies[self.strategy].target.phases:
            raise UserError(f"The strategy {self.strategy} has no phase adapt; leave adapt = {self.adapt!r} out.")

    @property
    def budget(self) -> Budget:
        """What may be spent."""
        return Budget(self.minutes, self.evaluations, self.workers)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready settings."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "Plan":
        """Inverse of `to_dict`."""
        shape = settings.get("image_shape")
        return cls(
            **{
                **settings,
                "constraints": Constraints(**settings["constraints"]),
                "image_shape": tuple(shape) if shape else None,
            }
        )

    def default_folder(self) -> Path:
        """`runs/<data>-<space>-<hash of the plan>`: the same command finds its own folder again."""
        digest = sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:6]
        name = "".join(c if c.isalnum() else "-" for c in Path(self.source).stem) or "images"
        return Path("runs") / f"{name}-{self.space}-{digest}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder, creating it where it is missing; the lock goes with the process, however it ends.

    Raises:
        StudyBusyError: another process holds it.
        StudyStoppedError: the folder cannot be written.
    """
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=STATUS_SECONDS)
    except Timeout:
        raise StudyBusyError(
            f"Another command is working on {folder}. Wait for it (`nassay status {folder}`), or give another --out."
        ) from None
    except OSError as error:
        raise StudyStoppedError(f"The run folder {folder} cannot be written: {error}.") from error
    try:
        yield
    finally:
        lock.release()


def read_plan(folder: Path) -> Plan:
    """The plan of a run folder.

    Raises:
        UserError: the folder holds no study.
    """
    try:
        return Plan.from_dict(json.loads((folder / PLAN).read_text("utf-8")))
    except FileNotFoundError:
        raise UserError(f"{folder} holds no study: there is no {PLAN} in it.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / PLAN} cannot be read: {error}.") from error


def claim(folder: Path, plan: Plan, task: Task, device: DeviceProfile | None = None) -> None:
    """Make an empty run folder this plan's, or check that it is; the device's profile is kept there.

    Raises:
        UserError: the folder holds another study, other data, or foreign files.
    """
    if (folder / PLAN).exists():
        _check_same(folder, read_plan(folder).to_dict(), plan.to_dict())
        saved = json.loads((folder / "task" / "fingerprint.json").read_text("utf-8"))
        if saved != task.fingerprint():
            raise UserError(f"The data has changed since {folder} was begun. Give another --out for the new data.")
        return
    refuse_foreign(folder)
    save_task(folder, task)
    if device is not None:
        write_atomically(folder / DEVICE, device.text())
    write_atomically(folder / PLAN, json.dumps(plan.to_dict(), indent=1))


def refuse_foreign(folder: Path, settings: str = PLAN) -> None:
    """Refuse a folder that holds something else than the beginnings of a study; one that is missing is fine.

    Args:
        folder: run folder.
        settings: name of the file that the study writes at last, which makes the folder its own.

    Raises:
        UserError: there are foreign files in it, or it is a file itself.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file. Give a folder as --out.")
    ours = (".lock", "task", "task.partial", DEVICE, f"{DEVICE}.partial", f"{settings}.partial")
    foreign = [p.name for p in folder.iterdir() if p.name not in ours]
    if foreign:
        raise UserError(f"{folder} is not empty and holds no study (found {foreign[0]}). Give another --out.")


def save_task(folder: Path, task: Task) -> None:
    """Write the task into the run folder, all of it or nothing."""
    partial = folder / "task.partial"
    for leftover in (partial, folder / "task"):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        task.save(partial)
        (partial / "fingerprint.json").write_text(json.dumps(task.fingerprint()), "utf-8")
        type(task).load(partial)  # numpy does not notice that the last bytes of an array did not fit on the disk
        os.replace(partial, folder / "task")
    except (OSError, UserError) as error:
        raise StudyStoppedError(f"The data cannot be written to {folder}: {error}.") from error


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old content or the new, never half of it."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, "utf-8")
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):  # of a disk that cannot be written there is nothing to remove
            partial.unlink()
        raise StudyStoppedError(f"{path} cannot be written: {error}.") from error


def _check_same(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    differing = [key for key in new if old.get(key) != new[key]]
    if differing:
        found = "; ".join(f"{k} was {old.get(k)}, now {new[k]}" for k in differing)
        raise UserError(
            f"{folder} holds another study ({found}). Give the same settings, or `--resume {folder}`, or another --out."
        )
