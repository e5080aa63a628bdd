"""What a worker does: it trains and scores architectures from specifications in plain data."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.proxies import Batch, ProxyScorer
from nassay.estimators.supernets.methods import super_network, super_training
from nassay.estimators.supernets.training import SuperTraining
from nassay.estimators.topology import TopologyScorer, topologies
from nassay.estimators.training import Training
from nassay.spaces.base import Architecture, Space
from nassay.tasks.base import Task, tasks

Job = dict[str, Any]
PROBE_BATCH = 16  # images that zero-cost proxies see


class Bench:
    """What a worker keeps between jobs: the task, the space, the batch for proxies.

    Args:
        folder: run folder with `task/` and the study's `plan`, {space, task, seed}.
        plan: names and seed of the study.
        device: torch device name.
    """

    def __init__(self, folder: Path, plan: dict[str, Any], device: str = "cpu") -> None:
        self.folder, self.device, self.seed = folder, device, int(plan["seed"])
        self.task: Task = tasks[plan["task"]].target.load(folder / "task")
        self.spaces: dict[str, Space] = {}
        self._scorers: dict[tuple[str, ...], ProxyScorer] = {}
        self._super: tuple[tuple[str, int], SuperTraining] | None = None
        # A super-network is trained while no other worker has anything to do. Without a clock the machine's cores must
        # not change a result, as the number of threads changes the order of sums.
        self._all_threads = plan["workers"] * plan["threads"] if plan.get("minutes") and "workers" in plan else None

    def space(self, name: str) -> Space:
        """The space called `name`, for this task's inputs and outputs."""
        if name not in self.spaces:
            self.spaces[name] = self.task.space(name)
        return self.spaces[name]

    def train(self, space: str, choices: list[int], fidelity: Fidelity) -> Estimate:
        """Train or continue one architecture to a bound."""
        return self.training(Architecture(space, tuple(choices)), fidelity).run(fidelity)

    def train_supernet(self, space: str, choices: list[int], fidelity: Fidelity, rule: str) -> Estimate:
        """Train or continue the space's super-network to a bound; the choices do not matter."""
        del choices
        with computing_threads(self._all_threads):
            return self.super_training(space, rule, fidelity).run(fidelity)

    def inherit(self, space: str, choices: list[int], fidelity: Fidelity, rule: str) -> Estimate:
        """Validation metric of a sub-network with the weights of a super-network that was trained before."""
        return self.super_training(space, rule, fidelity).inherit(tuple(choices))

    def super_training(self, space: str, rule: str, fidelity: Fidelity) -> SuperTraining:
        """The training of the space's super-network as its checkpoint left it, or a fresh one."""
        name = sha256(f"{space} {rule} {fidelity.channels}".encode()).hexdigest()[:16]
        checkpoint = self.folder / "checkpoints" / f"super-{name}.pt"
        version = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        if self._super is None or self._super[0] != (name, version):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                network = super_network(rule, self.space(space), width=fidelity.channels)
            training = super_training(
                rule,
                network,
                self.task,
                seed=self.seed,
                checkpoint=checkpoint,
                fidelity=fidelity,
                device=self.device,
            )
            self._super = (name, version), training
        return self._super[1]

    def pace(self, space: str, choices: list[int], fidelity: Fidelity) -> Estimate:
        """Seconds that a training epoch of an architecture takes here."""
        return self.training(Architecture(space, tuple(choices)), fidelity, keep=False).pace(fidelity)

    def training(self, architecture: Architecture, fidelity: Fidelity, *, keep: bool = True) -> Training:
        """The architecture's training as its checkpoint left it, or a fresh one."""
        space = self.space(architecture.space)
        seed = int.from_bytes(sha256(f"{self.seed} {architecture}".encode()).digest()[:4], "big")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = space.build(architecture, width=fidelity.channels)
        return Training(
            network,
            self.task,
            seed=seed,
            checkpoint=self.checkpoint(architecture, fidelity) if keep else None,
            fidelity=fidelity,
            device=self.device,
        )

    def test(self, space: str, choices: list[int], fidelity: Fidelity) -> dict[str, Any]:
        """A finished network on the sealed test split: metrics, and its training. For the final table only."""
        training = self.training(Architecture(space, tuple(choices)), fidelity)
        metrics = self.task.metrics_of(*training.outputs(self.task.open_test()))
        return {
            "test_accuracy": metrics[self.task.metric],
            "test_metrics": metrics,
            "train_seconds": training.state.seconds,
            "epochs": training.epochs,
        }

    def checkpoint(self, architecture: Architecture, fidelity: Fidelity) -> Path:
        """Where the training of an architecture at a channel reduction is kept."""
        # resolution and samples may change on the way, weights are carried on
        name = sha256(f"{architecture} {fidelity.channels}".encode()).hexdigest()[:16]
        return self.folder / "checkpoints" / f"{name}.pt"

    def score(self, space: str, choices: list[list[int]], proxies: list[str]) -> list[dict[str, Estimate]]:
        """All asked scores of several architectures, each network probed once; graphs alone where that is enough."""
        architectures = [Architecture(space, tuple(c)) for c in choices]
        wanted = tuple(name for name in proxies if name not in topologies)
        if wanted and wanted not in self._scorers:
            self._scorers[wanted] = ProxyScorer(self.space(space), self._batch(), wanted, seed=self.seed)
        probed = self._scorers[wanted].score_all(architectures) if wanted else [{} for _ in architectures]
        read = TopologyScorer(self.space(space), [name for name in proxies if name in topologies])
        return [one | other for one, other in zip(probed, read.score_all(architectures), strict=True)]

    def _batch(self) -> Batch:
        """A fixed random batch of the training split, prepared as networks see it."""
        train = self.task.train
        rows = np.sort(np.random.default_rng([self.seed, 0xBA7C]).permutation(len(train))[:PROBE_BATCH])
        x = self.task.prepare(torch.from_numpy(np.array(train.x[rows])))
        return Batch(x, torch.from_numpy(np.array(train.y[rows])), self.task.proxy_loss)


@contextmanager
def computing_threads(count: int | None) -> Iterator[None]:
    """So many computing threads inside; as many as outside where it is None."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def answer(bench: Bench, job: Job) -> Any:
    """Do one job; a candidate that fails is an answer with a reason, only an error of the system is raised."""
    if job["kind"] == "score":
        scored = bench.score(job["space"], job["choices"], job["proxies"])
        return [{name: _plain(e) for name, e in one.items()} for one in scored]
    if job["kind"] == "test":
        return bench.test(job["space"], job["choices"], Fidelity(**job["fidelity"]))
    kinds: dict[str, Callable[..., Estimate]] = {
        "training": bench.train,
        "epoch_seconds": bench.pace,
        "supernet": bench.train_supernet,
        "inherited": bench.inherit,
    }
    rule = {"rule": job["rule"]} if "rule" in job else {}
    return attempted(partial(kinds[job["kind"]], job["space"], job["choices"], Fidelity(**job["fidelity"]), **rule))


def attempted(training: Callable[[], Estimate]) -> dict[str, Any]:
    """What a training gives, in plain data; where it fails the reason; errors of the system are raised."""
    started = time.perf_counter()
    try:
        return _plain(training())
    except OSError:
        raise
    except Exception as error:
        traceback.print_exc()
        reason = f"training raised {type(error).__name__}: {error}"
        return _plain(Estimate.failed(reason, seconds=time.perf_counter() - started))


def _plain(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "reason": estimate.reason,
        "seconds": estimate.seconds,
        "details": dict(estimate.details),
    }
