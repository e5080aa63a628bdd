"""NetAdaptV2: what ordered dropout and multi-layer descent save, and whether the networks found are better.

    NASSAY_DATA=data python benchmarks/netadapt.py --work runs/netadapt --seeds 5

Three parts, `--parts iterations,passes,latency`:

- iterations: descent of one layer and of several at a time, on made-up networks of 20 layers with 8 widths whose scores
  are known, to half of the cost; 30 seeds, seconds;
- passes: super-networks of `bypass` trained by ordered dropout and by single paths with budgets that double, each with
  its whole learning rate schedule; the mean accuracy that 30 random sub-networks inherit;
- latency: `nassay search --strategy netadapt_v2` for some minutes on one core, under the measured latency of a network
  of `bypass` with all layers half as wide; then what was found and that network are trained alike, for longer than the
  search could; and whether what was found is of the descent.

Images are those of the CIFAR-10 subset. What is done is kept as lines of a file in the work folder. Writes
`benchmarks/results/netadapt.md` and `.json`; parts that were not asked for stay as they were.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay import search
from nassay.estimators.base import Fidelity
from nassay.estimators.devices.onnx_latency import LatencyEstimator
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.paths import PathTraining
from nassay.estimators.training import Training
from nassay.spaces.base import Architecture
from nassay.spaces.bypass import BypassSpace
from nassay.strategies.netadapt import Descent
from nassay.studies.ledger import Ledger
from nassay.tasks.base import Task, task_from

RESULTS = Path(__file__).parent / "results"
PARTS = ("iterations", "passes", "latency")
LAYERS, WIDTHS, GOAL = 20, 8, 0.5
DESCENT_SEEDS = 30
RULES = {
    "one layer": {"layers": 1, "proposals": LAYERS, "first_step": 0.03},
    "five layers": {"layers": 5, "proposals": 30, "first_step": 0.06},
}
INTERACTIONS = (0.0, 2.0, 6.0)
PASSES = (5, 10, 20, 40)  # epochs of the super-networks
SUB_NETWORKS = 30
ALONE = 30.0  # epochs
HALF = 4  # eighths of the filters that the uniform network keeps


def main() -> None:
    """Do what is missing of the parts that are asked for, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("runs/netadapt"), help="folder that keeps what is done")
    parser.add_argument("--parts", default=",".join(PARTS), help="names with commas between them")
    parser.add_argument("--seeds", type=int, default=5, help="of the super-networks and searches")
    parser.add_argument("--images", type=int, default=4000, help="of the training split and the others together")
    parser.add_argument("--side", type=int, default=16, help="pixels")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each search under a latency limit")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "netadapt.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {"parts": {}}
    measure: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "iterations": lambda _: iterations(),
        "passes": passes,
        "latency": latency,
    }
    for part in args.parts.split(","):
        options = "" if part == "iterations" else f" --seeds {args.seeds} --images {args.images} --side {args.side}"
        options += f" --minutes {args.minutes:g}" * (part == "latency")
        command = f"python benchmarks/netadapt.py --parts {part}{options}"
        found["parts"][part] = {"command": command, **measure[part](args)}
        found["methods"] = {"strategy/netadapt_v2": method_of(found["parts"])}
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        (RESULTS / "netadapt.md").write_text(page(found["parts"]), "utf-8")


# Iterations ----------------------------------------------------------------------------------------------------------


def iterations() -> dict[str, Any]:
    """Both descents on the same made-up networks."""
    runs: list[dict[str, Any]] = [
        {
            "interactions": strength,
            "seed": seed,
            **{name: descended(strength, seed, rule) for name, rule in RULES.items()},
        }
        for strength in INTERACTIONS
        for seed in range(DESCENT_SEEDS)
    ]
    rows = []
    for strength in INTERACTIONS:
        here = [r for r in runs if r["interactions"] == strength]
        row: dict[str, Any] = {"interactions": strength}
        for name in RULES:
            row[name] = {key: told([r[name][key] for r in here]) for key in here[0][name]}
        one, several = ([r[name] for r in here] for name in RULES)
        row["gain"] = told([b["score"] - a["score"] for a, b in zip(one, several, strict=True)])
        row["iterations"] = sum(r["iterations"] for r in several) / sum(r["iterations"] for r in one)
        row["evaluations"] = sum(r["evaluations"] for r in several) / sum(r["evaluations"] for r in one)
        rows.append(row)
    return {"rows": rows, "seeds": DESCENT_SEEDS}


def descended(strength: float, seed: int, rule: dict[str, Any]) -> dict[str, float]:
    """One descent to half of the cost: iterations, evaluations, and the score at its end.

    A layer's cost is 0.5 to 1.5 before they are made to add up to one. The score is
    -20 sum_l importance_l d_l^2 - d' Q d, with d = 1 - width / 8, importances from a gamma distribution of shape 1 and
    Q upper triangular with normal entries of deviation strength / sqrt(20).
    """
    rng = np.random.default_rng([seed, 0xDE5C])
    cost, importance = rng.uniform(0.5, 1.5, LAYERS), rng.gamma(1.0, size=LAYERS)
    cost /= cost.sum()
    together = np.triu(rng.normal(0, strength / LAYERS**0.5, (LAYERS, LAYERS)), 1) if strength else 0 * np.eye(LAYERS)

    def resource(choices: tuple[int, ...]) -> float:
        return float(cost @ (np.array(choices) / WIDTHS))

    def score(choices: tuple[int, ...]) -> float:
        d = 1 - np.array(choices) / WIDTHS
        return float(-20 * (importance * d**2).sum() - d @ together @ d)

    descent, rng = Descent(resource, **rule), np.random.default_rng(seed)
    way = descent.run((WIDTHS,) * LAYERS, lambda kept: resource(kept[-1]) <= GOAL, rng)
    rounds = evaluated = 0
    proposals = next(way)
    while True:
        rounds, evaluated = rounds + 1, evaluated + len(proposals)
        try:
            proposals = way.send([score(p) for p in proposals])
        except StopIteration as end:
            return {"iterations": rounds, "evaluations": evaluated, "score": score(end.value[-1])}


# Passes --------------------------------------------------------------------------------------------------------------


def passes(args: argparse.Namespace) -> dict[str, Any]:
    """Mean inherited accuracies by rule and budget, and with how many passes ordered dropout is as good."""
    runs = []
    for seed in range(args.seeds):
        for rule in ("spos", "ordered_dropout"):
            for epochs in PASSES:
                key = {"part": "passes", "seed": seed, "rule": rule, "epochs": epochs, **settings(args)}
                runs.append(kept(args.work, key, inherited))
    rows = []
    for epochs in PASSES:
        values = {
            rule: [r["accuracy"] for r in runs if (r["rule"], r["epochs"]) == (rule, epochs)] for rule in RULE_NAMES
        }
        rows.append({"epochs": epochs, **{rule: told(v) for rule, v in values.items()}, "gain": paired(values)})
    shares = [share_of_passes(runs, seed) for seed in range(args.seeds)]
    return {"rows": rows, "seeds": args.seeds, "shares": shares, "sub_networks": SUB_NETWORKS}


RULE_NAMES = ("spos", "ordered_dropout")


def share_of_passes(runs: list[dict[str, Any]], seed: int) -> float | None:
    """The smallest budget of ordered dropout that is as good as single paths' largest, as a share of that."""
    mine = {(r["rule"], r["epochs"]): r["accuracy"] for r in runs if r["seed"] == seed}
    wanted = mine["spos", PASSES[-1]]
    enough = [epochs for epochs in PASSES if mine["ordered_dropout", epochs] >= wanted]
    return enough[0] / PASSES[-1] if enough else None


def inherited(key: dict[str, Any]) -> dict[str, Any]:
    """One super-network, trained with its whole schedule; what random sub-networks inherit, norms re-calibrated."""
    task = task_of(key["images"], key["side"], key["seed"])
    space = BypassSpace(task.input_shape, task.num_outputs)
    torch.manual_seed(key["seed"])
    training = PathTraining(SuperNet(space, width=0.5), task, key["rule"], seed=key["seed"])
    training.run(Fidelity(epochs=key["epochs"], final=True))
    rng = np.random.default_rng([key["seed"], 0x5B])
    drawn = [space.sample(rng).choices for _ in range(SUB_NETWORKS)]
    values = [training.inherit(choices, items=None).value for choices in drawn]
    return {"accuracy": 100 * float(np.mean([v for v in values if v is not None]))}


# Latency -------------------------------------------------------------------------------------------------------------


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """The network found and the uniform one, trained alike, on the test split."""
    runs = []
    for seed in range(args.seeds):
        key = {"part": "latency", "seed": seed, **settings(args), "minutes": args.minutes, "epochs": ALONE}
        runs.append(kept(args.work, key, lambda key: compared(key, args.work)))
        runs[-1] |= {"relative_latency": relative_latency(task_of(args.images, args.side, seed), runs[-1])}
    values = {name: [r[name] for r in runs] for name in ("uniform", "found")}
    means = {name: told(v) for name, v in values.items()}
    descents = sum(r["from_descent"] for r in runs)
    return {"runs": runs, "seeds": args.seeds, "descents": descents, **means, "gain": paired(values)}


def compared(key: dict[str, Any], work: Path) -> dict[str, Any]:
    """One search under the uniform network's latency, and both networks trained alone."""
    task = task_of(key["images"], key["side"], key["seed"])
    space = BypassSpace(task.input_shape, task.num_outputs)
    uniform = uniform_network(space)
    limit = measured(space, uniform)
    folder = work / "-".join(["search", *(f"{key[k]:g}" for k in ("seed", "images", "side", "minutes"))])
    if (folder / "limit.json").exists():  # that of the search that was begun
        limit = json.loads((folder / "limit.json").read_text("utf-8"))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "limit.json").write_text(json.dumps(limit), "utf-8")
    found = search(
        task,
        space="bypass",
        strategy="netadapt_v2",
        constraints={"max_latency_ms": limit},
        minutes=key["minutes"],
        out=folder / "run",
        seed=key["seed"],
        workers=1,
    )
    best = max(found.summary["finalists"], key=lambda row: row["validation_accuracy"] or 0.0)  # not the reference

    def alone(architecture: Architecture) -> float:
        torch.manual_seed(key["seed"])
        training = Training(space.build(architecture), task, seed=key["seed"])
        training.run(Fidelity(epochs=key["epochs"], final=True))
        return 100 * task.metric_of(*training.outputs(task.open_test()))

    return {
        "limit_ms": limit,
        "architecture": best["architecture"],
        "found_ms": best["latency_ms"],
        "from_descent": looked_at(folder / "run", best["architecture"]),
        "found": alone(space.from_string(best["architecture"])),
        "uniform": alone(uniform),
        "macs": best["macs"],
    }


def looked_at(run: Path, architecture: str) -> bool:
    """Whether the descent of a search looked at this network; random draws are trained without."""
    with closing(Ledger.in_folder(run)) as ledger:
        records = [r for r in ledger.records() if r["architecture"] == architecture]
    return any(r["estimator"].startswith("inherited:") for r in records)


def uniform_network(space: BypassSpace) -> Architecture:
    """The one with all layers half as wide."""
    return space.canonical(space.from_string("bypass:" + "-".join([str(HALF) * 4] * 3)))


def relative_latency(task: Task, run: dict[str, Any]) -> float:
    """Latency of the network found over the uniform one's: the median of seven pairs, one measured after the other."""
    space = BypassSpace(task.input_shape, task.num_outputs)
    found, uniform = space.from_string(run["architecture"]), uniform_network(space)
    return float(np.median([measured(space, found) / measured(space, uniform) for _ in range(7)]))


def measured(space: BypassSpace, architecture: Architecture) -> float:
    """Median of three measurements, in ms."""
    found = [LatencyEstimator(space).estimate([architecture])[0].value for _ in range(3)]
    return float(np.median([v for v in found if v is not None]))


# What is kept and shown ----------------------------------------------------------------------------------------------


def settings(args: argparse.Namespace) -> dict[str, Any]:
    return {"images": args.images, "side": args.side}


@cache
def task_of(images: int, side: int, seed: int) -> Task:
    """So many random images of the subset, at so many pixels."""
    with np.load(Path(os.environ["NASSAY_DATA"]) / "images" / "cifar10_subset.npz") as data:
        x, y = data["train_x"], data["train_y"]
    rows = np.random.default_rng(seed).permutation(len(x))[:images]
    return task_from((x[rows], y[rows]), seed=seed, image_shape=(3, side, side))


def kept(work: Path, key: dict[str, Any], measure: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """What was measured for this key before, or now."""
    log = work / "runs.jsonl"
    for line in log.read_text("utf-8").splitlines() if log.exists() else []:
        row: dict[str, Any] = json.loads(line)
        if key.items() <= row.items():
            return row
    began = time.perf_counter()
    row = {**key, **measure(key), "seconds": round(time.perf_counter() - began, 1)}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(row, flush=True)
    return row


def told(values: list[float]) -> list[float]:
    """Mean and standard error."""
    return [float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0]


def paired(values: dict[str, list[float]]) -> list[float]:
    """Mean and standard error of the second's gain over the first."""
    first, second = values.values()
    return told([b - a for a, b in zip(first, second, strict=True)])


def shown(pair: list[float], digits: int = 2) -> str:
    return f"{pair[0]:.{digits}f} ± {pair[1]:.{digits}f}"


def method_of(parts: dict[str, Any]) -> dict[str, str]:
    """For `docs/methods.md`."""
    sentences = []
    if "iterations" in parts:
        rows = parts["iterations"]["rows"]
        ratios, evaluations = (", ".join(f"{r[key]:.2f}" for r in rows) for key in ("iterations", "evaluations"))
        gains = ", ".join(shown(r["gain"]) for r in rows)
        sentences.append(
            f"multi-layer descent takes {ratios} of single-layer descent's iterations with {evaluations} of its "
            f"evaluations, score {gains} better (made-up networks, interactions 0, 2, 6, {DESCENT_SEEDS} seeds)"
        )
    if "passes" in parts:
        last = parts["passes"]["rows"][-1]
        sentences.append(
            f"ordered dropout's sub-networks inherit {shown(last['gain'])} points more than single paths' after "
            f"{last['epochs']} epochs, {parts['passes']['seeds']} seeds"
        )
    if "latency" in parts:
        found = parts["latency"]
        sentences += [
            f"{shown(found['gain'])} points of test accuracy over a uniform network of the same latency, "
            f"{found['seeds']} seeds; {found['descents']} of {found['seeds']} networks found are of the descent"
        ]
    return {"result": "; ".join(sentences), "command": "python benchmarks/netadapt.py"}


def page(parts: dict[str, Any]) -> str:
    """Every part that was measured."""
    lines = ["# NetAdaptV2", "", "Mean ± standard error over seeds throughout."]
    writers = {"iterations": iterations_page, "passes": passes_page, "latency": latency_page}
    for part, writer in writers.items():
        if part in parts:
            lines += ["", f"## {part.capitalize()}", "", f"`{parts[part]['command']}`", "", *writer(parts[part])]
    return "\n".join(lines) + "\n"


def iterations_page(found: dict[str, Any]) -> list[str]:
    lines = [
        f"Descent from {LAYERS} layers of {WIDTHS} widths to {GOAL:g} of the cost, {found['seeds']} seeds; ratios are",
        "of five layers at a time to one, gains are paired.",
        "",
        "| interactions | iterations: one | five | ratio | evaluations: one | five | ratio | gain of score |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        cells = [f"{row['interactions']:g}"]
        for key in ("iterations", "evaluations"):
            cells += [shown(row[name][key], 1) for name in RULES] + [f"{row[key]:.2f}"]
        lines.append(f"| {' | '.join([*cells, shown(row['gain'])])} |")
    return lines


def passes_page(found: dict[str, Any]) -> list[str]:
    shares = [f"{s:.3g}" if s is not None else "more than all" for s in found["shares"]]
    return [
        f"Mean accuracy in percent that {found['sub_networks']} random sub-networks inherit, {found['seeds']} seeds;",
        "each budget is a training with its whole schedule.",
        "",
        "| epochs | single paths | ordered dropout | gain |",
        "|---|---|---|---|",
        *(
            f"| {r['epochs']} | {shown(r['spos'])} | {shown(r['ordered_dropout'])} | {shown(r['gain'])} |"
            for r in found["rows"]
        ),
        "",
        f"Share of the passes with which ordered dropout is as good as single paths with {PASSES[-1]} epochs, seed by "
        f"seed: {', '.join(shares)}.",
    ]


def latency_page(found: dict[str, Any]) -> list[str]:
    lines = [
        "Test accuracy in percent of the network found under the uniform network's measured latency, and of the",
        f"uniform network, each trained alone for {ALONE:g} epochs.",
        "",
        "| seed | limit, ms | found, ms | found / uniform, side by side | network | of the descent | found | uniform |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in found["runs"]:
        times = f"{r['limit_ms']:.3f} | {r['found_ms']:.3f} | {r['relative_latency']:.2f}"
        whose = "yes" if r["from_descent"] else "no"
        levels = f"{r['found']:.2f} | {r['uniform']:.2f}"
        lines.append(f"| {r['seed']} | {times} | `{r['architecture']}` | {whose} | {levels} |")
    means = "; ".join(f"{name} {shown(found[name])}" for name in ("found", "uniform", "gain"))
    return [*lines, "", f"Mean: {means}."]


if __name__ == "__main__":
    main()
