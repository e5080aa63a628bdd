"""How fast the default screen goes, where its time goes, and what the engine around it costs.

    python benchmarks/screening_speed.py

Two measurements on the `mobile` space at 3x32x32, 10 classes:

- the screen: random networks of all sizes scored by the cascade's proxies as a worker scores them, one thread;
- the engine: a whole study, ledger and job pipe included, whose workers answer at once.

Writes `benchmarks/results/screening_speed.json` and `.md`.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.estimators.base import Estimate
from nassay.estimators.proxies import passes, probe, scorer
from nassay.spaces.base import Architecture
from nassay.spaces.mobile import Mobile
from nassay.strategies.cascade import PROXIES, SCREEN_SHARE
from nassay.strategies.problem import Constraints, Problem
from nassay.studies.evaluate import SCORED_TOGETHER
from nassay.studies.ledger import Ledger
from nassay.studies.listener import Listener
from nassay.studies.plan import Plan, claim, locked
from nassay.studies.study import Study
from nassay.studies.worker import PROBE_BATCH, Bench, Job, answer
from nassay.tasks.base import Task, task_from

RESULTS = Path(__file__).parent / "results"
SHAPE, CLASSES = (3, 32, 32), 10
TARGET_MS = 2.0  # engine and ledger, a candidate
MINUTES = 20.0  # of the study that the engine believes to run
ACTIVITIES = {
    "build": "building the network",
    "draw weights": "drawing and copying weights",
    "forward": "forward passes",
    "backward": "backward passes",
    "proxies": "the proxies' own arithmetic",
    "probe": "the probe's bookkeeping",
    "sample": "sampling, with the counts of every draw",
    "ledger": "writing the ledger",
}
NETWORK = ("build", "draw weights", "forward", "backward")


@dataclass
class Stopwatch:
    """Seconds inside wrapped functions; a function called by another wrapped one counts for itself only."""

    seconds: dict[str, float] = field(default_factory=dict)
    _inner: list[float] = field(default_factory=lambda: [0.0])

    @contextmanager
    def times(self, owner: Any, name: str, label: str) -> Iterator[None]:
        """Book the time inside `owner.name` under `label` while this context lasts."""
        function = getattr(owner, name)
        setattr(owner, name, self._timed(function, label))
        try:
            yield
        finally:
            setattr(owner, name, function)

    def _timed(self, function: Callable[..., Any], label: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                whole = time.perf_counter() - start
                own = whole - self._inner.pop()
                self._inner[-1] += whole
                self.seconds[label] = self.seconds.get(label, 0.0) + own

        return timed


class ScreenIsOver(Exception):
    """Ends the study after its screen."""


class PhaseTimes(Listener):
    """Notes when phases begin; stops the study when the screen is over."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def phase(self, name: str, remaining_seconds: float | None) -> None:  # noqa: ARG002
        """A phase begins."""
        self.began.setdefault(name, time.perf_counter())
        if name == "adapt":
            raise ScreenIsOver


class Instant:
    """An executor whose workers answer at once, through the same JSON as real ones.

    Args:
        seconds: what each proxy claims to have cost; the cascade sizes its screen by it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._rng = np.random.default_rng(0)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Random scores, and an equal pace of training, for every job, in order."""
        for i, job in enumerate(jobs):
            asked = json.loads(json.dumps(job))
            if asked["kind"] == "pace":
                yield i, {"value": 1.0, "reason": None, "seconds": 0.0, "details": {"steps_per_epoch": 100}}
                continue
            scores = [{name: self._estimate() for name in asked["proxies"]} for _ in asked["choices"]]
            yield i, json.loads(json.dumps({"answer": scores}))["answer"]

    def close(self) -> None:
        """Nothing to end."""

    def _estimate(self) -> dict[str, Any]:
        return {"value": float(self._rng.random()), "reason": None, "seconds": self._seconds, "details": {}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--scored", type=int, default=128, help="networks of the screen")
    parser.add_argument("--passed", type=int, default=1024, help="networks that pass through the engine")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (400, *SHAPE), dtype=np.uint8)
    task = task_from((x, np.arange(400) % CLASSES), seed=0)
    found = {
        "screen": time_screen(task, args.scored),
        "engine": time_engine(task, args.passed),
        "settings": {
            "space": Mobile.name,
            "input_shape": list(SHAPE),
            "proxies": list(PROXIES),
            "batch": PROBE_BATCH,
            "threads": 1,
            "cores": os.cpu_count(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    text = page(found)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "screening_speed.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (RESULTS / "screening_speed.md").write_text(text, "utf-8")
    sys.stdout.write(text)


def time_screen(task: Task, count: int) -> dict[str, Any]:
    """Score `count` networks as one worker does, in jobs of the usual size; milliseconds a candidate by activity."""
    watch, processor = Stopwatch(), 0.0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, plan = Path(name), plan_of(None)
        claim(folder, plan, task)
        bench, ledger = Bench(folder, plan.to_dict()), Ledger.in_folder(folder)
        stack.callback(ledger.close)
        space = bench.space(Mobile.name)
        warm_up = [space.sample(np.random.default_rng(1)) for _ in range(3)]
        score(bench, warm_up)
        for owner, function, label in (
            (space, "build", "build"),
            (passes, "tensors_for", "draw weights"),
            (passes.Pass, "forward", "forward"),
            (torch.autograd, "grad", "backward"),
            (passes.Pass, "on_stage", "proxies"),
            (passes.Pass, "on_activation", "proxies"),
            (passes.Pass, "run", "proxies"),
            (probe, "_value", "proxies"),
            (scorer, "score", "probe"),
        ):
            stack.enter_context(watch.times(owner, function, label))
        watch.seconds.clear()
        processor, start = time.process_time(), time.perf_counter()
        drawn = list(islice(Problem(space).stream("screen", all_sizes=True), count))
        watch.seconds["sample"] = time.perf_counter() - start
        for begin in range(0, count, SCORED_TOGETHER):
            chunk = drawn[begin : begin + SCORED_TOGETHER]
            answers = score(bench, chunk)
            start = time.perf_counter()
            ledger.add(rows(space, chunk, answers), "screen")
            watch.seconds["ledger"] = watch.seconds.get("ledger", 0.0) + time.perf_counter() - start
        processor = time.process_time() - processor
    total = sum(watch.seconds.values())
    return {
        "candidates": count,
        "seconds": total,
        "processor_share": processor / total,
        "candidates_per_second": count / total,
        "network_share": sum(watch.seconds[k] for k in NETWORK) / total,
        "proxies_share": watch.seconds["proxies"] / total,
        "ms_per_candidate": {k: 1e3 * v / count for k, v in watch.seconds.items()},
    }


def plan_of(minutes: float | None) -> Plan:
    """A study of one worker; without minutes, of 16 trainings."""
    return Plan(
        source="noise",
        task="classification",
        space=Mobile.name,
        strategy="cascade",
        constraints=Constraints(),
        minutes=minutes,
        evaluations=16 if minutes is None else None,
        seed=0,
        workers=1,
        threads=1,
        device="cpu",
    )


def score(bench: Bench, architectures: Sequence[Architecture]) -> Any:
    """One scoring job, answered as a worker answers it."""
    choices = [list(a.choices) for a in architectures]
    return answer(bench, {"kind": "score", "space": Mobile.name, "choices": choices, "proxies": list(PROXIES)})


def rows(space: Mobile, architectures: Sequence[Architecture], answers: Any) -> list[Any]:
    """What the ledger keeps of a scoring job."""
    return [
        ((space.to_string(a), name, ""), Estimate(**scores[name]))
        for a, scores in zip(architectures, answers, strict=True)
        for name in PROXIES
    ]


def time_engine(task: Task, count: int) -> dict[str, Any]:
    """Take `count` networks through a study whose workers answer at once; milliseconds a candidate."""
    watch, phases = Stopwatch(), PhaseTimes()
    plan = plan_of(MINUTES)
    seconds = SCREEN_SHARE * plan.budget.search_seconds / (count * len(PROXIES))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(locked(folder))
        claim(folder, plan, task)
        study = stack.enter_context(Study(folder, plan, task, phases))
        study.evaluator.executor = Instant(seconds)  # type: ignore[assignment]
        stack.enter_context(watch.times(study.problem, "sample", "sample"))
        stack.enter_context(watch.times(study.ledger, "add", "ledger"))
        processor = time.process_time()
        with suppress(ScreenIsOver):
            study.search()
        processor = time.process_time() - processor
        whole = phases.began["adapt"] - phases.began["feasible"]
        passed = len({r["architecture"] for r in study.ledger.records()})
    overhead = whole - watch.seconds["sample"]
    return {
        "candidates": passed,
        "evaluations": passed * len(PROXIES),
        "overhead_ms_per_candidate": 1e3 * overhead / passed,
        "ledger_ms_per_candidate": 1e3 * watch.seconds["ledger"] / passed,
        "sampling_ms_per_candidate": 1e3 * watch.seconds["sample"] / passed,
        "target_ms_per_candidate": TARGET_MS,
        "processor_share": processor / whole,
    }


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    screen, engine, settings = found["screen"], found["engine"], found["settings"]
    lines = [
        "# Screening speed",
        "",
        "`python benchmarks/screening_speed.py`: the cascade's default screen "
        f"({', '.join(settings['proxies'])}) on `{settings['space']}` at "
        f"{'x'.join(map(str, settings['input_shape']))}, {CLASSES} classes, batch {settings['batch']}, one process of "
        f"one thread on a machine of {settings['cores']} cores, torch {settings['torch']}.",
        "",
        f"**{screen['candidates_per_second']:.1f} candidates per second** ({screen['candidates']} networks of all "
        f"sizes in {screen['seconds']:.1f} s). Network computation is **{screen['network_share']:.1%}** of the time, "
        f"the proxies' own arithmetic another {screen['proxies_share']:.1%}.",
        "",
        "| activity | ms a candidate | share |",
        "|---|---:|---:|",
    ]
    whole = sum(screen["ms_per_candidate"].values())
    lines += [
        f"| {ACTIVITIES[key]} | {screen['ms_per_candidate'][key]:.2f} | {screen['ms_per_candidate'][key] / whole:.1%} |"
        for key in ACTIVITIES
    ]
    verdict = "kept" if engine["overhead_ms_per_candidate"] < TARGET_MS else "missed"
    lines += [
        "",
        f"**Engine and ledger cost {engine['overhead_ms_per_candidate']:.2f} ms a candidate** (target: below "
        f"{TARGET_MS:g} ms, {verdict}): a whole study of {engine['candidates']} candidates, "
        f"{engine['evaluations']} evaluations, whose workers answer at once. "
        f"{engine['ledger_ms_per_candidate']:.2f} ms of it write the ledger. Sampling inside the limits, with the "
        "counts of parameters, MACs and memory that it needs, comes on top: "
        f"{engine['sampling_ms_per_candidate']:.2f} ms, less the longer it goes on, because counts are kept piece by "
        "piece.",
        "",
        f"The process had {screen['processor_share']:.0%} of a core during the screen and "
        f"{engine['processor_share']:.0%} in the engine's study; the more other processes take, the slower all this "
        "reads.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
