"""A worker process that measures super-networks; see `nassay.studies.worker_process`, whose ways it shares.

Run as `python -m nassay.studies.supernet_process RUN_FOLDER THREADS DEVICE`.
"""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.supernets.methods import super_network, super_training
from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.supernets.training import SuperTraining
from nassay.estimators.training import Training
from nassay.spaces.base import Architecture
from nassay.studies.gap_folder import SETTINGS
from nassay.studies.plan import write_atomically
from nassay.studies.worker import Bench, attempted
from nassay.studies.worker_process import serve

SHARES = (0.25, 0.5, 0.75, 1.0)  # of a super-network's training, at which all architectures are looked at
WINDOW_ITEMS = 256  # validation items that a snapshot between mini-batches looks at


class SupernetBench(Bench):
    """Trains architectures alone, and super-networks, each with a seed of its own.

    Args:
        folder: run folder.
        plan: settings of the study; `architectures` are choices, `window` a number of mini-batches.
        device: torch device name.
    """

    def __init__(self, folder: Path, plan: dict[str, Any], device: str = "cpu") -> None:
        super().__init__(folder, plan, device)
        self.plan = plan

    def alone(self, space: str, choices: list[int], fidelity: Fidelity, seed: int) -> Estimate:
        """The final validation metric of an architecture that is trained by itself."""
        architecture = Architecture(space, tuple(choices))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mixed(seed, architecture))
            network = self.space(space).build(architecture)
        path = self._path(f"{architecture} {fidelity} {seed}")
        training = Training(network, self.task, seed=seed, checkpoint=path, fidelity=fidelity, device=self.device)
        found = training.run(fidelity)
        path.unlink(missing_ok=True)
        return replace(found, details={"epochs": found.details["epochs"]})

    def inherited(self, space: str, fidelity: Fidelity, method: str, seed: int) -> Estimate:
        """Train a super-network and look at all architectures on the way, at its end, and from step to step after it.

        Details are those of `gaps.supernet`. What was seen on the way is kept beside the checkpoint: a training that
        was interrupted has gone on from there.
        """
        started = time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = super_network(method, self.space(space))
        path = self._path(f"{space} {fidelity} {method} {seed}")
        seen = path.with_suffix(".json")
        options: dict[str, Any] = {"seed": seed, "checkpoint": path, "fidelity": fidelity, "device": self.device}
        training = super_training(method, network, self.task, **options, end=fidelity.epochs)
        assert fidelity.epochs is not None
        looks: dict[str, list[float | None]] = json.loads(seen.read_text("utf-8")) if seen.exists() else {}
        for share in [s for s in SHARES if f"{s:g}" not in looks] or SHARES[-1:]:
            found = training.run(replace(fidelity, epochs=share * fidelity.epochs))
            if found.value is None:
                path.unlink(missing_ok=True)
                seen.unlink(missing_ok=True)
                return found
            value = found.value
            if f"{share:g}" not in looks:
                looks[f"{share:g}"] = self._look(training)
                write_atomically(seen, json.dumps(looks))
        details = {
            "inherited": looks[f"{SHARES[-1]:g}"],
            "plain": self._look(training, recalibrate=False),
            "epochs": looks,
            "update_counts": training.update_counts() if isinstance(training, PathTraining) else None,
            "mixture": value if "discretised" in found.details else None,
            "discretised": found.details.get("discretised"),
            "window": self._window(training),
        }
        path.unlink(missing_ok=True)
        seen.unlink(missing_ok=True)
        return Estimate.of(value, seconds=time.perf_counter() - started, **details)

    def _look(self, training: SuperTraining, **options: Any) -> list[float | None]:
        """What every architecture of the plan inherits now; None where that has no value."""
        found = [training.inherit(tuple(choices), **options).value for choices in self.plan["architectures"]]
        return [None if v is None or not math.isfinite(v) else round(v, 6) for v in found]

    def _window(self, training: SuperTraining) -> list[list[float | None]]:
        """After each of some more steps, the weights of that very step."""
        rows = []
        for _ in range(self.plan["window"]):
            with torch.random.fork_rng(devices=[]):
                training._step(None)
            rows.append(self._look(training, items=WINDOW_ITEMS, averaged=False))
        return rows

    def _path(self, what: str) -> Path:
        return self.folder / "checkpoints" / f"{sha256(what.encode()).hexdigest()[:16]}.pt"


def answer(bench: SupernetBench, job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: `alone` by its seed, `supernet` by its method and seed; a failure is an answer with a reason."""
    fidelity = Fidelity(**job["fidelity"])
    if job["kind"] == "alone":
        return attempted(partial(bench.alone, job["space"], job["choices"], fidelity, int(job["rule"])))
    method, _, seed = job["rule"].partition("@")
    return attempted(partial(bench.inherited, job["space"], fidelity, method, int(seed)))


def _mixed(seed: int, architecture: Architecture) -> int:
    return int.from_bytes(sha256(f"{seed} {architecture}".encode()).digest()[:4], "big")


def main(folder: str, threads: str, device: str) -> None:
    """Entry point."""

    def opened() -> Callable[[dict[str, Any]], Any]:
        path = Path(folder)
        return partial(answer, SupernetBench(path, json.loads((path / SETTINGS).read_text("utf-8")), device))

    serve(threads, opened)


if __name__ == "__main__":
    main(*sys.argv[1:])
