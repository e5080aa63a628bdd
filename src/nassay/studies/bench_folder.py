"""The run folder of a benchmark: its ledger, its lock, its workers and its clock."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Self

from nassay.errors import UserError
from nassay.studies.executors import Executor, usable_cores
from nassay.studies.gap_folder import SETTINGS
from nassay.studies.ledger import Ledger
from nassay.studies.listener import Listener
from nassay.studies.plan import PLAN, locked, refuse_foreign

LEDGER = "study.sqlite"


@dataclass(frozen=True)
class BenchResult:
    """A benchmark's files and its content of `summary.json`."""

    folder: Path
    summary: dict[str, Any]


class BenchFolder:
    """A run folder at work; use as a context manager.

    Args:
        folder: with the ledger; made where it is missing.
        workers: parallel processes; None for one on each core.
        listener: hears of progress.

    Raises:
        UserError: the folder holds something else; there are no workers.
        StudyBusyError: another command works on the folder.

    Attributes:
        kind: what its benchmarks are of, as it reads in messages.
        program: module that a worker process runs.
    """

    kind: ClassVar[str]
    program: ClassVar[str]

    def __init__(self, folder: Path, workers: int | None = None, listener: Listener | None = None) -> None:
        self._folder, self._workers = folder, usable_cores() if workers is None else workers
        if self._workers < 1:
            raise UserError(f"At least one worker is needed, found {self._workers}.")
        self._listener = listener or Listener()
        self._executor: Executor | None = None
        with ExitStack() as stack:
            _refuse_other(folder)
            stack.enter_context(locked(folder))
            self._ledger = stack.enter_context(closing(Ledger.in_folder(folder, remember=False)))
            found = self._ledger.decide("benchmark of", lambda: self.kind)
            if found != self.kind:
                raise UserError(f"{folder} holds a benchmark of {found}, not of {self.kind}. Give another --out.")
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def _workers_at_hand(self) -> Executor:
        if self._executor is None:
            self._executor = Executor(self._folder, self._workers, 1, "cpu", self.program)
            self._stack.callback(self._executor.close)
        return self._executor

    def _progress(self) -> Callable[[int, int], None]:
        """Tells how far the work is, and the time that the rest will take at the pace so far."""
        started = time.perf_counter()
        known: int | None = None

        def tell(done: int, total: int) -> None:
            nonlocal known
            known = done if known is None else known
            new = done - known
            left = (time.perf_counter() - started) / new * (total - done) if new else None
            self._listener.progress(done, total, None, left)

        return tell

    @contextmanager
    def _session(self, phase: str) -> Iterator[None]:
        """Note in the ledger how long the work took, however it ends."""
        number, started = self._ledger.open_session(), time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self._ledger.touch_session(number, spent, {phase: spent})


def versions(*more: str) -> dict[str, str]:
    """Versions of Python, nassay, and the libraries that a benchmark's figures depend on."""
    known = {name: version(name) for name in ("nassay", "torch", "numpy", *more)}
    return {**known, "python": platform.python_version()}


def _refuse_other(folder: Path) -> None:
    """Refuse a folder that holds something else than the ledger of a benchmark."""
    for name, kind in ((PLAN, "a search"), (SETTINGS, "a study of a gap")):
        if (folder / name).exists():
            raise UserError(f"{folder} holds {kind}. Give another --out.")
    if not (folder / LEDGER).exists():
        refuse_foreign(folder)
