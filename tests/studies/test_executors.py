import json
import os
import stat
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from nassay.errors import StudyStoppedError
from nassay.studies import executors
from nassay.studies.executors import ATTEMPTS, Executor, threads_each, usable_cores

# A worker process that answers as the job says; started in place of the real one, with the same arguments.
FAKE = """#!{python}
import json, os, signal, sys, time
folder = sys.argv[3]
for line in sys.stdin:
    job = json.loads(line)
    with open(folder + "/began", "a") as log:
        log.write(job["do"] + "\\n")
    if job["do"] == "die" or job["do"] == "die once" and not os.path.exists(folder + "/died"):
        open(folder + "/died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(job.get("seconds", 0))
    if job["do"] == "die in mid-answer once" and not os.path.exists(folder + "/torn"):
        open(folder + "/torn", "w").close()
        sys.stdout.write('{{"answer": {{"job"')
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    answer = dict(pid=os.getpid(), arguments=sys.argv[1:], threads=os.environ["OMP_NUM_THREADS"], job=job)
    message = dict(error="OSError: No space left on device") if job["do"] == "full disk" else dict(answer=answer)
    print(json.dumps(message), flush=True)
"""


@pytest.fixture
def executor(tmp_path, monkeypatch):
    """Makes executors whose workers are the fake."""
    script = tmp_path / "fake_python"
    script.write_text(FAKE.format(python=sys.executable))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(executors, "sys", SimpleNamespace(executable=str(script)))
    made = []

    def make(workers=1, threads=1):
        made.append(Executor(tmp_path, workers, threads, "cpu"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def gone(pid, seconds=5.0):
    """Whether a process ends within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_every_job_is_answered_under_its_index(executor):
    answers = dict(executor(workers=2).run([{"do": "echo", "n": n} for n in range(7)]))
    assert sorted(answers) == list(range(7))
    assert all(answer["job"]["n"] == n for n, answer in answers.items())


def test_no_jobs_need_no_process(executor, tmp_path):
    assert list(executor().run([])) == []
    assert not (tmp_path / "workers.log").exists()


def test_a_worker_is_told_folder_threads_and_device(executor, tmp_path):
    ((_, answer),) = executor(threads=3).run([{"do": "echo"}])
    assert answer["arguments"] == ["-m", "nassay.studies.worker_process", str(tmp_path), "3", "cpu"]
    assert answer["threads"] == "3"


def test_a_worker_is_kept_from_one_run_to_the_next(executor):
    one = executor()
    pids = {answer["pid"] for _ in range(3) for _, answer in one.run([{"do": "echo"}])}
    assert len(pids) == 1


def test_workers_work_at_the_same_time(executor):
    answers = dict(executor(workers=2).run([{"do": "echo", "seconds": 0.3}] * 2))
    assert answers[0]["pid"] != answers[1]["pid"]


def test_a_job_whose_worker_was_killed_is_given_to_another(executor, tmp_path):
    answers = dict(executor().run([{"do": "die once"}, {"do": "echo"}]))
    assert answers[0]["job"] == {"do": "die once"}
    assert answers[1]["job"] == {"do": "echo"}
    assert (tmp_path / "began").read_text().splitlines() == ["die once", "die once", "echo"]


def test_a_job_that_kills_every_worker_has_no_answer_and_the_others_have(executor, tmp_path):
    answers = dict(executor().run([{"do": "die"}, {"do": "echo"}]))
    assert answers[0] is None
    assert answers[1]["job"] == {"do": "echo"}
    assert (tmp_path / "began").read_text().splitlines() == ["die"] * ATTEMPTS + ["echo"]


def test_half_an_answer_is_none(executor):
    ((_, answer),) = executor().run([{"do": "die in mid-answer once"}])
    assert answer["job"] == {"do": "die in mid-answer once"}


def test_while_jobs_are_at_work_others_may_work_too(executor, monkeypatch):
    monkeypatch.setattr(executors, "WAIT_SECONDS", 0.02)
    one, calls = executor(), []
    one.while_waiting = lambda: calls.append(time.monotonic())
    ((_, answer),) = one.run([{"do": "echo", "seconds": 0.3}])
    assert answer["job"]["do"] == "echo"
    assert len(calls) >= 2


def test_an_error_of_the_system_stops_the_study(executor, tmp_path):
    with pytest.raises(StudyStoppedError, match=r"A worker could not go on: OSError: No space left.*can be resumed"):
        list(executor().run([{"do": "full disk"}, *[{"do": "echo", "seconds": 0.2}] * 20]))
    assert len((tmp_path / "began").read_text().splitlines()) < 20  # the jobs that waited were dropped


def test_leaving_the_answers_drops_the_jobs_that_wait(executor, tmp_path):
    for _ in executor().run([{"do": "echo", "seconds": 0.1}] * 20):
        break
    time.sleep(0.5)
    assert len((tmp_path / "began").read_text().splitlines()) < 5


def test_closing_ends_the_workers_also_in_mid_job(executor, tmp_path):
    one = executor()
    ((_, first),) = one.run([{"do": "echo"}])
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(one.run([{"do": "long", "seconds": 60}])))
    thread.start()
    while "long" not in (tmp_path / "began").read_text():
        time.sleep(0.01)
    one.close()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert answers == [(0, None)]
    assert gone(first["pid"])


def test_messages_of_workers_go_to_a_file_not_to_the_terminal(executor, tmp_path, capfd):
    list(executor().run([{"do": "echo"}]))
    assert (tmp_path / "workers.log").exists()
    assert capfd.readouterr() == ("", "")


def test_jobs_are_json_lines(executor):
    text = "ünïcode\nand a line break"
    ((_, answer),) = executor().run([{"do": "echo", "text": text}])
    assert answer["job"]["text"] == text
    assert json.dumps(answer)


@pytest.mark.parametrize(("workers", "cores", "threads"), [(1, 8, 8), (2, 8, 4), (3, 8, 2), (8, 8, 1), (16, 8, 1)])
def test_workers_share_the_cores(workers, cores, threads):
    assert threads_each(workers, cores) == threads


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs CPU affinity")
def test_only_cores_that_this_process_may_use_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 5, 7})
    assert usable_cores() == 3
