"""OPANAS: searched feature pyramids against known ones at equal cost, and how far inherited scores can be trusted.

    python benchmarks/opanas.py --work runs/opanas --seeds 3
    NASSAY_DATA=data python benchmarks/opanas.py --work runs/opanas --seeds 3 --data composites coco

For each data set and seed: a super-network of the space `fpn` by each rule (strictly fair over the paths with weights,
as many uniform ones, strictly fair over all six options), evolution on its inherited AP within 1.2 times the
multiply-accumulates of the FPN, and all networks trained alone: FPN, PANet, BiFPN, each rule's winner, and a pool of
random ones within the limit, the same for all seeds. AP and AP50 are those of the test split. Finished jobs are lines
of a file in the work folder, super-networks are kept on the way. `--small` makes everything tiny, to see that it runs.
The COCO images at hand are 254, in which most classes are seen a few times: there boxes of all classes are one class,
and the splits are drawn anew. Writes `benchmarks/results/opanas.md` and `.json`.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau

from intervals import half_width
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.supernets.weighted import WeightedPathTraining
from nassay.estimators.training import Training
from nassay.gaps.gap import gap
from nassay.spaces.base import Architecture
from nassay.spaces.fpn import FPN
from nassay.strategies import Budget, Constraints, Problem, Record
from nassay.strategies.base import ranked
from nassay.strategies.one_shot import INHERITED
from nassay.strategies.opanas import OPANAS
from nassay.tasks.base import Task, task_from
from nassay.tasks.detection.composites import composites
from nassay.tasks.detection.sources import load_boxes

RESULTS = Path(__file__).parent / "results"
COCO, COCO_SHAPE = "coco256_320.zip", (3, 160, 160)
RULES = {
    "opanas": WeightedPathTraining,
    "uniform": partial(WeightedPathTraining, fair=False),
    "all six": partial(PathTraining, rule="fairnas"),
}
METRICS = ("AP", "AP50")
HORIZON = 1.05  # of the super-network's cosine: its last steps still move


@dataclass(frozen=True)
class Settings:
    """What is measured; a line of the work file is known by those that concern it."""

    epochs: float = 15.0
    super_epochs: float = 15.0
    looks: int = 80
    pool: int = 8
    ratio: float = 1.2
    items: int = 512
    canvases: tuple[int, int, int] = (1000, 300, 500)


SMALL = Settings(epochs=1.0, super_epochs=0.5, looks=12, pool=4, items=16, canvases=(64, 16, 16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("runs/opanas"), help="folder that keeps what is done")
    parser.add_argument("--data", nargs="+", choices=("composites", "coco"), default=["composites"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--small", action="store_true", help="tiny data and trainings; results go to the work folder")
    args = parser.parse_args()
    settings = SMALL if args.small else Settings()
    args.work.mkdir(parents=True, exist_ok=True)
    names = [(data, seed) for data in args.data for seed in range(args.seeds)]
    supers = [("super", data, seed, rule) for data, seed in names for rule in RULES]
    with ProcessPoolExecutor(args.workers, get_context("spawn")) as pool:
        found = paid(pool, args.work, supers, settings)
        winners = {(r["data"], r["seed"], r["rule"]): r["winner"] for r in found}
        alone = []
        for data, seed in names:
            known = [*references(data, settings).values(), *drawn(data, settings)]
            own = [winners[data, seed, rule] for rule in RULES if (data, seed, rule) in winners]
            alone += [("alone", data, seed, text) for text in dict.fromkeys([*known, *own])]
        found += paid(pool, args.work, alone, settings)
    out = args.work if args.small else RESULTS
    command = f"python benchmarks/opanas.py --seeds {args.seeds} --data {' '.join(args.data)}" + " --small" * args.small
    told: dict[str, Any] = {"command": command, "settings": vars(settings), "data": {}}
    for data in args.data:
        told["data"][data] = summary([r for r in found if r["data"] == data], data, settings)
    told["methods"] = {"strategy/opanas": {"result": sentence(told), "command": command}}
    (out / "opanas.json").write_text(json.dumps({**told, "jobs": found}, indent=1) + "\n", "utf-8")
    (out / "opanas.md").write_text(page(told), "utf-8")


# Jobs ----------------------------------------------------------------------------------------------------------------

Job = tuple[str, str, int, str]


def paid(pool: ProcessPoolExecutor, work: Path, jobs: list[Job], settings: Settings) -> list[dict[str, Any]]:
    """The answers to all jobs, those of former runs from the work file."""
    log = work / "jobs.jsonl"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {tuple(r["job"]): r for r in rows if r["settings"] == json.loads(json.dumps(vars(settings)))}
    with log.open("a", encoding="utf-8") as file:
        for future in as_completed([pool.submit(answered, j, str(work), settings) for j in jobs if j not in done]):
            row = future.result()
            done[tuple(row["job"])] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            print({k: v for k, v in row.items() if not isinstance(v, dict | list)}, flush=True)
    return [done[j] for j in jobs]


def answered(job: Job, work: str, settings: Settings) -> dict[str, Any]:
    """One job, `super` by its rule or `alone` by its architecture's string."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    kind, data, seed, what = job
    made = (
        super_network(data, seed, what, Path(work), settings) if kind == "super" else alone(data, seed, what, settings)
    )
    facts = {"job": job, "kind": kind, "data": data, "seed": seed, "settings": vars(settings)}
    return {**facts, **made, "seconds": round(time.perf_counter() - began, 1)}


def super_network(data: str, seed: int, rule: str, work: Path, settings: Settings) -> dict[str, Any]:
    """A super-network: how often its options were updated, what the pool inherits, and evolution's winner."""
    task = task_of(data, settings)
    space = space_of(data, settings)
    bound = Fidelity(epochs=settings.super_epochs, horizon=HORIZON * settings.super_epochs)
    torch.manual_seed(seed)
    kept = work / f"{data}-{rule.replace(' ', '-')}-{seed}-{settings.super_epochs:g}.pt"
    training = RULES[rule](SuperNet(space), task, seed=seed, checkpoint=kept, fidelity=bound)
    trained = training.run(bound)
    if trained.value is None:
        raise RuntimeError(f"the super-network {rule} of seed {seed} on {data} ended: {trained.reason}")
    known = {**references(data, settings), **{f"random {i}": text for i, text in enumerate(drawn(data, settings))}}

    def inherited(architecture: Architecture) -> Estimate:
        return training.inherit(architecture.choices, items=settings.items)

    records = evolved(data, seed, settings, inherited)
    best = ranked(records)[0]
    return {
        "rule": rule,
        "update_counts": training.update_counts(),
        "inherited": {text: inherited(space.from_string(text)).value for text in known.values()},
        "winner": space.to_string(best.request.architecture),
        "winner_inherits": best.value,
        "looks": len(records),
        "best_of_first": max(r.value or 0.0 for r in records[: max(1, len(records) // 4)]),
    }


def evolved(data: str, seed: int, settings: Settings, inherited: Any) -> list[Record]:
    """Everything that the strategy looks at with inherited weights, before it would train anything alone."""
    budget = Budget(evaluations=max(4, settings.looks // INHERITED))
    strategy = OPANAS(Problem(space_of(data, settings), limits(data, settings), budget, seed=seed))
    records: list[Record] = []
    while (batch := strategy.ask()) and batch[0].estimator != "training":
        looks = batch[0].estimator.startswith("inherited")
        answers = [Record(r, inherited(r.architecture) if looks else Estimate.of(0.0, seconds=0.0)) for r in batch]
        records += answers if looks else []
        strategy.tell(answers)
    return records


def alone(data: str, seed: int, text: str, settings: Settings) -> dict[str, Any]:
    """An architecture trained by itself: validation AP, and AP and AP50 on the test split."""
    task, space = task_of(data, settings), space_of(data, settings)
    architecture = space.from_string(text)
    torch.manual_seed(seed)
    bound = Fidelity(epochs=settings.epochs, final=True)
    training = Training(space.build(architecture), task, seed=seed, fidelity=bound)
    found = training.run(bound)
    metrics = task.metrics_of(*training.outputs(task.open_test())) if found.value is not None else {}
    return {
        "architecture": text,
        "validation": found.value,
        **{m: metrics.get(m) for m in METRICS},
        "macs": Problem(space).profile(architecture).macs,
        "params": Problem(space).profile(architecture).params,
    }


@cache
def task_of(data: str, settings: Settings) -> Task:
    """The detection task of a data set; its splits are the same for all seeds."""
    if data == "composites":
        return task_from(composites(0, settings.canvases), task="detection", seed=0)
    found = load_boxes(Path(os.environ["NASSAY_DATA"]) / "images" / COCO, image_shape=COCO_SHAPE)
    y = found.y.copy()
    y[..., 0] = np.minimum(y[..., 0], 0)
    drawn_anew = replace(found, y=y, classes=("object",), split=np.full(len(y), "", dtype="U10"))
    return task_from(drawn_anew, task="detection", seed=0)


@cache
def space_of(data: str, settings: Settings) -> FPN:
    space = task_of(data, settings).space("fpn")
    assert isinstance(space, FPN)
    return space


@cache
def limits(data: str, settings: Settings) -> Constraints:
    """So many times the multiply-accumulates of the whole detector with an FPN."""
    space = space_of(data, settings)
    return Constraints(max_macs=int(settings.ratio * Problem(space).profile(space.references()["FPN"]).macs))


def references(data: str, settings: Settings) -> dict[str, str]:
    space = space_of(data, settings)
    return {name: space.to_string(a) for name, a in space.references().items()}


@cache
def drawn(data: str, settings: Settings) -> list[str]:
    """Random networks within the limit, the same for all seeds."""
    space, taken = space_of(data, settings), set(references(data, settings).values())
    stream = map(space.to_string, Problem(space, limits(data, settings), seed=0).stream("opanas"))
    return list(islice((text for text in stream if text not in taken), settings.pool))


# What is told --------------------------------------------------------------------------------------------------------


def summary(rows: list[dict[str, Any]], data: str, settings: Settings) -> dict[str, Any]:
    """The arms, their paired differences to the FPN, the correlations and the update counts of a data set."""
    alone_rows = {(r["architecture"], r["seed"]): r for r in rows if r["kind"] == "alone"}
    supers = [r for r in rows if r["kind"] == "super"]
    seeds = sorted({r["seed"] for r in rows})
    known = references(data, settings)
    arms: dict[str, list[list[dict[str, Any]]]] = {
        name: [[alone_rows[text, s]] for s in seeds] for name, text in known.items()
    }
    pool = drawn(data, settings)
    arms["random, mean of the pool"] = [[alone_rows[text, s] for text in pool] for s in seeds]
    arms["random, best of the pool on validation"] = [
        [max((alone_rows[text, s] for text in pool), key=lambda r: r["validation"] or 0.0)] for s in seeds
    ]
    for rule in RULES:
        winner = {r["seed"]: r["winner"] for r in supers if r["rule"] == rule}
        arms[f"searched, {rule}"] = [[alone_rows[winner[s], s]] for s in seeds]
    base = [{m: cell[0][m] for m in METRICS} for cell in arms["FPN"]]
    return {
        "seeds": len(seeds),
        "pool": len(pool),
        "limit_macs": limits(data, settings).max_macs,
        "arms": {name: arm(cells, base) for name, cells in arms.items()},
        "rules": {rule: trusted(rule, supers, alone_rows, [*known.values(), *pool], seeds) for rule in RULES},
        "winners": {rule: [r["winner"] for r in supers if r["rule"] == rule] for rule in RULES},
    }


def arm(cells: list[list[dict[str, Any]]], base: list[dict[str, float]]) -> dict[str, Any]:
    """Means over seeds, each of the mean over the networks of a seed, and differences to the FPN of the same seed."""
    told: dict[str, Any] = {"macs": float(np.mean([r["macs"] for cell in cells for r in cell]))}
    for metric in METRICS:
        values = [float(np.mean([r[metric] or 0.0 for r in cell])) for cell in cells]
        differences = [v - (b[metric] or 0.0) for v, b in zip(values, base, strict=True)]
        told[metric] = {"mean": float(np.mean(values)), "by_seed": values, "difference": interval(differences)}
    return told


def interval(values: list[float]) -> dict[str, float | None]:
    """The mean, and its 95 % interval by Student's t; None for a single value."""
    mean, half = float(np.mean(values)), half_width(values)
    return {"mean": mean, "low": None if half is None else mean - half, "high": None if half is None else mean + half}


def trusted(
    rule: str, supers: list[dict[str, Any]], alone_rows: dict[Any, dict[str, Any]], texts: list[str], seeds: list[int]
) -> dict[str, Any]:
    """How a rule's super-networks order the references and the pool: tau with AP alone, by seed and of the means."""
    mine = sorted((r for r in supers if r["rule"] == rule), key=lambda r: r["seed"])
    truth = [float(np.mean([alone_rows[text, s]["AP"] or 0.0 for s in seeds])) for text in texts]
    by_seed = [float(kendalltau([r["inherited"][text] or 0.0 for text in texts], truth).statistic) for r in mine]
    means = [float(np.mean([r["inherited"][text] or 0.0 for r in mine])) for text in texts]
    whole = gap(rule, "AP alone", means, truth, same_unit=True)
    counts = np.array([r["update_counts"] for r in mine])
    trained = counts[..., counts.sum((0, 1)) > 0]
    return {
        "n": len(texts),
        "tau_by_seed": [None if np.isnan(v) else v for v in by_seed],
        "tau_of_means": whole.kendall_tau,
        "ci_low": whole.ci_low,
        "ci_high": whole.ci_high,
        "level_difference": whole.level_difference,
        "updates": [int(trained.min()), int(trained.max())],
        "equal": bool((trained == trained[..., :1]).all()),
        "found_more_than_first_quarter": [round(r["winner_inherits"] - r["best_of_first"], 4) for r in mine],
    }


def sentence(told: dict[str, Any]) -> str:
    """For `docs/methods.md`."""
    parts = []
    for data, s in told["data"].items():
        own, rules = s["arms"]["searched, opanas"]["AP50"]["difference"], s["rules"]
        parts.append(
            f"{data}, {s['seeds']} seeds: AP50 of the searched neck minus FPN's {percent(own)} points at <= "
            f"{told['settings']['ratio']:g}x its MACs; tau of inherited with stand-alone AP over "
            f"{rules['opanas']['n']} networks {shown(rules['opanas'])} strictly fair, {shown(rules['uniform'])} uniform"
        )
    return "; ".join(parts)


def percent(found: dict[str, float | None]) -> str:
    low, high = found["low"], found["high"]
    around = "" if low is None or high is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"{100 * (found['mean'] or 0.0):+.1f}{around}"


def shown(rule: dict[str, Any]) -> str:
    if rule["tau_of_means"] is None:
        return "–"
    return f"{rule['tau_of_means']:.2f} [{rule['ci_low']:.2f}, {rule['ci_high']:.2f}]"


def page(told: dict[str, Any]) -> str:
    """Two tables for each data set."""
    s = told["settings"]
    lines = [
        "# OPANAS: searched feature pyramids",
        "",
        f"`{told['command']}`: networks trained alone for {s['epochs']:g} epochs, super-networks for "
        f"{s['super_epochs']:g}, evolution over about {s['looks']} sub-networks by inherited AP on {s['items']} "
        "validation images at most. AP and AP50 on the test split, in percent; differences are paired by seed, with "
        "95 % intervals by Student's t.",
    ]
    for data, found in told["data"].items():
        lines += [
            "",
            f"## {data}",
            "",
            f"{found['seeds']} seeds, {found['pool']} random networks, at most {found['limit_macs']:,} "
            "multiply-accumulates for what is searched or drawn.",
            "",
            "| neck | MACs | AP | AP50 | AP50 minus FPN's | by seed |",
            "|---|---|---|---|---|---|",
        ]
        for name, a in found["arms"].items():
            by_seed = ", ".join(f"{100 * v:.1f}" for v in a["AP50"]["by_seed"])
            lines.append(
                f"| {name} | {a['macs']:,.0f} | {100 * a['AP']['mean']:.1f} | {100 * a['AP50']['mean']:.1f} | "
                f"{'–' if name == 'FPN' else percent(a['AP50']['difference'])} | {by_seed} |"
            )
        lines += [
            "",
            "| super-network by | updates of an option that is trained | τ with AP alone, by seed | τ of the means | "
            "inherited minus alone |",
            "|---|---|---|---|---|",
        ]
        for rule, r in found["rules"].items():
            by_seed = ", ".join("–" if v is None else f"{v:.2f}" for v in r["tau_by_seed"])
            updates = f"{r['updates'][0]}" if r["equal"] else f"{r['updates'][0]} to {r['updates'][1]}"
            level = "–" if r["level_difference"] is None else f"{100 * r['level_difference']:+.1f}"
            lines.append(f"| {rule} | {updates} | {by_seed} | {shown(r)} | {level} |")
        lines += ["", "Found: " + "; ".join(f"{rule}: {', '.join(w)}" for rule, w in found["winners"].items()) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
