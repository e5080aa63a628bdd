"""What a super-network's training step costs beside that of the network it goes through: time, and memory.

    python benchmarks/supernet_speed.py --steps 40

Time: super-networks of `nb201` (16 channels, one cell a stage, 32 x 32, batch 64) by SPOS, MANAS and GDAS, each step
beside the same passes through the same networks built alone, one after the other; ordered dropout with four groups on
`bypass` beside a step of the full-width network. Medians of the ratios of neighbouring steps, by the wall clock and by
the process's CPU time, which another program on the machine disturbs less. Images are noise: nothing here depends on
them.

Memory: the most that a step keeps for its backward passes, counted exactly (`estimators/supernets/memory.py`), of
MANAS on random paths and of DARTS's mixture, with five operations (`nb201`, five cells a stage) and with eight
(`darts`, eight cells).

Writes `benchmarks/results/supernet_speed.md` and `.json`.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.agents import AgentSearch
from nassay.estimators.supernets.bandits import Exp3Agents
from nassay.estimators.supernets.differentiable import DifferentiableSearch
from nassay.estimators.supernets.memory import SavedActivations
from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.supernets.relaxations import RELAXATIONS
from nassay.estimators.training import Recipe, Training
from nassay.spaces.base import Architecture, Space
from nassay.spaces.bypass import BypassSpace
from nassay.spaces.darts import DARTSCells
from nassay.spaces.nb201 import NB201
from nassay.tasks.base import Task, task_from

RESULTS = Path(__file__).parent / "results"
SHAPE, BATCH = (3, 32, 32), 64
WARM = 3  # untimed steps
MEMORY_BATCH, MEMORY_STEPS = 8, 24
Timed = Callable[[], None]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=40, help="timed pairs of steps")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    task = noise()
    times = [measure(task, args.steps) for measure in (spos, manas, gdas, ordered_dropout)]
    memory = [kept(NB201(SHAPE, 10)), kept(DARTSCells(SHAPE, 10))]
    command = f"python benchmarks/supernet_speed.py --steps {args.steps} --threads {args.threads}"
    found = {"command": command, "steps": args.steps, "times": times, "memory": memory}
    (RESULTS / "supernet_speed.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (RESULTS / "supernet_speed.md").write_text(page(found), "utf-8")


def noise() -> Task:
    rng = np.random.default_rng(0)
    return task_from((rng.integers(0, 256, (2800, *SHAPE), dtype=np.uint8), np.arange(2800) % 10), seed=0)


# Time ----------------------------------------------------------------------------------------------------------------


def spos(task: Task, steps: int) -> dict[str, Any]:
    """A step of single paths beside a step of the path's network alone."""
    space = small()
    training = PathTraining(SuperNet(space), task, "spos")

    def pair() -> tuple[Timed, Timed]:
        alone = alone_on(task, space, training.paths(training.state.step)[0])
        return step_of(training), step_of(alone)

    return ratios("SPOS", "a step of the path alone", pair, steps)


def manas(task: Task, steps: int) -> dict[str, Any]:
    """A step of MANAS beside a step of the path alone and a forward pass of it on held-out images."""
    space = small()
    training = AgentSearch(SuperNet(space), task, Exp3Agents(space.options))

    def pair() -> tuple[Timed, Timed]:
        path = training.agents.draw(np.random.default_rng([training.seed, training.state.step, 0xA6]))
        alone = alone_on(task, space, path)

        def passes() -> None:
            step_of(alone)()
            x, _ = training._held_out_batch()
            with torch.no_grad():
                alone.network(x)

        return step_of(training), passes

    return ratios("MANAS", "a step and a forward pass of the path alone", pair, steps)


def gdas(task: Task, steps: int) -> dict[str, Any]:
    """A step of GDAS beside gradients of the first drawn network on held-out images and a step of the second."""
    space = small()
    training = DifferentiableSearch(SuperNet(space), task, RELAXATIONS["gdas"])

    def pair() -> tuple[Timed, Timed]:
        generator = torch.Generator().manual_seed(training.seed + 7919 * training.state.step)
        draws = [training.relaxation.mix(training.logits, training._done, generator) for _ in range(2)]
        first, second = (alone_on(task, space, tuple(int(w.argmax()) for w in draw)) for draw in draws)

        def passes() -> None:
            x, y = training._held_out_batch()
            loss = first.criterion(first.network.train()(x), y)
            torch.autograd.grad(loss, list(first.network.parameters()), allow_unused=True)
            step_of(second)()

        return step_of(training), passes

    return ratios("GDAS", "gradients of the first network, a step of the second", pair, steps)


def ordered_dropout(task: Task, steps: int) -> dict[str, Any]:
    """A step with four groups beside a step of the full-width network."""
    space = BypassSpace(SHAPE, 10)
    training = PathTraining(SuperNet(space), task, "ordered_dropout")
    alone = alone_on(task, space, tuple(n - 1 for n in space.options))
    return ratios("ordered dropout, 4 groups", "a full-width step", lambda: (step_of(training), step_of(alone)), steps)


def small() -> Space:
    return NB201(SHAPE, 10, channels=16, cells=1)


def alone_on(task: Task, space: Space, path: tuple[int, ...]) -> Training:
    """A network's own training, its first step done."""
    training = Training(space.build(Architecture(space.name, path)), task)
    training._step(None)
    return training


def step_of(training: Training) -> Timed:
    return lambda: float_of(training._step(None))


def float_of(loss: float) -> None:
    """The loss has been waited for."""
    assert loss == loss, "the loss became NaN"


def ratios(what: str, beside: str, pair: Callable[[], tuple[Timed, Timed]], steps: int) -> dict[str, Any]:
    """Both timed one after the other, which one first by turns."""
    times = []
    for i in range(WARM + steps):
        timed = list(enumerate(pair()))
        seconds = np.zeros((2, 2))
        for which, run in timed if i % 2 else timed[::-1]:
            ticks = clocks()
            run()
            seconds[:, which] = clocks() - ticks
        times.append(seconds)
    found, cpu = np.array(times[WARM:]).transpose(1, 0, 2)
    each = found[:, 0] / found[:, 1]
    print(what, float(np.median(each)), float(np.median(cpu[:, 0] / cpu[:, 1])), flush=True)
    return {
        "what": what,
        "beside": beside,
        "ratio": float(np.median(each)),
        "quartiles": np.percentile(each, [25, 75]).tolist(),
        "cpu_ratio": float(np.median(cpu[:, 0] / cpu[:, 1])),
        "step_ms": 1e3 * float(np.median(found[:, 0])),
        "beside_ms": 1e3 * float(np.median(found[:, 1])),
    }


def clocks() -> np.ndarray:
    """Wall clock and CPU time, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


# Memory --------------------------------------------------------------------------------------------------------------


def kept(space: Space) -> dict[str, Any]:
    """Bytes of MANAS's steps and of DARTS's."""
    task, recipe = noise(), Recipe(batch_size=MEMORY_BATCH)
    torch.manual_seed(0)
    darts = DifferentiableSearch(SuperNet(space), task, RELAXATIONS["darts"], recipe=recipe)
    manas = AgentSearch(SuperNet(space), task, Exp3Agents(space.options), recipe=recipe)
    mixture = peak(darts)
    paths = [peak(manas) for _ in range(MEMORY_STEPS)]
    print(space.name, np.mean(paths) / mixture, max(paths) / mixture, flush=True)
    return {
        "space": space.name,
        "operations": space.options[0],
        "darts_bytes": mixture,
        "manas_bytes": float(np.mean(paths)),
        "ratio": float(np.mean(paths)) / mixture,
        "largest": max(paths) / mixture,
    }


def peak(training: Training) -> int:
    """The most that one step keeps."""
    with SavedActivations(training.network) as saved:
        training._step(None)
    return saved.peak_bytes


def page(found: dict[str, Any]) -> str:
    """Both tables."""
    lines = [
        "# Super-networks: time and memory of a step",
        "",
        f"`{found['command']}`: batch {BATCH}, `nb201` with 16 channels and one cell a stage, 3 x 32 x 32. Ratios are",
        f"of {found['steps']} neighbouring pairs of steps, median and quartiles.",
        "",
        "| step | beside | ratio | quartiles | ratio of CPU time | step, ms | beside, ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for t in found["times"]:
        low, high = t["quartiles"]
        lines.append(
            f"| {t['what']} | {t['beside']} | {t['ratio']:.3f} | {low:.3f}..{high:.3f} | {t['cpu_ratio']:.3f} "
            f"| {t['step_ms']:.1f} | {t['beside_ms']:.1f} |"
        )
    lines += [
        "",
        f"Activations kept for the backward pass, the most of a step, batch {MEMORY_BATCH}; MANAS over {MEMORY_STEPS} "
        "steps:",
        "",
        "| space | operations | DARTS, MB | MANAS, MB | mean ratio | largest |",
        "|---|---|---|---|---|---|",
    ]
    for m in found["memory"]:
        sizes = f"{m['darts_bytes'] / 1e6:.1f} | {m['manas_bytes'] / 1e6:.1f}"
        lines.append(f"| {m['space']} | {m['operations']} | {sizes} | {m['ratio']:.3f} | {m['largest']:.3f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
