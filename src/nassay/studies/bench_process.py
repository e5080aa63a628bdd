"""A worker process of a proxy benchmark; see `nassay.studies.worker_process`, whose ways it shares.

Run as `python -m nassay.studies.bench_process RUN_FOLDER THREADS DEVICE`; its jobs say all that it must know.
"""

import sys
from collections.abc import Callable
from typing import Any

from nassay.studies.worker_process import serve


def main(threads: str) -> None:
    """Entry point."""

    def opened() -> Callable[[dict[str, Any]], Any]:
        from nassay.studies.bench_worker import BenchWorker

        return BenchWorker().answer

    serve(threads, opened)


if __name__ == "__main__":
    main(sys.argv[2])
