"""A toy space, and an oracle that answers a strategy's requests by formulas: no network is trained or measured."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from torch import nn

from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.devices.on_device import FORMAT, VERSION
from nassay.estimators.devices.operator_table import Operator, operators
from nassay.estimators.devices.profile import EMPTY
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space, spaces
from nassay.spaces.nb201 import NB201
from nassay.strategies import Problem, Record, Request, Strategy
from nassay.studies import bench_folder
from nassay.studies.bench_worker import BenchWorker

FULL_EPOCHS = 30.0
LARGEST_DRIVE = 200  # batches; no strategy of these tests needs a quarter of it


class Toy(Space):
    """Eight 1x1 convolutions of 1 to 4 channels each, for inputs of one pixel: params and MACs are sums of products."""

    name = "toy"
    options = (4,) * 8

    def __init__(self) -> None:
        super().__init__((1, 1, 1), 2)

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        channels = [c + 1 for c in self.check(architecture).choices]
        blocks = tuple(_conv(a, b) for a, b in pairwise(channels))
        return Layout(_conv(1, channels[0]), blocks, Piece(("tail",), nn.ReLU), channels[-1])

    def graph(self, architecture: Architecture) -> Graph:
        return Graph(("input", "output"), ((0, 1),))

    def to_string(self, architecture: Architecture) -> str:
        return "toy:" + "".join(map(str, architecture.choices))

    def from_string(self, text: str) -> Architecture:
        return Architecture("toy", tuple(map(int, text.removeprefix("toy:"))))


def _conv(c_in: int, c_out: int) -> Piece:
    return Piece(("conv", c_in, c_out), partial(nn.Conv2d, c_in, c_out, 1))


class Oracle:
    """A world in which every answer is a formula of the architecture.

    All learning curves have one shape, logit(accuracy) = quality + ln(epochs / 30); quality is a sum of one random
    term for each choice. Every second proxy is quality and as much noise again, the others are noise. Latency is
    0.01 ms for each parameter, give or take a quarter, so that a model of it errs.

    Args:
        problem: whose profiles give the costs.
        seed: of the landscape.
        fails: the requests that get a reason instead of a value.
    """

    def __init__(
        self, problem: Problem, seed: int = 0, fails: Callable[[Request], bool] = lambda request: False
    ) -> None:
        self.problem, self.fails = problem, fails
        self.price = 0.01  # seconds of every estimate but a training
        self.terms = np.random.default_rng(seed).normal(size=(len(problem.space.options), max(problem.space.options)))

    def quality(self, architecture: Architecture) -> float:
        """Logit of the accuracy after 30 epochs: about normal over random architectures."""
        terms = [self.terms[i, c] for i, c in enumerate(architecture.choices)]
        return float(np.sum(terms) / np.sqrt(len(terms)))

    def accuracy(self, architecture: Architecture, epochs: float) -> float:
        return float(1 / (1 + FULL_EPOCHS / epochs * np.exp(-self.quality(architecture))))

    def latency_ms(self, architecture: Architecture) -> float:
        return 0.01 * self.problem.profile(architecture).params * (1 + 0.25 * np.sin(self._noise(architecture, "ms")))

    def proxy(self, architecture: Architecture, name: str) -> float:
        informed = crc32(name.encode()) % 2
        return informed * self.quality(architecture) + self._noise(architecture, name)

    def _noise(self, architecture: Architecture, name: str) -> float:
        return float(np.random.default_rng([crc32(name.encode()), *architecture.choices]).normal())

    def _trained(self, architecture: Architecture, fidelity: Fidelity) -> Estimate:
        """Under a bound in seconds, smaller networks see more epochs."""
        pace = 200 / (50 + self.problem.profile(architecture).params)  # epochs a second
        epochs = fidelity.epochs or (fidelity.seconds or 0.0) * pace
        curve = [self._point(architecture, share * epochs, pace) for share in (0.1, 0.3, 1.0)]
        value = self.accuracy(architecture, epochs)
        return Estimate.of(value, seconds=epochs / pace, epochs=epochs, train_seconds=epochs / pace, curve=curve)

    def _point(self, architecture: Architecture, epochs: float, pace: float) -> dict[str, float]:
        accuracy = self.accuracy(architecture, epochs)
        return {
            "step": round(100 * epochs),
            "epoch": epochs,
            "seconds": epochs / pace,
            "train_loss": 1 - accuracy,
            "validation_accuracy": accuracy,
            "items": 100,
        }

    def answer(self, request: Request) -> Record:
        architecture = request.architecture
        if self.fails(request):
            return Record(request, Estimate.failed("the oracle says so", seconds=self.price, curve=[]))
        if request.estimator == "epoch_seconds":
            pace = 1e-3 * self.latency_ms(architecture)
            return Record(request, Estimate.of(pace, seconds=self.price, steps_per_epoch=100))
        if request.fidelity is not None:
            return Record(request, self._trained(architecture, request.fidelity))
        value = self.latency_ms if request.estimator == "latency_ms" else partial(self.proxy, name=request.estimator)
        return Record(request, Estimate.of(value(architecture), seconds=self.price))

    def drive(self, strategy: Strategy) -> list[Record]:
        """Answer a strategy's requests until it is done; all records, in order."""
        records: list[Record] = []
        for _ in range(LARGEST_DRIVE):
            batch = strategy.ask()
            if not batch:
                return records
            answers = [self.answer(r) for r in batch]
            strategy.tell(answers)
            records += answers
        raise AssertionError(f"the strategy still asks after {LARGEST_DRIVE} batches")


@pytest.fixture(scope="session")
def toy() -> Space:
    """One space for all tests, so that its profiles are computed once."""
    return Toy()


@pytest.fixture(scope="session")
def oracle() -> type[Oracle]:
    """The class `Oracle`, which test files cannot import."""
    return Oracle


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A NASSAY_DATA with 24 cells of NAS-Bench-201 and made-up accuracies, 60, 61, ... percent in this order.

    The first is dead, the second and third are two encodings of one network: a single 3x3 convolution.
    """
    space, rng = NB201(), np.random.default_rng(0)
    choices = [(0,) * 6, (0, 0, 0, 3, 0, 0), (3, 0, 0, 3, 0, 0)]
    while len(choices) < 24:
        one = space.sample(rng).choices
        if one not in choices and not space.is_dead(Architecture("nb201", one)):
            choices.append(one)
    texts = [space.to_string(Architecture("nb201", one)) for one in choices]
    accuracies = [60.0 + i for i in range(len(texts))]
    folder = tmp_path / "data" / "tables"
    folder.mkdir(parents=True)
    columns = {"arch_str": texts, "cifar10_test_acc_200": accuracies}
    parquet.write_table(pyarrow.table(columns), folder / "nasbench201.parquet")
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path / "data"))
    return texts


class BenchWorkersHere:
    """Stands in for `Executor` in a benchmark of proxies: its worker answers in this process, through JSON.

    Attributes:
        started: the arguments of every executor that was made.
    """

    started: list[tuple[Any, ...]] = []

    def __init__(self, *arguments: Any) -> None:
        self.started.append(arguments)
        self._worker = BenchWorker()

    def run(self, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for i, job in enumerate(jobs):
            yield i, json.loads(json.dumps(self._worker.answer(job)))

    def close(self) -> None:
        pass


@pytest.fixture
def bench_workers(monkeypatch: pytest.MonkeyPatch) -> type[BenchWorkersHere]:
    """Benchmarks of proxies start no process."""
    monkeypatch.setattr(BenchWorkersHere, "started", [])
    monkeypatch.setattr(bench_folder, "Executor", BenchWorkersHere)
    return BenchWorkersHere


DEVICE_SHAPE, OVERHEAD_MS = (1, 8, 8), 0.005


def operator_ms(operator: Operator) -> float:
    """A microsecond for each thousand MACs, and two for anything."""
    return 0.002 + 1e-6 * operator.macs


@pytest.fixture(scope="session")
def device_form() -> Callable[..., dict[str, Any]]:
    """device_form(networks=12, speed=1.0, operators=True, **changes) -> the content of a profile's file.

    A network takes 0.03 ms and 0.7 of what its operators take alone; every third is held out.
    """

    def make(networks: int = 12, speed: float = 1.0, tabled: bool = True, seed: int = 0, **changes: Any) -> Any:
        space = spaces["nb201"].target(DEVICE_SHAPE, 10)
        rng, analytic = np.random.default_rng(seed), Analytic.of(space)
        drawn: dict[Any, None] = {}
        while len(drawn) < networks:
            drawn[space.sample(rng)] = None
        found = {a: operators(analytic.profile(a)) for a in drawn}
        rows: list[Mapping[str, Any]] = []
        for i, (a, known) in enumerate(found.items()):
            ms = speed * (0.03 + 0.7 * sum(map(operator_ms, known)))
            rows.append({"architecture": space.to_string(a), "held_out": i % 3 == 2, "median_ms": ms})
        every = sorted({o for known in found.values() for o in known})
        timed = [{**o.to_json(), "median_ms": speed * (operator_ms(o) + OVERHEAD_MS)} for o in every]
        empty = {**EMPTY.to_json(), "median_ms": speed * OVERHEAD_MS}
        return {
            "format": FORMAT,
            "version": VERSION,
            "device": {"name": "board", "processor": "formula", "runtime": "none", "threads": 1, "cores": 1,
                       "load_average": None},
            "energy": {"source": None, "reason": "there is no RAPL counter"},
            "space": "nb201",
            "input_shape": list(DEVICE_SHAPE),
            "classes": 10,
            "operators": [empty, *timed] if tabled else [],
            "networks": rows,
        } | changes  # fmt: skip

    return make
