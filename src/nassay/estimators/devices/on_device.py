"""Times networks on the machine that this file runs on. It needs Python, ONNX Runtime and NumPy, and nothing else.

    python measure.py models.zip --out mydevice.json

`nassay device kit` copies this file, as measure.py, beside the models.zip that it reads. Bring the JSON file back; with
`nassay search IMAGES --device-profile mydevice.json --max-latency-ms 20` the limit is then one on this machine.

Runs are timed one by one, in short rounds. Other processes only ever make a run slower, and they do so in bursts; so a
round stands for its median, and the latency is the median of the faster half of the rounds. Measuring stops after
0.1 s if that value has moved by less than 1 % over the last rounds, else after 0.4 s. With one thread the clock here is
the processor time of that thread, so that what others take of a busy machine is not counted; on an idle machine the two
are the same.

Energy is read from RAPL's counter of the whole processor package (Linux, Intel and AMD), everything else that runs
there included. Where there is no such counter, the file says so and holds no energies.
"""

from __future__ import annotations  # boards have old Pythons, 3.8 suffices

import argparse
import json
import os
import platform
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMAT, VERSION = "nassay device profile", 1
MANIFEST = "manifest.json"
PROVIDER = "CPUExecutionProvider"
ROUND = 10  # runs
STABLE_ROUNDS = 4
TOLERANCE = 0.01
SECONDS_MIN, SECONDS_MAX = 0.1, 0.4
WARMUP = 5  # runs before the clock
ENERGY_SECONDS = 0.5  # RAPL's counter moves every millisecond
RAPL = Path("/sys/class/powercap")


# Time --------------------------------------------------------------------------------------------------------------


def open_session(model: bytes | str, threads: int = 1) -> onnxruntime.InferenceSession:
    """A model for the CPU; operations run one after the other and no thread spins.

    Args:
        model: an ONNX file's bytes or path.
        threads: inside an operation.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=[PROVIDER])


def inputs_for(session: onnxruntime.InferenceSession, shape: Sequence[int]) -> dict[str, np.ndarray]:
    """Standard normal numbers of a shape, batch included, under the name of the session's one input."""
    images = np.random.default_rng(0).standard_normal(tuple(shape), dtype=np.float32)
    return {session.get_inputs()[0].name: images}


def clock_for(threads: int) -> Callable[[], int]:
    """Nanoseconds of this thread's processor time where one thread computes and the system counts finely enough."""
    fine = time.get_clock_info("thread_time").resolution < 1e-6
    return time.thread_time_ns if threads == 1 and fine else time.perf_counter_ns


def run_ms(run: Callable[[], object], clock: Callable[[], int]) -> float:
    """Milliseconds of one run."""
    start = clock()
    run()
    return (clock() - start) / 1e6


def timed_rounds(
    run: Callable[[], object], runs: int, clock: Callable[[], int] = time.perf_counter_ns
) -> list[np.ndarray]:
    """Milliseconds of at most `runs` runs, in rounds; the first round is always whole.

    Args:
        run: what is timed.
        runs: how often at most.
        clock: gives nanoseconds; wall-clock by default.
    """
    rounds: list[np.ndarray] = []
    centers: list[float] = []
    start = clock()
    while runs > 0 and (not rounds or clock() - start < 1e9 * SECONDS_MAX):
        rounds.append(np.array([run_ms(run, clock) for _ in range(min(ROUND, runs))]))
        runs -= len(rounds[-1])
        centers.append(central(rounds))
        recent = centers[-STABLE_ROUNDS:]
        stable = len(recent) == STABLE_ROUNDS and max(recent) - min(recent) < TOLERANCE * min(recent)
        if stable and clock() - start > 1e9 * SECONDS_MIN:
            break
    return rounds


def central(rounds: Sequence[np.ndarray]) -> float:
    """The median of the faster half of the rounds' medians."""
    medians = sorted(float(np.median(r)) for r in rounds)
    return float(np.median(medians[: (len(medians) + 1) // 2]))


# Energy ------------------------------------------------------------------------------------------------------------


class Rapl:
    """The energy counter of processor packages, in Linux's powercap tree; other zones (`psys`) count them again.

    Args:
        folder: of the tree.

    Attributes:
        reason: why energy cannot be read, one sentence; None where it can.
    """

    name = "RAPL, whole processor package"

    def __init__(self, folder: Path = RAPL) -> None:
        self._zones: list[Path] = []
        self.reason: str | None = None
        try:
            found = (z for z in folder.glob("intel-rapl:*") if z.name.count(":") == 1)
            self._zones = sorted(z for z in found if (z / "name").read_text().startswith("package"))
            if not self._zones:
                self.reason = f"there is no RAPL counter in {folder}"
            self._ranges = [int((z / "max_energy_range_uj").read_text()) for z in self._zones]
            self._read()
        except (OSError, ValueError) as error:
            self.reason = f"the RAPL counter cannot be read: {error}; only root may, on most systems"

    def energy_mj(self, run: Callable[[], object]) -> float:
        """Millijoules of one run, the mean over half a second of runs; what is idle or runs besides is included."""
        before, start, runs = self._read(), time.perf_counter(), 0
        while not runs or time.perf_counter() - start < ENERGY_SECONDS:
            run()
            runs += 1
        after = self._read()
        return sum((after[i] - before[i]) % (r + 1) for i, r in enumerate(self._ranges)) / 1e3 / runs

    def _read(self) -> list[int]:
        """Microjoules, by package; a counter starts again at 0 past its range."""
        return [int((z / "energy_uj").read_text()) for z in self._zones]


# The kit -----------------------------------------------------------------------------------------------------------


def measure(model: bytes, shape: Sequence[int], threads: int = 1, meter: Rapl | None = None) -> dict[str, Any]:
    """One model's latency, and its energy where there is a meter.

    Args:
        model: an ONNX file's bytes.
        shape: of the input, batch included.
        threads: inside an operation.
        meter: whose `reason` is None.
    """
    session = open_session(model, threads)
    feed = inputs_for(session, shape)

    def run() -> object:
        return session.run(None, feed)

    for _ in range(WARMUP):
        run()
    rounds = timed_rounds(run, 1000, clock_for(threads))
    p10_ms, p90_ms = np.percentile(np.concatenate(rounds), [10, 90])
    found = {"median_ms": central(rounds), "p10_ms": float(p10_ms), "p90_ms": float(p90_ms)}
    return found if meter is None else {**found, "energy_mj": meter.energy_mj(run)}


def measure_kit(
    kit: Path, *, name: str = "", threads: int = 1, progress: Callable[[int, int], object] = lambda *_: None
) -> dict[str, Any]:
    """Everything in a kit, in its order; the networks that judge the model once more at the end, for the noise.

    Args:
        kit: models.zip.
        name: what to call this machine; its own name by default.
        threads: inside an operation.
        progress: is told how many models are done, and of how many.

    Returns:
        The JSON-ready profile: the kit's manifest with measurements in every row.
    """
    meter = Rapl()
    with zipfile.ZipFile(kit) as archive:
        found = json.loads(archive.read(MANIFEST))
        rows = [*found["operators"], *found["networks"]]
        for i, row in enumerate(rows):
            energy = meter if meter.reason is None and "architecture" in row else None
            row.update(measure(archive.read(row["file"]), row["input_shape"], threads, energy))
            progress(i + 1, len(rows))
        for row in found["networks"]:
            if row["held_out"]:
                row["again_ms"] = measure(archive.read(row["file"]), row["input_shape"], threads)["median_ms"]
    for row in rows:
        del row["file"]
    energy_source = {"source": None if meter.reason else meter.name, "reason": meter.reason}
    return {"device": machine(name, threads), "energy": energy_source, **found}


def machine(name: str, threads: int) -> dict[str, Any]:
    """What is known of this machine."""
    return {
        "name": name or platform.node() or "unnamed",
        "machine": platform.machine(),
        "processor": processor(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "runtime": f"ONNX Runtime {onnxruntime.__version__}",
        "provider": PROVIDER,
        "threads": threads,
        "clock": "processor time" if clock_for(threads) is time.thread_time_ns else "wall-clock",
        "batch": 1,
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text(errors="replace").splitlines() if info.exists() else []:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or "unknown"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("kit", type=Path, nargs="?", default=Path(__file__).with_name("models.zip"))
    parser.add_argument("--out", type=Path, default=Path("mydevice.json"))
    parser.add_argument("--name", default="", help="what to call this machine; its own name by default")
    parser.add_argument("--threads", type=int, default=1, help="inside an operation")
    given = parser.parse_args()

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total}", end="", file=sys.stderr, flush=True)

    found = measure_kit(given.kit, name=given.name, threads=given.threads, progress=progress)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"\n{given.out} written. Bring it back and give it as --device-profile.", file=sys.stderr)


if __name__ == "__main__":
    main()
