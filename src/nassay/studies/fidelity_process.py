"""A worker process that trains networks at reduced settings; see `nassay.studies.worker_process`, whose ways it shares.

Run as `python -m nassay.studies.fidelity_process RUN_FOLDER THREADS DEVICE`.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from nassay.estimators.base import Estimate, Fidelity
from nassay.spaces.base import Architecture
from nassay.studies.gap_folder import SETTINGS
from nassay.studies.worker import Bench, answer
from nassay.studies.worker_process import serve


class FidelityBench(Bench):
    """Trains every setting of a network on its own, from the start, and keeps nothing but what came out of it."""

    def train(self, space: str, choices: list[int], fidelity: Fidelity) -> Estimate:
        """Train one architecture at one setting; details have `cpu_seconds`, which other programs do not prolong."""
        checkpoint = self.checkpoint(Architecture(space, tuple(choices)), fidelity)
        checkpoint.unlink(missing_ok=True)  # of a killed process, whose seconds nobody has counted
        started = time.process_time()
        estimate = super().train(space, choices, fidelity)
        checkpoint.unlink(missing_ok=True)
        details = {**estimate.details, "cpu_seconds": round(time.process_time() - started, 3)}
        return replace(estimate, details=details)

    def checkpoint(self, architecture: Architecture, fidelity: Fidelity) -> Path:
        """Where the training of an architecture at this setting is kept while it lasts."""
        name = sha256(f"{architecture} {fidelity}".encode()).hexdigest()[:16]
        return self.folder / "checkpoints" / f"{name}.pt"


def main(folder: str, threads: str, device: str) -> None:
    """Entry point."""

    def opened() -> Callable[[dict[str, Any]], Any]:
        path = Path(folder)
        return partial(answer, FidelityBench(path, json.loads((path / SETTINGS).read_text("utf-8")), device))

    serve(threads, opened)


if __name__ == "__main__":
    main(*sys.argv[1:])
