"""What a worker of the arena does: races, one strategy with one seed at a time.

Run as `python -m nassay.studies.arena_worker RUN_FOLDER THREADS DEVICE`, see `nassay.studies.worker_process`; its jobs
say all that it must know.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nassay.studies.worker_process import serve

Job = dict[str, Any]


class ArenaWorker:
    """What a worker keeps between jobs: the last arena."""

    def __init__(self) -> None:
        self._arenas: dict[tuple[Any, ...], Any] = {}

    def answer(self, job: Job) -> dict[str, Any]:
        """A race as plain data, or {reason} where the strategy cannot race on this table.

        Args:
            job: {table, dataset, scores, strategy, seed, evaluations}; scores is a folder or None.
        """
        from nassay.errors import UserError

        arena = self._arena(job["table"], job["dataset"], job["scores"])
        started = time.perf_counter()
        try:
            race = arena.race(job["strategy"], seed=job["seed"], evaluations=job["evaluations"])
        except UserError as error:
            return {"reason": str(error)}
        if not race.architectures:
            return {"reason": f"The strategy {job['strategy']} could train nothing here."}
        return {
            "valid": race.valid.tolist(),
            "spent": race.spent.tolist(),
            "test": race.test.tolist(),
            "seconds": None if race.seconds is None else race.seconds.tolist(),
            "asked": race.asked,
            "unanswered": race.unanswered,
            "trained": [arena.space.to_string(a) for a in race.architectures],
            "finalists": [arena.space.to_string(a) for a in race.finalists],
            "wall_seconds": time.perf_counter() - started,
        }

    def _arena(self, table: str, dataset: str, scores: str | None) -> Any:
        from nassay.studies.arena import Arena

        key = (table, dataset, scores)
        if key not in self._arenas:
            self._arenas = {key: Arena(table, dataset, scores=None if scores is None else Path(scores))}
        return self._arenas[key]


def main(threads: str) -> None:
    """Entry point."""

    def opened() -> Callable[[Job], Any]:
        return ArenaWorker().answer

    serve(threads, opened)


if __name__ == "__main__":
    main(sys.argv[2])
