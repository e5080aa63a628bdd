"""Do DARTS' searches collapse into skip connections, and does Beta-Decay help? Cells looked up in NAS-Bench-201.

    NASSAY_DATA=data python benchmarks/darts_collapse.py --work runs/darts --seeds 5

A small super-network of NAS-Bench-201 (four cells a stage, 4 channels) searched on 1,000 images of the CIFAR-10 subset
at 16 x 16 pixels, for 100 epochs; the cell found is looked up in the table of the full networks. The rates are the
authors', but the logits' is ten times theirs: with a hundredth of their steps these would hardly move. A toy: the
published figures take five cells a stage and fifty to a hundred epochs of all images at full size. With one cell a
stage and 25 epochs nothing collapses. Seeds 0 to 2 served to find this setting and are not among those that are told.

`--proxies` repeats Beta-Decay's searches, without and with flooding, on half of each thing that a search saves on:
images, channels, cells, epochs.

Finished searches are lines of a file in the work folder. Writes `benchmarks/results/darts_collapse.md` and `.json`.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from intervals import half_width
from nassay.estimators.base import Fidelity
from nassay.estimators.supernets.differentiable import DifferentiableSearch
from nassay.estimators.supernets.methods import super_network
from nassay.estimators.supernets.progressive import ProgressiveSearch
from nassay.estimators.supernets.relaxations import RELAXATIONS, BetaDecay, Gumbel, Relaxation
from nassay.estimators.tables import open_table
from nassay.estimators.training import Recipe
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201
from nassay.spaces.nb201_equivalence import OPERATIONS, SKIP
from nassay.tasks.base import task_from

RESULTS = Path(__file__).parent / "results"
IMAGES, SIDE, EPOCHS, CHANNELS, CELLS = 1000, 16, 100, 4, 4
LOGIT_RATE = 3e-3
FLOOD = 1.0  # above the smallest loss that smoothed labels allow
RECIPE = Recipe(learning_rate=0.025, weight_decay=3e-4, clip=5.0)
ARMS: dict[str, Relaxation] = {
    "darts": Relaxation(),
    "beta_darts to 5": BetaDecay(largest=5.0),
    "beta_darts to 50": BetaDecay(),
    "beta_darts_pp": BetaDecay(flood=FLOOD),
    "gdas": Gumbel(),
    "pc_darts": RELAXATIONS["pc_darts"],
    "p_darts": Relaxation(),
    "random cells": Relaxation(),
}
BASE = {"images": IMAGES, "channels": CHANNELS, "cells": CELLS, "epochs": EPOCHS}
PROXIES: dict[str, dict[str, int]] = {
    "base": {},
    "half of the images": {"images": IMAGES // 2},
    "2 channels": {"channels": CHANNELS // 2},
    "2 cells": {"cells": CELLS // 2},
    "half of the epochs": {"epochs": EPOCHS // 2},
}
FIRST_SEED = 3
COLLAPSED = 4  # skips of six from which on a search has collapsed
ROBUST = ("beta_darts to 50", "beta_darts_pp")  # arms that are repeated on all of them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("runs/darts"), help="folder that keeps what is done")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--proxies", action="store_true", help="also with less data, channels, cells, epochs")
    parser.add_argument("--table-only", action="store_true", help="only write the table of what is there")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    log = args.work / "searches.jsonl"
    done = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    known = {(row["arm"], row["seed"], row.get("proxy", "base")) for row in done}
    seeds = range(FIRST_SEED, FIRST_SEED + args.seeds)
    every = [(arm, seed, "base") for arm in ARMS for seed in seeds]
    if args.proxies:
        every += [(arm, seed, proxy) for seed in seeds for arm in ROBUST for proxy in PROXIES if PROXIES[proxy]]
    wanted = [search for search in every if search not in known and not args.table_only]
    with ProcessPoolExecutor(args.workers, get_context("spawn")) as pool, log.open("a", encoding="utf-8") as file:
        for future in as_completed([pool.submit(searched, *search) for search in wanted]):
            done.append(future.result())
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
            print(done[-1], flush=True)
    command = f"python benchmarks/darts_collapse.py --seeds {args.seeds}{' --proxies' * args.proxies}"
    done = [search for search in done if search["seed"] in seeds]
    found: dict[str, Any] = {"command": command, "rows": rows(done, args.seeds), "proxies": robustness(done)}
    found["methods"] = {f"strategy/{arm}": {"result": sentence(row), "command": command} for arm, row in named(found)}
    (RESULTS / "darts_collapse.json").write_text(json.dumps({**found, "searches": done}, indent=1) + "\n", "utf-8")
    (RESULTS / "darts_collapse.md").write_text(page(found), "utf-8")


def searched(arm: str, seed: int, proxy: str) -> dict[str, Any]:
    """One search: the cell, the spread of its softmax, the level of its mixture and of what it becomes."""
    torch.set_num_threads(1)
    setting = BASE | PROXIES[proxy]
    space = NB201((3, SIDE, SIDE), 10, channels=setting["channels"], cells=setting["cells"])
    if arm == "random cells":
        choices = [int(c) for c in np.random.default_rng([seed, 1]).integers(len(OPERATIONS), size=6)]
        return {"arm": arm, "seed": seed, "choices": choices}
    began = time.perf_counter()
    with np.load(Path(os.environ["NASSAY_DATA"]) / "images" / "cifar10_subset.npz") as data:
        x, y = data["train_x"], data["train_y"]
    rows = np.random.default_rng(seed).permutation(len(x))[: setting["images"]]
    task = task_from((x[rows], y[rows]), seed=seed, image_shape=(3, SIDE, SIDE))
    torch.manual_seed(seed)
    network, options = super_network(arm, space), {"seed": seed, "recipe": RECIPE, "logit_rate": LOGIT_RATE}
    if arm == "p_darts":
        search: DifferentiableSearch = ProgressiveSearch(network, task, **options)
    else:
        search = DifferentiableSearch(network, task, ARMS[arm], **options)
    found = search.run(Fidelity(epochs=setting["epochs"], horizon=setting["epochs"]))
    spread = float(np.mean([np.std(w) for w in found.details["weights"]]))
    return {
        "arm": arm,
        "seed": seed,
        "proxy": proxy,
        "choices": found.details["choices"],
        "spread": spread,
        "mixture": found.value,
        "discretised": found.details["discretised"],
        "seconds": round(time.perf_counter() - began, 1),
    }


def rows(done: list[dict[str, Any]], seeds: int) -> list[dict[str, Any]]:
    """A row for each arm that has all seeds: means over them, and the standard error of the accuracy."""
    table = open_table("nasbench201")
    space = table.space("cifar10")
    test = table.values("cifar10", "test")
    told = []
    for arm in ARMS:
        here = sorted((d for d in done if d["arm"] == arm and on(d, "base")), key=lambda d: d["seed"])
        if len(here) < seeds:
            continue
        cells = [Architecture(space.name, tuple(d["choices"])) for d in here]
        accuracies = [test[space.canonical(cell)] for cell in cells]
        told.append(
            {
                "arm": arm,
                "seeds": len(here),
                "skips": float(np.mean([d["choices"].count(SKIP) for d in here])),
                "collapsed": sum(d["choices"].count(SKIP) >= COLLAPSED for d in here),
                "spread": mean(d.get("spread") for d in here),
                "mixture": mean(d.get("mixture") for d in here),
                "discretised": mean(d.get("discretised") for d in here),
                "accuracy": float(np.mean(accuracies)),
                "error": float(np.std(accuracies, ddof=1) / len(accuracies) ** 0.5) if len(accuracies) > 1 else None,
                "cells": [space.to_string(cell) for cell in cells],
                "accuracies": [round(a, 2) for a in accuracies],
            }
        )
    return told


def robustness(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each repeated arm the mean accuracy on each proxy, over the seeds that are complete, and how these differ."""
    table = open_table("nasbench201")
    space, test = table.space("cifar10"), table.values("cifar10", "test")
    known = {(d["arm"], d.get("proxy", "base"), d["seed"]): d for d in done}
    every = sorted({d["seed"] for d in done})
    seeds = [seed for seed in every if all((arm, proxy, seed) in known for arm in ROBUST for proxy in PROXIES)]
    if len(seeds) < 2:
        return []
    told = []
    for arm in ROBUST:
        accuracies = {}
        for proxy in PROXIES:
            cells = [Architecture(space.name, tuple(known[arm, proxy, seed]["choices"])) for seed in seeds]
            accuracies[proxy] = [round(float(test[space.canonical(cell)]), 2) for cell in cells]
        levels = [float(np.mean(values)) for values in accuracies.values()]
        told.append(
            {
                "arm": arm,
                "seeds": seeds,
                "accuracies": accuracies,
                "mean": float(np.mean(levels)),
                "lowest": float(np.min(levels)),
                "spread": float(np.std(levels, ddof=1)),
            }
        )
    return told


def on(search: dict[str, Any], proxy: str) -> bool:
    return bool(search.get("proxy", "base") == proxy)


def mean(values: Any) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def named(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The strategies that the arms are."""
    by_arm = {row["arm"]: row for row in found["rows"]}
    arms = {"beta_darts": "beta_darts to 50", **{arm: arm for arm in ARMS if " " not in arm}}
    return [(strategy, by_arm[arm]) for strategy, arm in arms.items() if arm in by_arm]


def sentence(row: dict[str, Any]) -> str:
    """For `docs/methods.md`."""
    flood = f", flood {FLOOD:g}" * (row["arm"] == "beta_darts_pp")
    accuracy = f"{row['accuracy']:.2f} ± {row['error'] or 0:.2f}"
    return (
        f"NAS-Bench-201, searched on {IMAGES:,} images of CIFAR-10 at {SIDE} x {SIDE}{flood}: {row['skips']:.1f} skips "
        f"of 6, the cells' test accuracy in the table {accuracy}, {row['seeds']} seeds"
    )


def reading(rows: dict[str, dict[str, Any]]) -> str:
    """What the arms say of the papers' claims."""
    darts = rows["darts"]
    collapse = f"{darts['collapsed']} of {darts['seeds']} searches of DARTS collapse into skip connections"
    told = [f"{collapse}, {COLLAPSED} or more of 6; on average {darts['skips']:.1f} are."]
    for arm, found in rows.items():
        if arm != "darts":
            told.append(f"{arm} against darts: {gain(found['accuracies'], darts['accuracies'])}.")
    plain, flooded = (rows.get(arm, {"accuracies": []})["accuracies"] for arm in ROBUST)
    if len(plain) == len(flooded) > 0:
        never = " It was never reached: the same cells with and without it." * (plain == flooded)
        told.append(f"Flooding: {gain(flooded, plain)}.{never}")
    return " ".join(told)


def gain(these: list[float], those: list[float]) -> str:
    """Mean of the differences by seed with its 95 % t interval."""
    differences = np.subtract(these, those)
    middle, half = float(np.mean(differences)), half_width(differences)
    around = "" if half is None else f" [{middle - half:.2f}, {middle + half:.2f}]"
    return f"{middle:+.2f} points{around}"


def page(found: dict[str, Any]) -> str:
    def shown(value: float | None, digits: int = 2) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    lines = [
        "# Differentiable search on a small super-network, cells looked up in NAS-Bench-201",
        "",
        f"`{found['command']}`: {IMAGES:,} images at {SIDE} x {SIDE}, {EPOCHS} epochs, {CELLS} cells a stage, "
        f"{CHANNELS} channels, logit rate {LOGIT_RATE:g}, flood {FLOOD:g}. Accuracy: CIFAR-10 test accuracy of the "
        "full network of the found cell, mean ± standard error over seeds.",
        "",
        f"| arm | seeds | skips of 6 | searches with {COLLAPSED} or more | spread of softmax | mixture | discretised | "
        "accuracy in the table | by seed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in found["rows"]:
        accuracy = f"{r['accuracy']:.2f} ± {shown(r['error'])}"
        lines.append(
            f"| {r['arm']} | {r['seeds']} | {r['skips']:.1f} | {r['collapsed']} | {shown(r['spread'], 3)} | "
            f"{shown(r['mixture'])} | {shown(r['discretised'])} | {accuracy} | {', '.join(map(str, r['accuracies']))} |"
        )
    lines += ["", reading({r["arm"]: r for r in found["rows"]})]
    if found["proxies"]:
        count = len(found["proxies"][0]["seeds"])
        lines += ["", "## On other proxies", "", f"The same accuracy, mean ± standard error over {count} seeds."]
        lines += [
            "",
            f"| arm | {' | '.join(PROXIES)} | mean of these | lowest | deviation |",
            "|---" * (len(PROXIES) + 4) + "|",
        ]
        for r in found["proxies"]:
            cells = [f"{np.mean(v):.2f} ± {np.std(v, ddof=1) / len(v) ** 0.5:.2f}" for v in r["accuracies"].values()]
            cells += [shown(r[key]) for key in ("mean", "lowest", "spread")]
            lines.append(f"| {r['arm']} | {' | '.join(cells)} |")
        plain, flooded = (r["accuracies"] for r in found["proxies"])
        lines += ["", "With flooding minus without, by seed, 95 % t interval:", ""]
        lines += [f"- {proxy}: {gain(flooded[proxy], plain[proxy])}" for proxy in PROXIES]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
