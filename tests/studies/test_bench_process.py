"""The worker process of a benchmark of proxies; what it answers is tested in `test_bench_worker.py`."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nassay.errors import StudyStoppedError, UserError
from nassay.studies import bench_process
from nassay.studies.bench_worker import BenchWorker
from nassay.studies.executors import Worker
from nassay.studies.proxy_bench import Bench

CELLS = [[3, 1, 2, 3, 0, 3], [0] * 6]
JOB = {
    "table": "nasbench201",
    "dataset": "cifar10",
    "names": ["l2_norm", "sed", "random"],
    "choices": CELLS,
    "settings": {"batch_size": 2, "largest_side": 8, "seed": 3},
}


@pytest.fixture
def worker(cells: list[str], tmp_path: Path) -> Iterator[Worker]:
    """A process as a benchmark of proxies starts it, in an empty folder: its jobs say all that it must know."""
    with closing(Worker(tmp_path, 1, "cpu", Bench.program)) as found:
        yield found


def without_prices(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: estimate | {"seconds": 0} for name, estimate in one.items()} for one in answer]


def test_a_process_answers_what_is_answered_here(worker: Worker) -> None:
    """Two jobs of one benchmark, and between them a table that there is not, which it survives."""
    expected = without_prices(BenchWorker().answer(JOB))
    first = worker.do(JOB)
    assert without_prices(first) == expected
    assert first[1]["l2_norm"]["value"] is None
    with pytest.raises(StudyStoppedError, match=r"UserError: There is no table called 'nasbench21'\. Did you mean"):
        worker.do(JOB | {"table": "nasbench21"})
    again = worker.do(JOB | {"names": ["random"]})
    assert [one["random"]["value"] for one in again] == [one["random"]["value"] for one in first]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `main` serves with."""
    found: list[Any] = []
    monkeypatch.setattr(bench_process, "serve", lambda *arguments: found.append(arguments))
    return found


def test_threads_are_handed_on_and_what_does_the_jobs_is_made_by_the_first(served: list[Any], cells: list[str]) -> None:
    bench_process.main("5")
    ((threads, opened),) = served
    assert threads == "5"
    one, other = opened(), opened()
    assert one.__self__ is not other.__self__
    cheap = JOB | {"names": ["sed"]}
    assert without_prices(one(cheap)) == without_prices(BenchWorker().answer(cheap))


def test_an_unknown_score_is_refused_by_name(served: list[Any], cells: list[str]) -> None:
    bench_process.main("1")
    with pytest.raises(UserError, match="no proxy called 'synflo'. Did you mean synflow"):
        served[0][1]()(JOB | {"names": ["synflo"]})


def test_torch_is_not_imported_before_the_input_is_read() -> None:
    """A worker that waits for nothing but its imports must leave with its parent, too."""

    program = "import sys, nassay.studies.bench_process; print([m for m in sys.modules if m in ('torch', 'numpy')])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert found.stdout == "[]\n"
