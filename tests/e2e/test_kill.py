"""A search that is killed goes on where it stood: nothing finished is lost or paid for twice, the end is the same."""

import json
import random
import signal
import time

import psutil
import pytest

from nassay.cli.runs import read_status, rewrite_report
from nassay.errors import UserError


def dead(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def all_gone(workers, seconds=2.0):
    """Whether worker processes end within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(dead(w) for w in workers):
            return True
        time.sleep(0.01)
    return False


def readable(tools, run):
    """Status and report work on the folder as the kill left it; before there is anything to tell they say so."""
    if not (run / "study.sqlite").exists():
        with pytest.raises(UserError, match="holds no"):
            read_status(run)
        return
    assert read_status(run)["status"] in ("interrupted", "stopped", "finished")
    path, summary = rewrite_report(run)
    assert tools.strict((run / "summary.json").read_text()) == json.loads(json.dumps(summary))
    assert path.stat().st_size > 0


def test_killed_twice_it_ends_as_if_nothing_had_been(finished, images, nassay, tools):
    run = nassay.folder / "run"
    words = ("search", images, *tools.search, "--out", "run", "--json")
    kept = []
    for trainings in (1, 6):  # within the search, within the finish
        command = nassay.start(*words)
        command.wait_for(lambda n=trainings: sum(r[2] == "training" for r in tools.rows_of(run)) >= n)
        workers = command.kill()
        assert all_gone(workers)
        assert tools.rows_of(run)[: len(kept)] == kept
        kept = tools.rows_of(run)
        readable(tools, run)
    assert sum(r[2] == "training" for r in kept) >= 6

    code, out, err = nassay(*words)
    assert code == 0, err
    assert tools.rows_of(run)[: len(kept)] == kept
    summary = tools.strict(out)
    assert tools.essence(summary) == tools.essence(finished.summary)
    assert summary["resumes"] == 2
    assert not list(run.rglob("*partial*"))


def test_a_killed_worker_costs_its_job_only(images, nassay, tools):
    """The system may kill a worker for its memory; the job is given to a successor and the study goes on."""
    run = nassay.folder / "run"
    command = nassay.start("search", images, *tools.search, "--out", "run")
    (first,) = command.wait_for(lambda: tools.rows_of(run) and command.workers())
    before = len(tools.rows_of(run))
    first.kill()
    assert command.wait_for(lambda: len(tools.rows_of(run)) >= before + 2)
    assert [w.pid for w in command.workers()] != [first.pid]
    assert all(row[5] is None for row in tools.rows_of(run))  # no candidate failed for it
    command.kill()


def test_workers_that_have_just_started_go_with_their_parent(images, nassay, tools):
    command = nassay.start("search", images, *tools.search, "--out", "run")
    workers = command.wait_for(command.workers)
    command.kill()
    assert all_gone(workers)


def test_an_interrupt_ends_it_in_order(images, nassay, tools):
    command = nassay.start("search", images, *tools.search, "--out", "run")
    workers = command.wait_for(lambda: len(tools.rows_of(nassay.folder / "run")) and command.workers())
    code, out, err = command.end(signal.SIGINT)
    assert (code, out) == (130, "")
    assert err.rstrip().endswith("nassay: Interrupted. The same command continues the search.")
    assert "Traceback" not in err
    assert all_gone(workers)
    assert tools.strict((nassay.folder / "run" / "summary.json").read_text())["status"] == "stopped"


SMALL = ("--space", "nb201", "--evaluations", "4", "--seed", "7", "--json")
OTHERS = ("pnas", "proxybo", "tg_nas", "flash", "econas", "spos", "fairnas", "few_shot", "gdas", "manas")


def killed_and_straight(nassay, tools, words, kills):
    """A search that is killed at moments drawn over its whole length ends as one that was left alone."""
    started = time.monotonic()
    code, out, err = nassay(*words, "--out", "straight")
    whole = time.monotonic() - started
    assert code == 0, err
    straight = tools.essence(tools.strict(out))

    run, rng, kept = nassay.folder / "run", random.Random(0), []
    for _ in range(kills):
        command = nassay.start(*words, "--out", "run")
        moment = time.monotonic() + rng.uniform(0, 0.5 * whole)
        command.wait_for(lambda moment=moment: time.monotonic() > moment)
        workers = command.kill()
        assert all_gone(workers)
        rows = tools.rows_of(run)
        assert rows[: len(kept)] == kept
        kept = rows
        readable(tools, run)
    code, out, err = nassay(*words, "--out", "run")
    assert code == 0, err
    assert tools.rows_of(run)[: len(kept)] == kept
    assert tools.essence(tools.strict(out)) == straight
    assert len({row[1:4] for row in tools.rows_of(run)}) == len(tools.rows_of(run))
    assert not list(run.rglob("*partial*"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_twenty_random_moments_it_ends_as_if_nothing_had_been(images, nassay, tools):
    """The default strategy with two workers."""
    killed_and_straight(nassay, tools, ("search", images, *SMALL, "--workers", "2"), kills=20)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", OTHERS)
def test_other_strategies_end_as_if_nothing_had_been(images, nassay, tools, strategy):
    killed_and_straight(nassay, tools, ("search", images, *SMALL, "--workers", "1", "--strategy", strategy), kills=3)
