"""Small things that the studies' tests share: data, a plan, a ledger, and workers that answer by formulas."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

import nassay
from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.tables.base import Table
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Architecture, Space, spaces
from nassay.strategies.problem import Constraints
from nassay.studies import finish as finish_module
from nassay.studies import search as search_module
from nassay.studies.ledger import Ledger
from nassay.studies.outcome import Result
from nassay.studies.plan import Plan
from nassay.tasks.base import Task, task_from


def images(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 1, 8, 8) grey noise in three classes, each with a brighter column of its own, and (n,) labels."""
    y = np.arange(n) % 3
    x = np.random.default_rng(seed).integers(0, 150, (n, 1, 8, 8)).astype(np.uint8)
    x[np.arange(n), 0, :, 2 * y] += 100
    return x, y


class FormulaWorkers:
    """Stands in for `Executor`: no process is started, every answer is a formula of the job.

    A training's accuracy grows with its epochs and depends on the architecture. `jobs` holds all jobs of all
    instances; jobs that `fails` picks get a reason, `dies` picks those that no worker survives, and after
    `stop_after` answers a KeyboardInterrupt is raised.
    """

    jobs: list[dict[str, Any]]
    fails = staticmethod(lambda job: False)
    dies = staticmethod(lambda job: False)
    stop_after: int | None = None

    def __init__(self, *arguments: Any) -> None:
        self.closed = False

    def run(self, jobs: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
        for i in reversed(range(len(jobs))):  # workers finish in any order
            if self.stop_after is not None and len(self.jobs) >= self.stop_after:
                raise KeyboardInterrupt
            self.jobs.append(jobs[i])
            yield i, None if self.dies(jobs[i]) else self.answer(jobs[i])

    def answer(self, job: dict[str, Any]) -> Any:
        if job["kind"] == "score":
            return [{p: plain(fraction(c, p)) for p in job["proxies"]} for c in job["choices"]]
        fidelity = Fidelity(**job["fidelity"])
        epochs = fidelity.epochs or 10 * (fidelity.seconds or 0.0)
        if job["kind"] == "test":
            return {"test_accuracy": fraction(job["choices"]), "train_seconds": epochs / 10, "epochs": epochs}
        if self.fails(job):
            return {"value": None, "reason": "the loss became nan", "seconds": 0.1, "details": {"curve": []}}
        value = fraction(job["choices"], job["space"]) * epochs / (1 + epochs)
        point = {"step": 1, "epoch": epochs, "seconds": epochs / 10, "train_loss": 1.0, "validation_accuracy": value}
        return plain(value, epochs=epochs, train_seconds=epochs / 10, curve=[point], steps_per_epoch=4)

    def close(self) -> None:
        self.closed = True


def fraction(*parts: Any) -> float:
    """A number in 0..1 that depends on the parts alone."""
    return zlib.crc32(repr(parts).encode()) / 2**32


def plain(value: float, **details: Any) -> dict[str, Any]:
    return {"value": value, "reason": None, "seconds": 0.01, "details": details}


@pytest.fixture
def workers() -> type[FormulaWorkers]:
    """A fresh class, so that what one test sets is gone in the next."""
    return type("Workers", (FormulaWorkers,), {"jobs": []})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger in tmp_path."""
    ledger = Ledger.in_folder(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def plan() -> Plan:
    """Four random residual networks."""
    return Plan(
        source="arrays",
        task="classification",
        space="resnet",
        strategy="random",
        constraints=Constraints(),
        minutes=None,
        evaluations=4,
        seed=0,
        workers=1,
        threads=1,
        device="cpu",
    )


@pytest.fixture(scope="session")
def task() -> Task:
    """60 images of 8x8 pixels in three classes."""
    return task_from(images(60), seed=0)


@pytest.fixture(scope="session")
def make_images() -> Any:
    """The function `images`, which test files cannot import."""
    return images


@pytest.fixture
def nb201() -> Any:
    """The NAS-Bench-201 space for the task's images."""
    return spaces["nb201"].target((1, 8, 8), 3)


class Meter:
    """Stands in for `LatencyEstimator`: 1 ms and another for each million of MACs."""

    def __init__(self, space: Space) -> None:
        self.analytic = Analytic.of(space)

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        return [Estimate.of(1 + self.analytic.profile(a).macs / 1e6) for a in architectures]


@pytest.fixture
def meter() -> type[Meter]:
    """The class `Meter`, which test files cannot import."""
    return Meter


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of one thread: on a busy machine two threads that wait for each other are many times slower."""
    monkeypatch.setattr(search_module, "usable_cores", lambda: 1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A real search of this process with one real worker, its final trainings cut to one epoch."""
    folder = tmp_path_factory.mktemp("studies") / "finished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finish_module, "FINAL_EPOCHS", 1)
        patch.setattr(search_module, "usable_cores", lambda: 1)
        return nassay.search(
            images(60), space="resnet", strategy="random", evaluations=4, workers=1, device="cpu", out=folder
        )


@pytest.fixture
def other_plans(plan: Plan) -> list[tuple[str, Plan]]:
    """(what differs, a plan that differs from `plan` in it alone)."""
    changes: dict[str, Any] = {
        "seed": 1,
        "space": "nb201",
        "strategy": "evolution",
        "evaluations": 5,
        "constraints": Constraints(max_params=100_000),
    }
    return [(name, replace(plan, **{name: value})) for name, value in changes.items()]


class ToyTable(Table):
    """A table of networks of a test's own space."""

    name = "tiny"
    files = ("tiny.parquet",)

    def __init__(self, folder: Path, space: Space, series: Mapping[str, Sequence[Series]]) -> None:
        super().__init__(folder)
        self.datasets = tuple(series)
        self._own_space, self._every = space, series

    def space(self, dataset: str | None = None) -> Space:
        return self._own_space

    def _series(self, dataset: str) -> Iterable[Series]:
        return self._every[dataset]

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        return list(rows["arch_str"].to_pylist())


@pytest.fixture(scope="session")
def toy_table() -> Callable[..., Table]:
    """toy_table(folder, space, networks, columns, series) writes a table and opens it; series go by data set."""

    def made(
        folder: Path,
        space: Space,
        networks: Sequence[Architecture],
        columns: Mapping[str, Sequence[Any]],
        series: Mapping[str, Sequence[Series]],
    ) -> Table:
        texts = {"arch_str": [space.to_string(a) for a in networks]}
        parquet.write_table(pyarrow.table(texts | dict(columns)), folder / ToyTable.files[0])
        return ToyTable(folder, space, series)

    return made
