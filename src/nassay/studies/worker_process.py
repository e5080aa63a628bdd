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
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO


def incoming(lines: TextIO) -> "SimpleQueue[str]":
    """Lines as they come; where they end, the process ends."""
    queue: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in lines:
            queue.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return queue


def main(folder: str, threads: str, device: str) -> None:
    """Entry point: keep standard output for answers, send everything else to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    jobs = incoming(sys.stdin)
    import torch

    from nassay.errors import NassayError
    from nassay.studies.worker import Bench, answer

    torch.set_num_threads(int(threads))
    path, bench = Path(folder), None
    while True:
        job = json.loads(jobs.get())
        try:
            bench = bench or Bench(path, json.loads((path / "plan.json").read_text("utf-8")), device)
            message = {"answer": answer(bench, job)}
        except (OSError, NassayError) as error:  # of the system or of the run folder, not of the candidate
            message = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(message), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
