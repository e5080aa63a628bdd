"""A worker process: its pipe, its errors and its end. What it answers is tested in `test_worker.py`."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest

from nassay.estimators.base import Fidelity
from nassay.studies import worker_process
from nassay.studies.plan import Plan, claim
from nassay.studies.worker import Bench, answer
from nassay.studies.worker_process import incoming
from nassay.tasks.base import Task

# A program that serves jobs as all workers do, and does what each job says. Its place cannot be had at first.
PROGRAM = """
import os, sys, time
from nassay.errors import UserError
from nassay.studies.worker_process import serve

tries = 0

def opened():
    global tries
    tries += 1
    if tries == 1:
        raise OSError("the run folder is not there yet")
    print("chatter of opening")
    return answer

def answer(job):
    import torch
    if job["do"] == "wrong":
        raise UserError("There is no space called 'x'.")
    if job["do"] == "chatter":
        print("chatter of python")
        os.system("echo chatter of a child")
        os.write(1, b"chatter of a library\\n")
    if job["do"] == "hang":
        open(job["mark"], "w").close()
        while True:
            pass
    if job["do"] == "broken":
        raise RuntimeError("of the program itself")
    return {"job": job, "tries": tries, "threads": torch.get_num_threads()}

serve("3", opened)
"""


def lines(*jobs: dict[str, Any]) -> str:
    return "".join(json.dumps(job) + "\n" for job in jobs)


def started(**pipes: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **pipes,
    )


# What comes in -----------------------------------------------------------------------------------------------------


def test_lines_come_in_order_and_the_process_ends_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: SimpleQueue[int] = SimpleQueue()
    monkeypatch.setattr(worker_process.os, "_exit", ended.put)
    queue = incoming(io.StringIO('{"a": 1}\n\n{"b": "two"}'))
    assert ended.get(timeout=5) == 0
    assert [queue.get(timeout=5) for _ in range(3)] == ['{"a": 1}\n', "\n", '{"b": "two"}']
    assert queue.empty()


def test_lines_are_read_while_nobody_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a worker at work would not notice that its parent is gone."""
    ended: SimpleQueue[int] = SimpleQueue()
    monkeypatch.setattr(worker_process.os, "_exit", ended.put)
    reading, writing = os.pipe()
    with open(reading) as source, open(writing, "w") as sink:
        queue = incoming(source)
        sink.write(lines({"n": 0}) * 1000)
        sink.flush()
        assert ended.empty()
        sink.close()
        assert ended.get(timeout=5) == 0
        assert queue.qsize() == 1000


# A process -----------------------------------------------------------------------------------------------------------


Spoken = tuple[list[dict[str, Any]], str, int]
JOBS = [{"do": "first"}, {"do": "wrong"}, {"do": "say", "text": "ü\n"}, {"do": "chatter"}, {"do": "say", "n": 5}]


@pytest.fixture(scope="module")
def spoken() -> Spoken:
    """Messages, standard error and exit code of a worker that was given all jobs at once, and one that breaks it."""
    with started(stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(lines(*JOBS, {"do": "broken"}, {"do": "never"}))
        process.stdin.flush()
        out, errors = process.stdout.read(), process.stderr.read()  # its input is open until it has ended
        return [json.loads(line) for line in out.splitlines()], errors, process.wait(timeout=10)


def test_every_job_has_one_line_in_order(spoken: Spoken) -> None:
    messages, _, _ = spoken
    assert [list(message) for message in messages] == [["error"], ["error"], ["answer"], ["answer"], ["answer"]]
    assert [message["answer"]["job"] for message in messages[2:]] == JOBS[2:]


def test_an_error_of_the_system_or_the_user_is_told_and_the_worker_goes_on(spoken: Spoken) -> None:
    messages, _, _ = spoken
    assert [message.get("error") for message in messages[:3]] == [
        "OSError: the run folder is not there yet",
        "UserError: There is no space called 'x'.",
        None,
    ]


def test_what_does_the_jobs_is_made_once_when_that_worked(spoken: Spoken) -> None:
    messages, errors, _ = spoken
    assert [message["answer"]["tries"] for message in messages[2:]] == [2, 2, 2]
    assert errors.count("chatter of opening") == 1


def test_whatever_is_printed_goes_to_standard_error(spoken: Spoken) -> None:
    _, errors, _ = spoken
    assert all(f"chatter of {whom}\n" in errors for whom in ("opening", "python", "a child", "a library"))


def test_computing_threads_are_those_asked_for(spoken: Spoken) -> None:
    assert {message["answer"]["threads"] for message in spoken[0][2:]} == {3}


def test_an_error_of_the_program_ends_it_and_says_where(spoken: Spoken) -> None:
    messages, errors, code = spoken
    assert len(messages) == len(JOBS)
    assert "RuntimeError: of the program itself" in errors
    assert code != 0


PARENT = """
import subprocess, sys, time
worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
print(worker.pid, flush=True)
worker.stdin.write(sys.stdin.readline().encode())
worker.stdin.flush()
time.sleep(600)
"""


def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_worker_at_work_leaves_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The parent can say nothing any more, and the job would last for ever."""
    program = PROGRAM.replace("tries == 1", "tries == 0")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.stdin.write(lines({"do": "hang", "mark": str(tmp_path / "mark")}))
        parent.stdin.flush()
        try:
            assert until((tmp_path / "mark").exists)
            parent.send_signal(signal.SIGKILL)
            parent.wait(timeout=10)
            assert until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 10.0)
        finally:
            if worker.is_running():
                worker.kill()


# The worker of a search ----------------------------------------------------------------------------------------------


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """What a search's worker serves with, for tmp_path / "run"."""
    served: list[Any] = []
    monkeypatch.setattr(worker_process, "serve", lambda *arguments: served.append(arguments))
    worker_process.main(str(tmp_path / "run"), "2", "cpu")
    ((threads, made),) = served
    assert threads == "2"
    return made


def test_a_search_s_jobs_are_those_of_its_bench(
    opened: Callable[[], Any], tmp_path: Path, plan: Plan, task: Task
) -> None:
    score = {"kind": "score", "space": "nb201", "choices": [[3, 1, 2, 3, 0, 3]], "proxies": ["paths", "l2_norm"]}
    wrong = {"kind": "training", "space": "nb201", "choices": [9] * 6, "fidelity": vars(Fidelity(epochs=1))}
    (tmp_path / "run").mkdir()
    claim(tmp_path / "run", plan, task)
    do, bench = opened(), Bench(tmp_path / "run", plan.to_dict())
    (found,), (expected,) = do(score), answer(bench, score)
    assert {n: e["value"] for n, e in found.items()} == {n: e["value"] for n, e in expected.items()}
    assert do(wrong)["reason"] == answer(bench, wrong)["reason"]


def test_a_folder_that_is_not_there_yet_is_an_error_of_the_system(
    opened: Callable[[], Any], tmp_path: Path, plan: Plan, task: Task
) -> None:
    """One that a worker tells, and not one that it dies of."""
    with pytest.raises(FileNotFoundError, match=r"plan\.json"):
        opened()
    (tmp_path / "run").mkdir()
    claim(tmp_path / "run", plan, task)
    assert callable(opened())
