"""Latency on this machine, measured with ONNX Runtime on the CPU; how runs are timed is written in `on_device`."""

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
from nassay.estimators.devices.on_device import PROVIDER, central, inputs_for, open_session, timed_rounds
from nassay.exports.onnx import to_onnx
from nassay.spaces.base import Architecture, Space


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
    session = open_session(_source(model, input_shape), threads)
    feed = inputs_for(session, (batch, *input_shape))
    for _ in range(warmup):
        session.run(None, feed)
    rounds = timed_rounds(lambda: session.run(None, feed), runs)
    times_ms = np.concatenate(rounds)
    p10_ms, p90_ms = np.percentile(times_ms, [10, 90])
    return Latency(
        median_ms=central(rounds),
        p10_ms=float(p10_ms),
        p90_ms=float(p90_ms),
        batch=batch,
        threads=threads,
        runs=len(times_ms),
        warmup=warmup,
        runtime=onnxruntime.__version__,
        provider=PROVIDER,
    )


def _source(model: bytes | Path | nn.Module, input_shape: Sequence[int]) -> bytes | str:
    if isinstance(model, nn.Module):
        return to_onnx(model, input_shape)
    return model if isinstance(model, bytes) else os.fspath(model)


class LatencyEstimator(Estimator):
    """Measured latency of a space's architectures on this machine, in ms, as a task deploys them (`Space.deployed`).

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
        deployed = network if self.space.deployed is None else self.space.deployed(network)
        try:
            found = measure_latency_ms(deployed, self.space.input_shape, batch=self.batch, threads=self.threads)
        except OSError:
            raise
        except Exception as error:  # torch's exporter and ONNX Runtime raise kinds of their own
            return Estimate.failed(f"not measured: {error}", seconds=time.perf_counter() - start)
        seconds = time.perf_counter() - start
        self._measured[architecture] = Estimate.of(found.median_ms, seconds=seconds, **asdict(found))
        return self._measured[architecture]
