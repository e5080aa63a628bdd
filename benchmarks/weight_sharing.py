"""What weight sharing does to rankings: the study of Zhang et al. 2020 (arXiv:2001.01431) on the embedded digits.

    python benchmarks/weight_sharing.py --work runs/weight-sharing --seeds 5

The 64 networks of `cell64` are trained alone with as many seeds; beside them one super-network for all; groups of
networks with weights of their own, random or of similar networks; networks that share stem and first cells only; and
sub-networks that are taken out and fine-tuned for some mini-batches. They have two cells of four channels: with four
cells of 16 all of them name digits equally well, and two seeds of stand-alone trainings agree by a tau of .08 only. A
training goes through one network a step, each once a round, under a cosine rate. A group sees as many epochs as the one
super-network, as in the study; a shared prefix does here, too, where the study gives it ten times as many: what its
networks have for themselves is trained a 64th as often. A network alone has 12 epochs, weights that are shared 40.
Rankings are read after each of the last mini-batches, first with norms as they are, as in the study, then with
re-calibrated ones. Finished instances are lines of a file in the work folder. Writes the page
`benchmarks/results/weight_sharing.md`, `.json`, and as the table `embedded_cell64` that is part of nassay how many
images the networks alone got right.
"""

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import torch
from pyarrow import parquet
from scipy.stats import kendalltau

from intervals import half_width
from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.fine_tuning import FineTuning
from nassay.estimators.supernets.sharing import MemberTraining, PrefixNet, grouped
from nassay.estimators.tables.embedded import (
    CELL64_CELLS,
    CELL64_CHANNELS,
    CELL64_EPOCHS,
    CELL64_ITEMS,
    CELL64_SEEDS,
    EmbeddedCell64,
)
from nassay.gaps.stability import stability_tau, window_gap
from nassay.spaces.base import Architecture
from nassay.spaces.cell64 import Cell64
from nassay.tasks.base import Task, task_from

RESULTS = Path(__file__).parent / "results"
DATA = Path(__file__).parents[1] / "src" / "nassay" / "data"
COUNT, CELLS = 64, CELL64_CELLS
GROUPS = (4, 8)
LOOKS = (0, 5, 10, 20, 64)  # mini-batches of fine-tuning
WINDOW = {"as_is": 32, "window": 8}  # last mini-batches after which rankings are read
HORIZON = 1.15  # of the cosine: the rate ends at 4 % of its first, as the study's
ITEMS = 256  # validation items that a snapshot looks at
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("runs/weight-sharing"), help="folder that keeps what is done")
    parser.add_argument("--seeds", type=int, default=5, help="instances of everything")
    parser.add_argument("--epochs", type=float, default=CELL64_EPOCHS, help="of a network alone")
    parser.add_argument("--shared-epochs", type=float, default=40.0, help="of weights that are shared")
    parser.add_argument("--channels", type=int, default=CELL64_CHANNELS)
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder that the page is written to")
    parser.add_argument("--table", type=Path, default=DATA, help="folder that the table is written to")
    args = parser.parse_args()
    settings = {"epochs": args.epochs, "shared_epochs": args.shared_epochs, "channels": args.channels}
    rows = instances(args.work, settings, args.seeds, args.workers)
    command = f"python benchmarks/weight_sharing.py --seeds {args.seeds}"
    found = {"command": command, "seeds": args.seeds, **settings, **findings(rows)}
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / "weight_sharing.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", "utf-8")
    (args.results / "weight_sharing.md").write_text(page(found), "utf-8")
    write_table([r for r in rows if r["arm"] == "alone"], args.table)


# Trainings -----------------------------------------------------------------------------------------------------------


def arms() -> list[str]:
    """What every seed trains."""
    groups = [f"{kind} {m}" for m in GROUPS for kind in ("random", "similar")]
    return ["alone", "shared", *groups, *(f"prefix {k}" for k in range(CELLS + 1))]


def instances(work: Path, settings: Row, seeds: int, workers: int) -> list[Row]:
    """A row for every arm and seed: {arm, seed, final (64,), as_is and window (snapshots, 64)}; and what is their own.

    `alone` has the accuracies on the `test` split, `shared` those after some mini-batches of fine-tuning, `tuned`.
    """
    work.mkdir(parents=True, exist_ok=True)
    log = work / "instances.jsonl"
    done = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    done = [row for row in done if row["settings"] == settings]
    known = {(row["arm"], row["seed"]) for row in done}
    wanted = [(arm, seed) for seed in range(seeds) for arm in arms() if (arm, seed) not in known]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool, log.open("a", encoding="utf-8") as file:
        for future in as_completed([pool.submit(instance, arm, seed, settings) for arm, seed in wanted]):
            done.append(future.result())
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
            print(done[-1]["arm"], done[-1]["seed"], f"{done[-1]['seconds']:.0f} s", flush=True)
    return [row for row in done if row["seed"] < seeds]


def instance(arm: str, seed: int, settings: Row) -> Row:
    """One arm's training or trainings with one seed."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    kind, _, number = arm.partition(" ")
    row: Row = {"arm": arm, "seed": seed, "settings": settings}
    final, seen = np.empty(COUNT), {key: np.empty((snapshots, COUNT)) for key, snapshots in WINDOW.items()}
    if kind == "prefix":
        parts = [list(range(COUNT))]
    else:
        parts = grouped(COUNT, COUNT if kind == "alone" else int(number or 1), similar=kind == "similar")
    for part in parts:
        training = prefixed(int(number), seed, settings) if kind == "prefix" else members(part, seed, settings)
        for key, snapshots in seen.items():
            snapshots[:, part] = window(training, len(snapshots), recalibrate=key == "window")
        final[part] = [training.inherit(choices, items=None).value for choices in training.members]
        if kind == "alone":
            row["test"] = [*row.get("test", ()), tested(training)]
        if kind == "shared":
            row["tuned"] = tuned(training)
    seconds = round(time.perf_counter() - began, 1)
    return {**row, "final": final.tolist(), **{k: v.tolist() for k, v in seen.items()}, "seconds": seconds}


def tested(training: MemberTraining) -> float:
    """The test accuracy of a single network."""
    task = training.task
    return task.metric_of(*training.selected_outputs(training.members[0], task.open_test()))


def members(part: Sequence[int], seed: int, settings: Row) -> MemberTraining:
    """A super-network that some networks have been trained in; for a single one it is a training alone."""
    space = space_of(settings)
    torch.manual_seed(1000 * seed + part[0])
    return trained(SuperNet(space), [space.networks()[i] for i in part], seed, settings)


def prefixed(shared: int, seed: int, settings: Row) -> MemberTraining:
    """Networks that have been trained with a shared stem and so many shared cells."""
    space = space_of(settings)
    torch.manual_seed(seed)
    return trained(PrefixNet(space, space.networks(), shared), space.networks(), seed, settings)


def trained(network: SuperNet, part: Sequence[Architecture], seed: int, settings: Row) -> MemberTraining:
    """The training of some networks, before its last mini-batches.

    Raises:
        RuntimeError: it diverged.
    """
    training = MemberTraining(network, digits(), [a.choices for a in part], seed=seed)
    epochs = settings["epochs" if len(part) == 1 else "shared_epochs"]
    last = sum(WINDOW.values()) / training.steps_per_epoch
    found = training.run(Fidelity(epochs=epochs - last, horizon=HORIZON * epochs))
    if found.value is None:
        raise RuntimeError(found.reason)
    return training


def window(training: MemberTraining, snapshots: int, *, recalibrate: bool) -> np.ndarray:
    """(snapshots, members) accuracies after each of some more mini-batches."""
    looks: Row = {"items": ITEMS, "recalibrate": recalibrate, "averaged": False}
    rows = []
    for _ in range(snapshots):
        with torch.random.fork_rng(devices=[]):
            training._step(None)
        rows.append([training.inherit(choices, **looks).value for choices in training.members])
    return np.array(rows, dtype=float)


def tuned(training: MemberTraining) -> Row:
    """By the number of mini-batches of fine-tuning, the accuracies of all networks."""
    every = [FineTuning(training, choices).metrics(LOOKS, items=ITEMS) for choices in training.members]
    return {str(look): list(values) for look, values in zip(LOOKS, zip(*every, strict=True), strict=True)}


@cache
def digits() -> Task:
    """The embedded images."""
    return task_from("digits", seed=0)


def space_of(settings: Row) -> Cell64:
    """The space for them."""
    task = digits()
    return Cell64(task.input_shape, task.num_outputs, channels=settings["channels"], cells=CELLS)


# Findings ------------------------------------------------------------------------------------------------------------


def findings(rows: Sequence[Row]) -> Row:
    """Measures of every arm, and the study's findings held against ours, each a mean with a 95 % t interval."""
    by = {arm: sorted((r for r in rows if r["arm"] == arm), key=lambda r: r["seed"]) for arm in arms()}
    alone = np.array([r["final"] for r in by["alone"]])
    taus, spread, table = {}, {}, []
    for arm in arms():
        truths = [others(alone, i) if arm == "alone" else alone.mean(0) for i in range(len(by[arm]))]
        own = list(zip(by[arm], truths, strict=True))
        gaps = {key: [window_gap(np.array(r[key]), truth, COUNT) for r, truth in own] for key in WINDOW}
        taus[arm] = [g.tau_mean for g in gaps["window"]]
        spread[arm] = {key: [g.tau_std for g in gaps[key]] for key in WINDOW}
        table.append(
            {
                "arm": arm,
                "tau": estimate(taus[arm]),
                "tau_as_is": estimate([g.tau_mean for g in gaps["as_is"]]),
                "deviation": estimate(spread[arm]["window"]),
                "deviation_as_is": estimate(spread[arm]["as_is"]),
                "neighbours_as_is": estimate([g.neighbour_tau for g in gaps["as_is"]]),
                "stability": stability(np.array([r["final"] for r in by[arm]])),
                "top_3_rank": estimate([g.top_3_rank for g in gaps["window"]]),
                "level_gap": estimate([g.level_gap for g in gaps["window"]]),
            }
        )
    for look in map(str, LOOKS):
        values = np.array([r["tuned"][look] for r in by["shared"]])
        taus[f"tuned {look}"] = [float(kendalltau(row, alone.mean(0)).statistic) for row in values]
        arm = f"shared, then {look} mini-batches alone"
        table.append({"arm": arm, "tau": estimate(taus[f"tuned {look}"]), "stability": stability(values)})
    return {"networks": COUNT, "findings": claims(taus, spread), "arms": table, "truth": alone.tolist()}


def claims(taus: dict[str, list[float]], spread: dict[str, dict[str, list[float]]]) -> list[Row]:
    """The study's findings: paired over seeds, our difference beside theirs."""

    def less(a: str, b: str, of: dict[str, list[float]] = taus) -> list[float]:
        return [x - y for x, y in zip(of[a], of[b], strict=True)]

    as_is, calibrated = ({arm: of[key] for arm, of in spread.items()} for key in WINDOW)
    sizes = [less(f"similar {m}", f"random {m}") for m in GROUPS]
    pairs = [
        ("deviation of τ between mini-batches: shared less alone", less("shared", "alone", as_is), "0.135", 1),
        ("the same with re-calibrated norms", less("shared", "alone", calibrated), "–", 1),
        ("τ: alone less shared", less("alone", "shared"), "0.304", 1),
        ("τ: 8 random groups less one super-network", less("random 8", "shared"), "-0.245", -1),
        ("τ: 8 groups of similar networks less one super-network", less("similar 8", "shared"), "0.193", 1),
        ("τ: similar less random groups, mean over sizes", list(np.mean(sizes, 0)), "0.328", 1),
        ("τ: only the stem shared less all cells shared", less("prefix 0", f"prefix {CELLS}"), "0.179", 1),
        ("τ: after 5 mini-batches of fine-tuning less before", less("tuned 5", "tuned 0"), "about 0.3", 1),
        ("τ: after 64 mini-batches of fine-tuning less before", less("tuned 64", "tuned 0"), "about 0.3", 1),
    ]
    return [
        {"finding": name, "theirs": theirs, **(own := estimate(values)), "holds": verdict(own, sign)}
        for name, values, theirs, sign in pairs
    ]


def verdict(own: Row, sign: int) -> str:
    """Whether the interval lies on the study's side of zero."""
    if own["low"] is None:
        return "one seed says nothing"
    ends = (sign * own["low"], sign * own["high"])
    return "yes" if min(ends) > 0 else "no, the contrary" if max(ends) < 0 else "not shown"


def estimate(values: Sequence[float | None]) -> Row:
    """Mean over seeds and its 95 % interval by Student's t; no interval for one seed."""
    known = np.array([v for v in values if v is not None and np.isfinite(v)])
    if not len(known):
        return {"mean": None, "low": None, "high": None}
    mean, half = float(known.mean()), half_width(known)
    return {"mean": mean, "low": None if half is None else mean - half, "high": None if half is None else mean + half}


def stability(rankings: np.ndarray) -> float | None:
    """S-Tau over seeds."""
    return stability_tau(rankings) if len(rankings) > 1 else None


def others(alone: np.ndarray, seed: int) -> np.ndarray:
    """The truth that a stand-alone seed is held against: the mean of the other seeds."""
    return np.delete(alone, seed, 0).mean(0) if len(alone) > 1 else alone[seed]


def write_table(alone: Sequence[Row], folder: Path) -> None:
    """The table `embedded_cell64`: numbers of images that were right, seed by seed; all seeds or no table."""
    by_seed = {r["seed"]: r for r in alone}
    if set(by_seed) < set(CELL64_SEEDS):
        print(f"No table: it has the seeds {CELL64_SEEDS}, and {len(by_seed)} are done.")
        return
    space = space_of(alone[0]["settings"])
    networks = space.networks()
    totals = [Analytic.of(space).totals(a) for a in networks]
    columns: Row = {"arch_str": list(map(space.to_string, networks))}
    columns |= {key: pyarrow.array([t[key] for t in totals], pyarrow.int32()) for key in ("params", "macs")}
    for split, key in (("valid", "final"), ("test", "test")):
        for seed in CELL64_SEEDS:
            right = np.rint(CELL64_ITEMS[split] * np.array(by_seed[seed][key])).astype(np.uint16)
            columns[f"{split}_right_seed{seed}"] = right
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), folder / EmbeddedCell64.files[0], compression="zstd")


# Page ----------------------------------------------------------------------------------------------------------------


def page(found: Row) -> str:
    """Two tables: the findings, and all arms."""
    lines = [
        "# What weight sharing does to rankings",
        "",
        f"`{found['command']}`: the {found['networks']} networks of `cell64` ({CELLS} cells, {found['channels']} "
        f"channels) on digits, {found['seeds']} seeds of everything, {found['epochs']:g} epochs alone and "
        f"{found['shared_epochs']:g} of shared weights. Rankings are read after each of {WINDOW['as_is']} mini-batches "
        f"with norms as they are, then after each of the last {WINDOW['window']} with re-calibrated ones; τ without "
        "more words is of the latter. τ is Kendall's tau-b with the mean of the stand-alone seeds (for these: of the "
        "other seeds). Means over seeds [95 % t interval], differences paired by seed. Theirs: Zhang et al. 2020, "
        "CIFAR-10, 200 epochs; with a shared prefix 2,000, so that this row compares trainings of other lengths.",
        "",
        "| finding | here | theirs | holds here |",
        "|---|---|---|---|",
        *(f"| {f['finding']} | {shown(f)} | {f['theirs']} | {f['holds']} |" for f in found["findings"]),
        "",
        "| weights | τ | its deviation | τ as is | its deviation | τ from step to step as is | τ between seeds | "
        "best rank of top 3 | level gap |",
        "|---" * 9 + "|",
    ]
    keys = ("tau", "deviation", "tau_as_is", "deviation_as_is", "neighbours_as_is")
    for arm in found["arms"]:
        between = "–" if arm["stability"] is None else f"{arm['stability']:.2f}"
        ends = [between, shown(arm.get("top_3_rank"), 1), shown(arm.get("level_gap"))]
        lines.append(f"| {' | '.join([arm['arm'], *(shown(arm.get(key)) for key in keys), *ends])} |")
    return "\n".join(lines) + "\n"


def shown(own: Row | None, digits: int = 2) -> str:
    """Such as `0.51 [0.42, 0.60]`."""
    if own is None or own["mean"] is None:
        return "–"
    mean = f"{own['mean']:.{digits}f}"
    return mean if own["low"] is None else f"{mean} [{own['low']:.{digits}f}, {own['high']:.{digits}f}]"


if __name__ == "__main__":
    main()
