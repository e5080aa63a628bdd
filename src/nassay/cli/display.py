"""Progress on standard error: a live line on a terminal, plain lines elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from nassay.studies.listener import Listener

QUIET_SECONDS = 10  # between progress lines where there is no terminal


class Display(Listener):
    """Shows phase, progress, best so far and remaining budget. Use as a context manager."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._phase = ""
        self._last_line = 0.0
        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}  {task.fields[left]}"),
            console=self.console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.stop()

    def phase(self, name: str, remaining_seconds: float | None) -> None:
        """A phase begins."""
        if name == self._phase:
            return
        self._phase, self._last_line = name, 0.0
        self.console.print(f"{name} {_left(remaining_seconds)}".rstrip(), markup=False)

    def progress(self, done: int, total: int, best: float | None, remaining_seconds: float | None) -> None:
        """Some evaluations of the phase are done."""
        best_text, left = f"best {best:.2%}" if best is not None else "", _left(remaining_seconds)
        if self.console.is_terminal:
            if self._task is None:
                self._task = self._progress.add_task(self._phase, total=total, best="", left="")
            self._progress.update(
                self._task, description=self._phase, completed=done, total=total, best=best_text, left=left
            )
        elif time.monotonic() - self._last_line > QUIET_SECONDS:
            self._last_line = time.monotonic()
            self.console.print(f"  {self._phase} {done}/{total} {best_text} {left}".rstrip(), markup=False)

    def message(self, text: str) -> None:
        """A sentence for the user."""
        self.console.print(text, markup=False)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"({max(0, int(seconds)) // 60}:{max(0, int(seconds)) % 60:02d} left)"
