"""A worker process: does what it is told, one job at a time.

Run as `python -m nassay.studies.worker_process RUN_FOLDER THREADS DEVICE`. Jobs and answers are JSON, one line each, on
standard input and output: specifications travel, not objects. Input is read from the first moment on, before torch is
imported: when the parent dies its end of the pipe closes, and the worker leaves at once, whatever it is doing. An
unfinished training is kept by its checkpoint.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO


def incoming(lines: TextIO) -> "SimpleQueue[str]":
    """Lines as they come; where they end, the process ends."""
    queue: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in lines:
            queue.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return queue


def serve(threads: str, opened: Callable[[], Callable[[dict[str, Any]], Any]]) -> None:
    """Answer jobs for as long as the parent lives.

    Standard output is kept for answers, everything else goes to standard error.

    Args:
        threads: computing threads.
        opened: makes what does a job and gives its answer; called when the first job is there.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    jobs = incoming(sys.stdin)
    import torch

    from nassay.errors import NassayError

    torch.set_num_threads(int(threads))
    answer: Callable[[dict[str, Any]], Any] | None = None
    while True:
        job = json.loads(jobs.get())
        try:
            answer = answer or opened()
            message = {"answer": answer(job)}
        except (OSError, NassayError) as error:  # of the system or of the run folder, not of the candidate
            message = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(message), file=answers, flush=True)


def main(folder: str, threads: str, device: str) -> None:
    """Entry point of a study's worker."""

    def opened() -> Callable[[dict[str, Any]], Any]:
        from nassay.studies.worker import Bench, answer

        path = Path(folder)
        return partial(answer, Bench(path, json.loads((path / "plan.json").read_text("utf-8")), device))

    serve(threads, opened)


if __name__ == "__main__":
    main(*sys.argv[1:])
