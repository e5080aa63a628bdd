"""Energy of one inference on this machine, in millijoules, where the machine has a counter; else the reason why not.

RAPL counts what processor packages use, NVML what a GPU uses (Volta and newer); both count all that runs there, idle
power included. Nothing is derived from time or from counts: without a counter there is no value.
"""

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, ClassVar, Protocol

import torch

from nassay.errors import UserError
from nassay.estimators.base import Estimate, Estimator
from nassay.estimators.devices.on_device import ENERGY_SECONDS, WARMUP, Rapl, inputs_for, open_session
from nassay.exports.onnx import to_onnx
from nassay.spaces.base import Architecture, Space


class Meter(Protocol):
    """A counter of energy; `reason` says why it cannot be read, None where it can."""

    name: str
    reason: str | None

    def energy_mj(self, run: Callable[[], object]) -> float:
        """Millijoules of one run, the mean over some time of runs."""


class Nvml:
    """The energy counter of a GPU, by nvidia-ml-py.

    Args:
        index: of the GPU.
        library: stands in for the module `pynvml`.
    """

    name = "NVML, whole GPU"

    def __init__(self, index: int = 0, library: Any = None) -> None:
        self.reason: str | None = None
        try:
            self._nvml = library or import_module("pynvml")
        except ImportError:
            self.reason = "nvidia-ml-py is not installed; pip install 'nassay[energy]'"
            return
        try:
            self._nvml.nvmlInit()
            self._gpu = self._nvml.nvmlDeviceGetHandleByIndex(index)
            self._read()
        except self._nvml.NVMLError as error:
            self.reason = f"the GPU's energy counter cannot be read: {error}"

    def energy_mj(self, run: Callable[[], object]) -> float:
        """Millijoules of one run, the mean over half a second of runs; a run has to wait for the GPU itself."""
        before, start, runs = self._read(), time.perf_counter(), 0
        while not runs or time.perf_counter() - start < ENERGY_SECONDS:
            run()
            runs += 1
        return (self._read() - before) / runs

    def _read(self) -> int:
        """Millijoules since the driver was loaded."""
        return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._gpu))


class EnergyEstimator(Estimator):
    """Measured energy of a space's architectures on this machine, in mJ for one image.

    Args:
        space: the space of the architectures.
        device: `cpu` runs them by ONNX Runtime on one thread, `cuda` by torch.
        meter: the counter; None for the device's own.

    Raises:
        UserError: another device.
    """

    name = "energy_mj"
    direction: ClassVar[int] = -1

    def __init__(self, space: Space, device: str = "cpu", meter: Meter | None = None) -> None:
        if device not in ("cpu", "cuda"):
            raise UserError(f"device must be cpu or cuda, found {device!r}.")
        self.space, self.device = space, device
        self.meter: Meter = meter or (Rapl() if device == "cpu" else Nvml())

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """One measurement for each architecture; `unavailable` and why where there is no counter."""
        return [self._estimate(a) for a in architectures]

    def _estimate(self, architecture: Architecture) -> Estimate:
        if self.meter.reason is not None:
            return Estimate.failed(f"unavailable: {self.meter.reason}")
        start = time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            network = self.space.build(architecture).eval()
        run = self._on_cpu(network) if self.device == "cpu" else self._on_cuda(network)
        for _ in range(WARMUP):
            run()
        value = self.meter.energy_mj(run)
        return Estimate.of(value, seconds=time.perf_counter() - start, meter=self.meter.name)

    def _on_cpu(self, network: torch.nn.Module) -> Callable[[], object]:
        session = open_session(to_onnx(network, self.space.input_shape))
        feed = inputs_for(session, (1, *self.space.input_shape))
        return lambda: session.run(None, feed)

    def _on_cuda(self, network: torch.nn.Module) -> Callable[[], object]:
        there, images = network.cuda(), torch.zeros(1, *self.space.input_shape, device="cuda")

        def run() -> None:
            with torch.no_grad():
                there(images)
            torch.cuda.synchronize()

        return run
