"""The run folder of a benchmark: whose it is, who holds it, and what is let go of."""

import platform
import re
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from nassay.errors import StudyBusyError, UserError
from nassay.studies import bench_folder
from nassay.studies.bench_folder import BenchFolder, versions
from nassay.studies.ledger import Ledger
from nassay.studies.listener import Listener
from nassay.studies.plan import locked


class Apples(BenchFolder):
    """The smallest benchmark."""

    kind: ClassVar[str] = "apples"
    program: ClassVar[str] = "orchard.apple_process"


class Pears(Apples):
    """Another one, that runs the same program."""

    kind: ClassVar[str] = "pears"


class Clock:
    """Stands in for the module `time`."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Heard(Listener):
    """Keeps (done, total, seconds that are left)."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def progress(self, done: int, total: int, best: Any, remaining_seconds: float | None) -> None:
        assert best is None
        self.calls.append((done, total, remaining_seconds))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(bench_folder, "time", found)
    return found


@pytest.fixture
def executors(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All executors that are made: their arguments, and whether the folder was still held when they were closed."""
    made: list[Any] = []

    def make(folder: Path, *arguments: Any) -> Any:
        one = SimpleNamespace(arguments=(folder, *arguments), closed=[])
        one.close = lambda: one.closed.append(is_held(folder))
        made.append(one)
        return one

    monkeypatch.setattr(bench_folder, "Executor", make)
    return made


def is_held(folder: Path) -> bool:
    try:
        with locked(folder):
            return False
    except StudyBusyError:
        return True


# Whose it is --------------------------------------------------------------------------------------------------------


def test_a_missing_folder_is_made_with_a_ledger_that_says_what_is_in_it(tmp_path: Path) -> None:
    with Apples(tmp_path / "x" / "run", 1):
        pass
    ledger = Ledger.in_folder(tmp_path / "x" / "run")
    assert ledger.get("benchmark of") == "apples"
    assert ledger.records() == []
    ledger.close()


def test_a_folder_is_opened_again_by_its_own_kind_alone(tmp_path: Path) -> None:
    for _ in range(2):
        with Apples(tmp_path, 1):
            pass
    with pytest.raises(UserError, match=r"holds a benchmark of apples, not of pears\. Give another --out"):
        Pears(tmp_path, 1)
    assert not is_held(tmp_path)
    with Apples(tmp_path, 1) as again:
        assert isinstance(again, Apples)


@pytest.mark.parametrize(("name", "what"), [("plan.json", "a search"), ("gap.json", "a study of a gap")])
def test_other_studies_are_refused_also_with_a_ledger(tmp_path: Path, name: str, what: str) -> None:
    Ledger.in_folder(tmp_path).close()
    (tmp_path / name).write_text("{}")
    before = (tmp_path / "study.sqlite").read_bytes()
    with pytest.raises(UserError, match=f"holds {what}. Give another --out"):
        Apples(tmp_path, 1)
    assert (tmp_path / "study.sqlite").read_bytes() == before
    assert not (tmp_path / ".lock").exists()


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match=r"is not empty and holds no study \(found thesis\.tex\)"):
        Apples(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is a file. Give a folder as --out"):
        Apples(tmp_path / "file", 1)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", [".lock", "study.sqlite"])
def test_a_folder_that_was_killed_in_its_beginnings_is_begun_again(tmp_path: Path, name: str) -> None:
    """After the lock, or after the first byte of the ledger that was never written."""
    (tmp_path / name).touch()
    with Apples(tmp_path, 1):
        pass
    with pytest.raises(UserError, match="of apples, not of pears"):
        Pears(tmp_path, 1)


def test_a_damaged_ledger_is_told_and_the_folder_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "study.sqlite").write_bytes(b"half of another file" * 100)
    with pytest.raises(UserError, match=r"study\.sqlite is damaged: .*Put back a copy"):
        Apples(tmp_path, 1)
    assert not is_held(tmp_path)
    assert (tmp_path / "study.sqlite").read_bytes() == b"half of another file" * 100


@pytest.mark.parametrize("workers", [0, -2])
def test_without_workers_nothing_is_begun(tmp_path: Path, workers: int) -> None:
    with pytest.raises(UserError, match=f"At least one worker is needed, found {workers}"):
        Apples(tmp_path / "run", workers)
    assert not (tmp_path / "run").exists()


# Who holds it ---------------------------------------------------------------------------------------------------------


def test_a_folder_is_held_from_its_making_to_its_end(tmp_path: Path) -> None:
    bench = Apples(tmp_path, 1)
    with pytest.raises(StudyBusyError, match=re.escape(f"working on {tmp_path}")):
        Apples(tmp_path, 1)
    with bench:
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_a_failure_lets_go_of_the_folder_and_closes_the_workers_before(tmp_path: Path, executors: list[Any]) -> None:
    with suppress(KeyboardInterrupt), Apples(tmp_path, 1) as bench:
        bench._workers_at_hand()
        raise KeyboardInterrupt
    assert executors[0].closed == [True]  # held while they were closed
    assert not is_held(tmp_path)


def test_workers_are_started_when_they_are_needed_and_once(tmp_path: Path, executors: list[Any]) -> None:
    with Apples(tmp_path, 3) as bench:
        assert executors == []
        assert bench._workers_at_hand() is bench._workers_at_hand()
    assert [one.arguments for one in executors] == [(tmp_path, 3, 1, "cpu", "orchard.apple_process")]
    with Apples(tmp_path, 3):
        pass
    assert len(executors) == 1


def test_there_is_a_worker_for_each_core_by_default(
    tmp_path: Path, executors: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_folder, "usable_cores", lambda: 7)
    with Apples(tmp_path) as bench:
        bench._workers_at_hand()
    assert executors[0].arguments[1:3] == (7, 1)


# What it tells and keeps ---------------------------------------------------------------------------------------------


def test_what_is_left_follows_from_the_pace_of_this_command_alone(tmp_path: Path, clock: Clock) -> None:
    """4 of 10 were there. Two more in 30 s: 15 s each for the other four."""
    heard = Heard()
    with Apples(tmp_path, 1, heard) as bench:
        tell = bench._progress()
        clock.now = 5.0
        tell(4, 10)
        clock.now = 30.0
        tell(6, 10)
        clock.now = 36.0
        tell(10, 10)
    assert heard.calls == [(4, 10, None), (6, 10, 60.0), (10, 10, 0.0)]


def test_two_tellers_do_not_share_their_beginnings(tmp_path: Path, clock: Clock) -> None:
    heard = Heard()
    with Apples(tmp_path, 1, heard) as bench:
        bench._progress()(3, 4)
        clock.now = 100.0
        tell = bench._progress()
        tell(0, 4)
        clock.now = 101.0
        tell(1, 4)
    assert heard.calls == [(3, 4, None), (0, 4, None), (1, 4, 3.0)]


def test_the_time_of_work_is_kept_also_of_work_that_failed(tmp_path: Path, clock: Clock) -> None:
    with Apples(tmp_path, 1) as bench:
        with bench._session("pick"):
            clock.now = 2.5
        with suppress(ZeroDivisionError), bench._session("sort"):
            clock.now = 6.0
            raise ZeroDivisionError
    ledger = Ledger.in_folder(tmp_path)
    assert [(s["seconds"], s["phases"]) for s in ledger.sessions()] == [(2.5, {"pick": 2.5}), (3.5, {"sort": 3.5})]
    ledger.close()


def test_versions_are_those_installed() -> None:
    found = versions("scipy")
    assert list(found) == ["nassay", "torch", "numpy", "scipy", "python"]
    assert found["scipy"] == version("scipy")
    assert found["python"] == platform.python_version()
    assert "scipy" not in versions()
