"""The real command in processes of its own, on data small enough for seconds."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

SEARCH = ("--space", "resnet", "--strategy", "random", "--evaluations", "4", "--workers", "1")
ROW = ("architecture", "test_accuracy", "validation_accuracy", "params", "macs", "peak_memory_bytes")


def one_core() -> None:
    """Runs in the child before the command: one worker on one core has one thread, also on busy machines.

    A shell that runs the tests in the background may have them ignore interrupts; the command listens to its own.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


class Running:
    """A command at work in a folder."""

    def __init__(self, words: tuple[object, ...], folder: Path, before: Callable[[], None] = one_core) -> None:
        self.folder = folder
        self.err = (folder / f"stderr-{time.monotonic_ns()}").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nassay", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=self.err,
            text=True,
            cwd=folder,
            preexec_fn=before,
        )

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return [
            p
            for p in psutil.Process(self.process.pid).children()
            if "nassay.studies.worker_process" in " ".join(p.cmdline())
        ]

    def wait_for(self, happened: Callable[[], Any], seconds: float = 200) -> Any:
        """Wait until something has happened while the command is at work; None if the command ended before."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if found := happened():
                return found
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.005)
        return None

    def kill(self) -> list[psutil.Process]:
        """End it as the system would; returns the workers that it had."""
        try:
            workers = self.workers()
        except psutil.Error:
            workers = []
        self.process.kill()
        self.process.wait()
        return workers

    def end(self, signal_: signal.Signals | None = None) -> tuple[int, str, str]:
        """Its exit code, standard output and standard error, after a signal if one is given."""
        if signal_ is not None:
            self.process.send_signal(signal_)
        out, _ = self.process.communicate(timeout=200)
        self.err.seek(0)
        return self.process.returncode, out, self.err.read()


@dataclass
class Command:
    """`nassay` in a folder of its own."""

    folder: Path

    def start(self, *words: object, before: Callable[[], None] = one_core) -> Running:
        return Running(words, self.folder, before)

    def __call__(self, *words: object, before: Callable[[], None] = one_core) -> tuple[int, str, str]:
        return self.start(*words, before=before).end()


def rows_of(run: Path) -> list[tuple[Any, ...]]:
    """All finished evaluations of a run folder, read beside whoever is at work on it."""
    if not (run / "study.sqlite").exists():
        return []
    connection = sqlite3.connect(run / "study.sqlite", timeout=10)
    try:
        query = "SELECT id, architecture, estimator, fidelity, value, reason, finished_at FROM evaluations ORDER BY id"
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):  # they are made a moment after the file
            raise
        return []
    finally:
        connection.close()


def essence(summary: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on interruptions: who won, who was compared, and all numbers that no clock gives."""
    found = {k: {n: summary[k][n] for n in ROW} for k in ("best", "reference", "random")}
    found["finalists"] = [{n: row[n] for n in ROW} for row in summary["finalists"]]
    found["gaps"] = summary["gaps"]
    found["evaluations"] = {k: v for k, v in summary["evaluations"].items() if k != "latency_ms"}
    return found


def strict(text: str) -> Any:
    """The one JSON document that a text is, without NaN or infinities."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def nassay(tmp_path: Path) -> Iterator[Command]:
    """The command in tmp_path; whatever it leaves running is ended."""
    yield Command(tmp_path)
    for child in psutil.Process().children(recursive=True):
        if str(tmp_path) in _where(child):
            child.kill()


def _where(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz of 8x8 grey images in three classes: 18 to train, 60 to validate, 60 to test."""
    rng, arrays = np.random.default_rng(0), {}
    for split, n in (("train", 18), ("val", 60), ("test", 60)):
        y = np.arange(n) % 3
        x = rng.integers(0, 150, (n, 1, 8, 8)).astype(np.uint8)
        x[np.arange(n), 0, :, 2 * y] += 60
        arrays |= {f"x_{split}": x, f"y_{split}": y}
    path = tmp_path_factory.mktemp("images") / "tiny.npz"
    np.savez(path, **arrays)
    return path


@dataclass
class Finished:
    """A search that nobody disturbed."""

    folder: Path
    out: str
    err: str
    summary: dict[str, Any]


@pytest.fixture(scope="session")
def finished(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """`nassay search ... --json`, whole."""
    folder = tmp_path_factory.mktemp("finished")
    code, out, err = Command(folder)("search", images, *SEARCH, "--out", "run", "--json")
    assert code == 0, err
    return Finished(folder / "run", out, err, strict(out))


@pytest.fixture(scope="session")
def tools() -> Any:
    """Functions that test files cannot import."""

    class Tools:
        search = SEARCH
        row = ROW
        rows_of = staticmethod(rows_of)
        essence = staticmethod(essence)
        strict = staticmethod(strict)
        one_core = staticmethod(one_core)

    return Tools
