"""Latency on this machine, measured with ONNX Runtime on the CPU.

Runs are timed one by one, in short rounds. Other processes only ever make a run slower, and they do so in
bursts; so a round stands for its median, and the latency is the median of the faster half of the rounds.
Measuring stops after 0.1 s if that value has moved by less than 1 % over the last rounds, else after 0.4 s.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime
import torch
from torch import nn

from nassay.errors import UserError
from nassay.estimators.base import Estimate, Estimator
from nassay.exports.onnx import to_onnx
from nassay.spaces.base import Architecture, Space

PROVIDER = "CPUExecutionProvider"
_ROUND = 10  # runs
_STABLE_ROUNDS = 4
_TOLERANCE = 0.01
_SECONDS_MIN, _SECONDS_MAX = 0.1, 0.4


@dataclass(frozen=True, slots=True)
class Latency:
    """One measured latency and how it was measured.

    Attributes:
        median_ms: the latency: median of the faster half of the rounds' medians.
        p10_ms: 10th percentile of all timed runs.
        p90_ms: 90th percentile of all timed runs; far above `median_ms` on a busy machine.
        batch: inputs per run.
        threads: intra-op threads; the inter-op thread count is 1, without spinning.
        runs: timed runs.
        warmup: runs before the clock.
        runtime: ONNX Runtime's version.
        provider: ONNX Runtime's execution provider.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    batch: int
    threads: int
    runs: int
    warmup: int
    runtime: str
    provider: str


def measure_latency_ms(
    model: bytes | Path | nn.Module,
    input_shape: Sequence[int],
    *,
    batch: int = 1,
    threads: int = 1,
    warmup: int = 5,
    runs: int = 1000,
) -> Latency:
    """Times a model on this machine's CPU; takes at most about 0.4 s, or 10 runs where these take longer.

    Args:
        model: an ONNX file's bytes or path, or a module, which is exported first (about 0.3 s).
        input_shape: shape of one input without the batch dimension, such as (C, H, W).
        batch: inputs per run.
        threads: threads inside an operation.
        warmup: untimed runs.
        runs: timed runs at most; fewer where the value is stable earlier.

    Raises:
        UserError: batch, threads or runs below 1, or warmup below 0.
    """
    if min(batch, threads, runs) < 1 or warmup < 0:
        raise UserError(f"batch, threads and runs are at least 1, found {batch=} {threads=} {runs=} {warmup=}.")
    session = _session(model, input_shape, threads)
    feed = {session.get_inputs()[0].name: _inputs((batch, *input_shape))}
    for _ in range(warmup):
        session.run(None, feed)
    rounds = _timed_rounds(session, feed, runs)
    times_ms = np.concatenate(rounds)
    p10_ms, p90_ms = np.percentile(times_ms, [10, 90])
    return Latency(
        median_ms=_central(rounds),
        p10_ms=float(p10_ms),
        p90_ms=float(p90_ms),
        batch=batch,
        threads=threads,
        runs=len(times_ms),
        warmup=warmup,
        runtime=onnxruntime.__version__,
        provider=PROVIDER,
    )


def _session(model: bytes | Path | nn.Module, input_shape: Sequence[int], threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if isinstance(model, nn.Module):
        model = to_onnx(model, input_shape)
    source = model if isinstance(model, bytes) else os.fspath(model)
    return onnxruntime.InferenceSession(source, options, providers=[PROVIDER])


def _inputs(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _timed_rounds(session: onnxruntime.InferenceSession, feed: dict[str, np.ndarray], runs: int) -> list[np.ndarray]:
    """Times in ms, in rounds; the first round is always whole."""
    rounds: list[np.ndarray] = []
    centers: list[float] = []
    start = time.perf_counter()
    while runs > 0 and (not rounds or time.perf_counter() - start < _SECONDS_MAX):
        rounds.append(np.array([_run_ms(session, feed) for _ in range(min(_ROUND, runs))]))
        runs -= len(rounds[-1])
        centers.append(_central(rounds))
        recent = centers[-_STABLE_ROUNDS:]
        stable = len(recent) == _STABLE_ROUNDS and max(recent) - min(recent) < _TOLERANCE * min(recent)
        if stable and time.perf_counter() - start > _SECONDS_MIN:
            break
    return rounds


def _run_ms(session: onnxruntime.InferenceSession, feed: dict[str, np.ndarray]) -> float:
    start = time.perf_counter_ns()
    session.run(None, feed)
    return (time.perf_counter_ns() - start) / 1e6


def _central(rounds: Sequence[np.ndarray]) -> float:
    medians = sorted(float(np.median(r)) for r in rounds)
    return float(np.median(medians[: (len(medians) + 1) // 2]))


class LatencyEstimator(Estimator):
    """Measured latency of a space's architectures on this machine, in ms.

    Weights don't change the latency, so networks are built with whatever initialisation the space gives; the
    global random state is restored.

    Args:
        space: the space of the architectures.
        batch: inputs per run.
        threads: threads inside an operation.
    """

    name = "latency_ms"
    direction: ClassVar[int] = -1

    def __init__(self, space: Space, *, batch: int = 1, threads: int = 1) -> None:
        self.space = space
        self.batch = batch
        self.threads = threads
        self._measured: dict[Architecture, Estimate] = {}

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """One measurement for each distinct architecture; details hold spread and settings."""
        return [self._estimate(self.space.canonical(a)) for a in architectures]

    def _estimate(self, architecture: Architecture) -> Estimate:
        if architecture in self._measured:
            return replace(self._measured[architecture], seconds=0.0)
        start = time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            network = self.space.build(architecture)
        try:
            found = measure_latency_ms(network, self.space.input_shape, batch=self.batch, threads=self.threads)
        except RuntimeError as error:  # what torch's exporter and ONNX Runtime raise
            return Estimate.failed(f"not measured: {error}", seconds=time.perf_counter() - start)
        seconds = time.perf_counter() - start
        self._measured[architecture] = Estimate.of(found.median_ms, seconds=seconds, **asdict(found))
        return self._measured[architecture]
