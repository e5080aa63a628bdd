"""The study's clock: time spent over all sessions, by phase, kept in the ledger."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from nassay.studies.ledger import Ledger


class Clock:
    """Wall-clock of a study.

    Args:
        ledger: keeps the time of every session, so that a resumed study knows what is spent.
        started: `time.perf_counter()` when the command began; now by default.
    """

    def __init__(self, ledger: Ledger, started: float | None = None) -> None:
        self._ledger = ledger
        self._earlier = sum(float(s["seconds"]) for s in ledger.sessions())
        self._earlier_phases: dict[str, float] = {}
        for session in ledger.sessions():
            for name, seconds in session["phases"].items():
                self._earlier_phases[name] = self._earlier_phases.get(name, 0.0) + seconds
        self.resumes = len(ledger.sessions())
        self._number = ledger.open_session()
        self._started = started if started is not None else time.perf_counter()
        self._phases: dict[str, float] = {}
        self._phase: str | None = None
        self._phase_began = self._started
        self._last_touch = self._started
        self._stopped = False

    def elapsed(self) -> float:
        """Seconds spent, this session and earlier ones."""
        return self._earlier + time.perf_counter() - self._started

    def enter(self, phase: str) -> None:
        """Book the time from now on under `phase`."""
        self._book()
        self._phase = phase

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Book the time inside under `name`, then go back to the phase before."""
        before = self._phase
        self.enter(name)
        try:
            yield
        finally:
            self.enter(before or "other")

    def phases(self) -> dict[str, float]:
        """Seconds by phase, over all sessions."""
        self._book()
        names = dict.fromkeys([*self._earlier_phases, *self._phases])
        return {n: round(self._earlier_phases.get(n, 0.0) + self._phases.get(n, 0.0), 3) for n in names}

    def touch(self, *, every: float = 0.0) -> None:
        """Write the session's time to the ledger, at most once in `every` seconds."""
        now = time.perf_counter()
        if not self._stopped and now - self._last_touch >= every:
            self._book()
            self._last_touch = now
            self._ledger.touch_session(self._number, now - self._started, self._phases)

    def stop(self) -> None:
        """Write the session's time for the last time: the summary and the ledger then say the same."""
        self.touch()
        self._stopped = True

    def _book(self) -> None:
        now = time.perf_counter()
        name = self._phase or "start"
        self._phases[name] = self._phases.get(name, 0.0) + now - self._phase_began
        self._phase_began = now
