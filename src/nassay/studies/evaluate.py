"""Answering requests: from the ledger where it was paid for, else by workers or, for latency, right here.

Latency is measured in this process while the workers are idle, so that nothing disturbs the clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.devices.onnx_latency import LatencyEstimator
from nassay.estimators.devices.profile import DeviceProfile
from nassay.spaces.base import Architecture, Space
from nassay.strategies.base import Record, Request
from nassay.studies.executors import ATTEMPTS, Executor
from nassay.studies.ledger import Key, Ledger, key_of
from nassay.studies.worker import Job

SCORED_TOGETHER = 8  # architectures of one scoring job

Progress = Callable[[int, int], None]


class Evaluator:
    """Pays for what the ledger does not hold yet.

    Args:
        spaces: by name: the study's, and the reference network's.
        ledger: of the study.
        executor: workers for trainings, pace and proxies.
        device: whose profile answers for the latency; None to measure it on this machine.
    """

    def __init__(
        self,
        spaces: dict[str, Space],
        ledger: Ledger,
        executor: Executor,
        device: DeviceProfile | None = None,
    ) -> None:
        self.spaces, self.ledger, self.executor = spaces, ledger, executor
        self._latency = {
            name: LatencyEstimator(space) if device is None else device.estimator(space)
            for name, space in spaces.items()
        }

    def text(self, architecture: Architecture) -> str:
        """The canonical string that the ledger files an architecture under."""
        return self.spaces[architecture.space].to_string(architecture)

    def evaluate(self, requests: Sequence[Request], phase: str, progress: Progress) -> list[Record]:
        """Records for all requests, in order; each finished answer is in the ledger before the next is counted."""
        keys = [key_of(self.text(r.architecture), r) for r in requests]
        missing = {key: r for key, r in zip(keys, requests, strict=True) if self.ledger.find(key) is None}
        done = len(requests) - len(missing)
        progress(done, len(requests))
        for rows in self._pay(missing):
            self.ledger.add(rows, phase)
            done += len(rows)
            progress(done, len(requests))
        found = [self.ledger.find(key) for key in keys]
        return [Record(r, e) for r, e in zip(requests, found, strict=True) if e is not None]

    def paid(self, requests: Sequence[Request]) -> bool:
        """Whether the ledger holds an answer to every request."""
        keys = (key_of(self.text(r.architecture), r) for r in requests)
        return all(self.ledger.find(key) is not None for key in keys)

    def _pay(self, missing: dict[Key, Request]) -> Any:
        """Yield lists of (key, estimate) as they are finished."""
        here = {k: r for k, r in missing.items() if r.estimator == "latency_ms"}
        for key, request in here.items():
            measured = self._latency[request.architecture.space].estimate([request.architecture])[0]
            yield [(key, measured)]
        jobs, owners = self._jobs({k: r for k, r in missing.items() if k not in here})
        for index, answer in self.executor.run(jobs):
            yield _rows(owners[index], answer)

    def _jobs(self, missing: dict[Key, Request]) -> tuple[list[Job], list[list[list[tuple[Key, str]]]]]:
        """Jobs, and for each its owners: one list of (key, estimator) for each architecture in it."""
        jobs: list[Job] = []
        owners: list[list[list[tuple[Key, str]]]] = []
        scored: dict[Architecture, list[tuple[Key, str]]] = {}
        for key, request in missing.items():
            if request.fidelity is None:
                scored.setdefault(request.architecture, []).append((key, request.estimator))
            else:
                jobs.append(job_for(request.estimator, request.architecture, request.fidelity))
                owners.append([[(key, request.estimator)]])
        items = list(scored.items())
        for start in range(0, len(items), SCORED_TOGETHER):
            chunk = items[start : start + SCORED_TOGETHER]
            jobs.append(
                {
                    "kind": "score",
                    "space": chunk[0][0].space,
                    "choices": [list(architecture.choices) for architecture, _ in chunk],
                    "proxies": list(dict.fromkeys(name for _, wanted in chunk for _, name in wanted)),
                }
            )
            owners.append([wanted for _, wanted in chunk])
        return jobs, owners


def job_for(kind: str, architecture: Architecture, fidelity: Fidelity) -> Job:
    """A job on one architecture at a fidelity, see `worker.answer`; what stands behind a colon is the job's `rule`."""
    kind, _, rule = kind.partition(":")
    return {
        "kind": kind,
        **({"rule": rule} if rule else {}),
        "space": architecture.space,
        "choices": list(architecture.choices),
        "fidelity": asdict(fidelity),
    }


def _rows(owners: list[list[tuple[Key, str]]], answer: Any) -> list[tuple[Key, Estimate]]:
    """What the ledger keeps of a job's answer; None is the answer of a job that its workers did not survive."""
    if answer is None:
        reason = f"the worker process was killed {ATTEMPTS} times in this job (out of memory?)"
        return [(key, Estimate.failed(reason)) for wanted in owners for key, _ in wanted]
    if isinstance(answer, dict):
        return [(owners[0][0][0], Estimate(**answer))]
    return [
        (key, Estimate(**scores[name])) for wanted, scores in zip(owners, answer, strict=True) for key, name in wanted
    ]
