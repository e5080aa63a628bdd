"""Local worker processes, fed one job at a time.

Each worker is a process of its own (`nassay.studies.worker_process`, or another module that serves jobs as it does), so
the user's process, its threads and its random state stay untouched, scripts need no main guard, and a worker killed by
the system costs one job, which is given to its successor.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from nassay.errors import StudyStoppedError
from nassay.studies.worker import Job

PROGRAM = "nassay.studies.worker_process"
WAIT_SECONDS = 2.0
ATTEMPTS = 3  # how often a job may lose its worker before it counts as failed


class WorkerDiedError(Exception):
    """A worker process ended in mid-job."""


class Worker:
    """One worker process and the pipe to it."""

    def __init__(self, folder: Path, threads: int, device: str, program: str = PROGRAM) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._log = (folder / "workers.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, str(folder), str(threads), device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            text=True,
            start_new_session=True,
        )

    def do(self, job: Job) -> Any:
        """The job's answer.

        Raises:
            WorkerDiedError: the process ended.
            StudyStoppedError: the worker met an error of the system (full disk, lost file).
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError as error:
            raise WorkerDiedError from error
        if not line.endswith("\n"):  # nothing more, or half an answer
            raise WorkerDiedError
        message = json.loads(line)
        if "error" in message:
            raise StudyStoppedError(f"A worker could not go on: {message['error']}. The study can be resumed.")
        return message["answer"]

    def close(self) -> None:
        """End the process; a training in progress is kept by its last checkpoint."""
        self._process.kill()
        self._process.wait()
        self._log.close()


class Executor:
    """A fixed number of workers.

    Args:
        folder: the study's run folder, which the workers read.
        workers: number of processes.
        threads: computing threads of each.
        device: torch device name.
        program: module that a worker runs.

    Attributes:
        while_waiting: called every now and then while jobs are at work.
    """

    while_waiting: Callable[[], None] | None = None

    def __init__(self, folder: Path, workers: int, threads: int, device: str, program: str = PROGRAM) -> None:
        self._arguments = (folder, threads, device, program)
        self._pool = ThreadPoolExecutor(workers)
        self._local = threading.local()
        self._alive: set[Worker] = set()
        self._closed = False

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Yield (index of job, answer) as jobs finish; the answer is None where the job killed its workers."""
        futures: dict[Future[Any], int] = {self._pool.submit(self._do, job): i for i, job in enumerate(jobs)}
        pending = set(futures)
        try:
            while pending:
                done, pending = wait(pending, WAIT_SECONDS, FIRST_COMPLETED)
                for future in done:
                    yield futures[future], future.result()
                if not done and self.while_waiting is not None:
                    self.while_waiting()
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """End all workers."""
        self._closed = True
        for worker in list(self._alive):
            worker.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _do(self, job: Job) -> Any:
        for _ in range(ATTEMPTS):
            worker = getattr(self._local, "worker", None)
            if worker is None:
                worker = self._local.worker = Worker(*self._arguments)
                self._alive.add(worker)
            try:
                return worker.do(job)
            except WorkerDiedError:
                self._local.worker = None
                self._alive.discard(worker)
                worker.close()
                if self._closed:
                    return None
        return None


def threads_each(workers: int, cores: int) -> int:
    """Computing threads of each worker, so that workers do not fight over cores."""
    return max(1, cores // workers)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
