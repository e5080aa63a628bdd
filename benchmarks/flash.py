"""FLASH on skip networks: its predictor on networks trained here, its optimiser against random sampling, and its pick.

    NASSAY_DATA=... python benchmarks/flash.py --work runs/flash

Four measurements:

- the predictor, fitted on 25 of 40 random networks that are trained on Fashion-MNIST at 8x8, judged on the other 15,
  beside log-MACs and log-params;
- the pick: the network that the predictor of the 25 and the optimiser choose under the limit, trained, beside the 15;
- the optimiser: seconds of a warm search, and its objective against the best of 100,000 random networks;
- the linear cost models on networks left out: latency measured here, energy and area of the modelled accelerator.

With `--tables` the predictor is judged on residual networks that others have trained on ImageNet, and on nothing else.

Trainings are kept in the work folder, one line each, so that the command goes on where it was stopped. Writes
`benchmarks/results/flash.json` and `.md`.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from nassay.estimators.analytic import Analytic, Profile
from nassay.estimators.base import Fidelity
from nassay.estimators.devices.in_memory_computing import Chip
from nassay.estimators.devices.linear_cost import LinearCost
from nassay.estimators.devices.onnx_latency import LatencyEstimator
from nassay.estimators.predictors.nn_degree_accuracy import DegreeAccuracy
from nassay.estimators.tables.base import open_table
from nassay.estimators.topology.nn_degree import NNDegree
from nassay.estimators.training import Training
from nassay.gaps.bootstrap import rank_resamples
from nassay.spaces.base import Architecture, Space, spaces
from nassay.spaces.skip_nets import SkipNets
from nassay.strategies.flash import CLOSED_FORMS, SAMPLED
from nassay.strategies.hierarchical_shgo import HIGH, LOW, HierarchicalShgo
from nassay.strategies.problem import Constraints, Problem
from nassay.tasks.base import task_from
from nassay.tasks.classification import Classification

RESULTS = Path(__file__).parent / "results"
IMAGES, SHAPE = "images/fashion_mnist_subset.npz", (1, 8, 8)
FIDELITY = Fidelity(epochs=4, samples=0.1)
MAX_MACS = 4_000_000
DRAWN, SEEDS = 40, 3
TIMED, RANDOM = 20, 100_000
RESAMPLES = 2000
LIMITS = (MAX_MACS, 4 * MAX_MACS, 16 * MAX_MACS)  # of the optimiser's test, MACs
EXPONENT = 0.05  # of latency, energy and area in the objective that has prices

TABLES, TABULATED = ("ResNeXt-A_in", "ResNeXt-B_in"), 125  # families of NDS, networks of each

Trained = dict[str, dict[int, float]]  # accuracies by architecture and seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the trainings")
    parser.add_argument("--family", choices=("skip_concat", "skip_add"), default="skip_concat")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="trainings of each network")
    parser.add_argument("--networks", type=int, default=DRAWN, help="random networks; 25 of them make the predictor")
    parser.add_argument("--latency", action="store_true", help="measure latencies, too: on a machine that is idle")
    parser.add_argument("--tables", action="store_true", help="the predictor on published trainings only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.tables:
        return write({"tables": judge_tables()})
    task = task_from(str(Path(os.environ["NASSAY_DATA"]) / IMAGES), seed=0, image_shape=SHAPE)
    assert isinstance(task, Classification)
    space: SkipNets = spaces[args.family].target(task.input_shape, task.num_outputs)
    problem = Problem(space, Constraints(max_macs=MAX_MACS))
    drawn = list(islice(problem.stream("benchmark", all_sizes=True), args.networks))
    train = partial(train_all, space, task, args.work / f"{args.family}.jsonl", args.seeds)
    trained = train(drawn)
    fitted = fit(space, drawn[: split(drawn)], trained)
    chosen = under_macs(space, fitted.predict, MAX_MACS).search()
    assert chosen is not None
    trained |= train([chosen])
    found = {
        "command": f"python benchmarks/flash.py --work runs/flash --family {args.family} --seeds {args.seeds} "
        f"--networks {args.networks}" + " --latency" * args.latency,
        "date": time.strftime("%Y-%m-%d"),
        "family": args.family,
        "trained": sum(len(seeds) for seeds in trained.values()),
        "predictor": judge_predictor(problem, drawn, trained),
        "pick": judge_pick(problem, drawn[split(drawn) :], chosen, trained, fitted),
        "costs": judge_costs(problem, drawn, latency=args.latency),
    }
    found["optimiser"] = judge_optimiser(space, fitted, found["costs"].pop("models"))
    write({"families": {args.family: found}})


# The trainings ---------------------------------------------------------------------------------------------------


def train_all(space: SkipNets, task: Classification, path: Path, seeds: int, drawn: Sequence[Architecture]) -> Trained:
    """Accuracies of the networks, seed after seed, from the work folder where they are known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    known = {(line["architecture"], line["seed"]): line["accuracy"] for line in lines}
    found: Trained = {}
    for seed in range(seeds):
        for architecture in drawn:
            text = space.to_string(architecture)
            if (text, seed) not in known:
                known[text, seed] = accuracy(space, task, architecture, seed)
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"architecture": text, "seed": seed, "accuracy": known[text, seed]}) + "\n")
            found.setdefault(text, {})[seed] = known[text, seed]
    return found


def accuracy(space: SkipNets, task: Classification, architecture: Architecture, seed: int) -> float:
    """Validation accuracy after one training; the seed is that of weights, order and augmentation."""
    torch.manual_seed(seed)
    estimate = Training(space.build(architecture), task, seed=seed, fidelity=FIDELITY).run(FIDELITY)
    return estimate.value if estimate.value is not None else 1 / task.num_outputs  # a divergence guesses


def means(space: SkipNets, drawn: Sequence[Architecture], trained: Trained) -> np.ndarray:
    """Mean accuracy over seeds."""
    return np.array([np.mean(list(trained[space.to_string(a)].values())) for a in drawn])


def seed_deviation(trained: Trained) -> float | None:
    """Root of the mean variance between seeds."""
    variances = [np.var(list(seeds.values()), ddof=1) for seeds in trained.values() if len(seeds) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else None


# The predictor ---------------------------------------------------------------------------------------------------


def fit(space: SkipNets, drawn: Sequence[Architecture], trained: Trained) -> DegreeAccuracy:
    """The predictor of these networks."""
    return DegreeAccuracy.fit(degrees(space, drawn), means(space, drawn, trained))


def split(drawn: Sequence[Architecture]) -> int:
    """How many of the networks the predictor is fitted on: 25, or two thirds where there are fewer."""
    return min(SAMPLED, 2 * len(drawn) // 3)


def degrees(space: Space, drawn: Sequence[Architecture]) -> np.ndarray:
    return np.array([e.value for e in NNDegree(space).estimate(drawn)])


def judge_predictor(problem: Problem, drawn: list[Architecture], trained: Trained) -> dict[str, Any]:
    """RMSE and Spearman on networks held out, for the predictor and for lines through log-MACs and log-params."""
    space = problem.space
    assert isinstance(space, SkipNets)
    y = means(space, drawn, trained)
    columns, known = columns_of(space, drawn), np.arange(len(drawn))
    first, rest = known[: split(drawn)], known[split(drawn) :]
    rows = {name: judged(name, x, y, first, rest, known) for name, x in columns.items()}
    best, worst = float(y.max()), float(y.min())
    spread = {"mean": float(y.mean()), "best": best, "worst": worst, "seed_deviation": seed_deviation(trained)}
    return {"fitted": len(first), "held_out": len(rest), "accuracy": spread, "rows": rows}


def judge_tables() -> dict[str, Any]:
    """The same on residual networks of NDS that others have trained on ImageNet, NN-Degree counted over the layers."""
    table, found = open_table("nds"), {}
    for dataset in TABLES:
        values = list(table.values(dataset).items())
        picked = np.random.default_rng(0).permutation(len(values))[:TABULATED]
        drawn = [values[i][0] for i in picked]
        columns = columns_of(table.space(dataset), drawn)
        y, known = np.array([values[i][1] for i in picked]) / 100, np.arange(len(drawn))
        rows = {name: judged(name, x, y, known[:SAMPLED], known[SAMPLED:], known) for name, x in columns.items()}
        found[dataset] = {"fitted": SAMPLED, "held_out": len(drawn) - SAMPLED, "rows": rows}
    return found


def columns_of(space: Space, drawn: Sequence[Architecture]) -> dict[str, np.ndarray]:
    """What the accuracy is predicted from."""
    profiles = [Analytic.of(space).profile(a) for a in drawn]
    return {
        "nn_degree": degrees(space, drawn),
        "log_macs": np.log([p.macs for p in profiles]),
        "log_params": np.log([p.params for p in profiles]),
    }


def judged(
    name: str, x: np.ndarray, y: np.ndarray, first: np.ndarray, rest: np.ndarray, known: np.ndarray
) -> dict[str, Any]:
    """One predictor: fitted on `first`, judged on `rest`; its ranks over all that are `known`."""
    error = prediction(name, x[first], y[first])(x[rest]) - y[rest]
    rng = np.random.default_rng(0)
    picks = rng.integers(len(rest), size=(RESAMPLES, len(rest)))
    splits = [rng.permutation(known) for _ in range(100)]
    halves = [(s[: len(first)], s[len(first) :]) for s in splits]
    repeated = [float(np.sqrt(np.mean((prediction(name, x[a], y[a])(x[b]) - y[b]) ** 2))) for a, b in halves]
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "rmse_ci": middle(np.sqrt(np.mean(error[picks] ** 2, axis=1))),
        "rmse_100_splits": float(np.mean(repeated)),
        "spearman": spearman(x[rest], y[rest]),
        "spearman_all": spearman(x[known], y[known]),
    }


def prediction(name: str, x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """theta_A of NN-Degree, else a straight line."""
    if name == "nn_degree":
        return DegreeAccuracy.fit(x, y).predict
    slope, offset = np.polyfit(x, y, 1)
    return lambda new: slope * new + offset


def spearman(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """rho, its 95 % bootstrap interval and n."""
    resamples = rank_resamples(x, y, resamples=RESAMPLES, seed=0)
    return {"rho": float(spearmanr(x, y).statistic), "ci": middle(resamples.rho), "n": len(x)}


def middle(values: np.ndarray) -> list[float]:
    """The middle 95 %."""
    return [float(q) for q in np.quantile(values, [0.025, 0.975])]


# The pick --------------------------------------------------------------------------------------------------------


def under_macs(space: SkipNets, theta: Callable[[np.ndarray], np.ndarray], limit: float) -> HierarchicalShgo:
    """The optimiser under a limit on MACs alone."""
    return HierarchicalShgo(space, theta, CLOSED_FORMS, limits={"macs": limit})


def judge_pick(
    problem: Problem, others: list[Architecture], chosen: Architecture, trained: Trained, fitted: DegreeAccuracy
) -> dict[str, Any]:
    """The optimiser's network beside the random ones that the predictor has not seen."""
    space = problem.space
    assert isinstance(space, SkipNets)
    y = means(space, others, trained)
    value = float(means(space, [chosen], trained)[0])
    near = [a for a in others if problem.profile(a).macs >= 0.8 * MAX_MACS]
    near_y = means(space, near, trained)
    return {
        "architecture": space.to_string(chosen),
        "macs": problem.profile(chosen).macs,
        "predicted": float(fitted.predict(degrees(space, [chosen]))[0]),
        "accuracies": list(trained[space.to_string(chosen)].values()),
        "mean": value,
        "random": {"n": len(y), "mean": float(y.mean()), "sd": float(y.std(ddof=1)), "best": float(y.max())},
        "random_near_the_limit": {"n": len(near_y), "mean": float(near_y.mean()) if len(near_y) else None},
        "better_than": int((y < value).sum()),
    }


# Costs and optimiser ---------------------------------------------------------------------------------------------


def judge_costs(problem: Problem, drawn: list[Architecture], *, latency: bool) -> dict[str, Any]:
    """Cross-validated errors of the linear models."""
    profiles, chip = [problem.profile(a) for a in drawn], Chip()
    values: dict[str, tuple[list[Profile], list[float]]] = {
        "energy_mj": (profiles, [chip.energy_mj(p) for p in profiles]),
        "area_mm2": (profiles, [chip.area_mm2(p) for p in profiles]),
    }
    if latency:
        measured = zip(profiles, LatencyEstimator(problem.space).estimate(drawn), strict=True)
        known = [(p, e.value) for p, e in measured if e.value is not None]
        values["latency_ms"] = [p for p, _ in known], [v for _, v in known]
    models = {name: LinearCost.fit(*columns) for name, columns in values.items()}
    errors = {name: {"mape": m.error.mape, "spearman": m.error.spearman, "n": m.error.n} for name, m in models.items()}
    return {"errors": errors, "models": models}


def judge_optimiser(space: SkipNets, fitted: DegreeAccuracy, models: dict[str, LinearCost]) -> dict[str, Any]:
    """Objective against random sampling, and seconds of a warm search, for limits and for prices."""
    prices = {name: model.predict for name, model in models.items()}
    settings = {f"at most {limit / 1e6:g} M MACs": under_macs(space, fitted.predict, limit) for limit in LIMITS}
    settings[f"{', '.join(sorted(prices))} priced"] = HierarchicalShgo(
        space, fitted.predict, prices, limits={}, exponents=dict.fromkeys(prices, EXPONENT)
    )
    rows = {name: against_random(space, optimiser) for name, optimiser in settings.items()}
    return {"random": RANDOM, "timed": TIMED, "rows": rows}


def against_random(space: SkipNets, optimiser: HierarchicalShgo) -> dict[str, Any]:
    """One setting; random points are whole sizes, all encodings equally likely, and must keep the limits."""
    optimiser.search()  # the first call of a process sets SciPy up
    seconds, evaluations = [], optimiser.evaluations
    for _ in range(TIMED):
        start, cpu = time.perf_counter(), time.process_time()
        found = optimiser.search()
        seconds.append((time.perf_counter() - start, time.process_time() - cpu))
    assert found is not None
    rng = np.random.default_rng(0)
    unit = (HIGH - LOW) / np.array([n - 1 for n in (*space.options[:1], *space.options[1::2], *space.options[2::2])])
    points = LOW + rng.integers(np.round((HIGH - LOW) / unit).astype(int) + 1, size=(RANDOM, len(LOW))) * unit
    feasible = (optimiser.slack(points, whole=True) >= 0).all(-1)
    best_random = float(np.exp(optimiser.objective(points[feasible], whole=True).max())) if feasible.any() else None
    value = float(np.exp(optimiser.objective(point_of(space, found), whole=True)))
    wall, cpu = np.median(seconds, axis=0)
    return {
        "found": space.to_string(found),
        "objective": value,
        "best_random": best_random,
        "feasible_random": int(feasible.sum()),
        "relative": value / best_random - 1 if best_random else None,
        "seconds": float(wall),
        "cpu_seconds": float(cpu),
        "evaluations": evaluations,
    }


def point_of(space: SkipNets, architecture: Architecture) -> np.ndarray:
    """An architecture as the optimiser's point."""
    multiplier, *rest = space.canonical(architecture).choices
    step = (HIGH[0] - LOW[0]) / (space.options[0] - 1)
    return np.array([LOW[0] + multiplier * step, *(d + LOW[1] for d in rest[::2]), *rest[1::2]], dtype=float)


# The page --------------------------------------------------------------------------------------------------------


def write(found: dict[str, Any]) -> None:
    """Keep the results that this command has not measured; the page shows all."""
    path = RESULTS / "flash.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {"families": {}, "tables": {}}
    kept = {name: kept[name] | found.get(name, {}) for name in ("families", "tables")}
    kept["methods"] = methods(kept["families"])
    path.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    parts = [HEAD, *(section(kept["families"][name]) for name in sorted(kept["families"], reverse=True))]
    parts += [table_section(name, kept["tables"][name]) for name in sorted(kept["tables"])]
    path.with_suffix(".md").write_text("".join(parts), "utf-8")
    sys.stdout.write("".join(parts))


def methods(families: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What docs/methods.md says of the strategy."""
    if not families:
        return {}
    found = families.get("skip_concat") or next(iter(families.values()))
    row, macs = (found["predictor"]["rows"][name]["spearman"] for name in ("nn_degree", "log_macs"))
    result = (
        f"Spearman of NN-Degree on {row['n']} held-out `{found['family']}` networks {with_interval(row)}, "
        f"of log-MACs {with_interval(macs)}, after short trainings; the search takes "
        f"{worst(found, 'cpu_seconds'):.2g} CPU seconds warm at most, and ends "
        f"{100 * lowest_gain(found):+.1f} % from the best of {RANDOM:,} random networks at worst"
    )
    return {"strategy/flash": {"result": result, "command": found["command"]}}


def worst(found: dict[str, Any], key: str) -> float:
    """The largest value of the optimiser's settings."""
    return max(row[key] for row in found["optimiser"]["rows"].values())


def lowest_gain(found: dict[str, Any]) -> float:
    """The worst difference from the best random network."""
    return min(row["relative"] for row in found["optimiser"]["rows"].values() if row["relative"] is not None)


def with_interval(row: dict[str, Any]) -> str:
    return f"{row['rho']:+.2f} ({row['ci'][0]:+.2f} to {row['ci'][1]:+.2f})"


HEAD = f"""# FLASH on skip networks

`python benchmarks/flash.py`: random networks of at most {MAX_MACS / 1e6:g} M MACs, trained on a tenth of 8,000
Fashion-MNIST images at 8x8 for {FIDELITY.epochs:g} epochs, judged on 2,000 validation images. Short trainings: their
ranking is what FLASH sees in a search, not what long trainings would say. Intervals: 95 %, bootstrap over networks.
"""


def section(found: dict[str, Any]) -> str:
    """One family."""
    predictor, pick, spread = found["predictor"], found["pick"], found["predictor"]["accuracy"]
    between = f"{100 * spread['seed_deviation']:.2f} points" if spread["seed_deviation"] else "not known"
    lines = [
        f"\n## {found['family']}\n",
        f"`{found['command']}`, {found['date']}, {found['trained']} trainings. Accuracies from "
        f"{100 * spread['worst']:.1f} to {100 * spread['best']:.1f} %, deviation between seeds {between}.\n",
        f"The predictor, fitted on {predictor['fitted']} networks, on {predictor['held_out']} held out:\n",
        *predictor_rows(predictor["rows"]),
    ]
    lines += ["", pick_sentence(pick), "", "The optimiser against the best of 100,000 random networks:\n"]
    lines += ["| setting | objective | best random (feasible) | difference | s warm, wall | CPU | evaluations |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for name, row in found["optimiser"]["rows"].items():
        random = f"{row['best_random']:.4f}" if row["best_random"] else "none"
        relative = f"{100 * row['relative']:+.2f} %" if row["relative"] is not None else "-"
        lines.append(
            f"| {name} | {row['objective']:.4f} | {random} ({row['feasible_random']:,}) | {relative} | "
            f"{row['seconds']:.3f} | {row['cpu_seconds']:.3f} | {row['evaluations']} |"
        )
    lines += ["", "Linear cost models, cross-validated:\n", "| cost | MAPE | Spearman | n |", "|---|---:|---:|---:|"]
    for name, row in found["costs"]["errors"].items():
        modelled = " (measured here)" if name == "latency_ms" else " (of the modelled chip)"
        lines.append(f"| {name}{modelled} | {100 * row['mape']:.1f} % | {row['spearman']:.2f} | {row['n']} |")
    return "\n".join(lines) + "\n"


def table_section(name: str, found: dict[str, Any]) -> str:
    """One family of NDS."""
    lines = [
        f"\n## {name} of NDS\n",
        f"`python benchmarks/flash.py --work runs/flash --tables`: published ImageNet accuracies of random networks; "
        f"fitted on {found['fitted']}, held out {found['held_out']}. NN-Degree counted over the layers.\n",
        *predictor_rows(found["rows"]),
    ]
    return "\n".join(lines) + "\n"


def predictor_rows(rows: dict[str, Any]) -> list[str]:
    """A table of predictors."""
    lines = [
        "| predictor | RMSE, points | over 100 splits | Spearman, held out | Spearman, all |",
        "|---|---|---:|---|---|",
    ]
    for name, row in rows.items():
        low, high = (100 * v for v in row["rmse_ci"])
        lines.append(
            f"| {name.replace('_', '-')} | {100 * row['rmse']:.2f} ({low:.2f} to {high:.2f}) | "
            f"{100 * row['rmse_100_splits']:.2f} | {with_interval(row['spearman'])} | "
            f"{with_interval(row['spearman_all'])} |"
        )
    return lines


def pick_sentence(pick: dict[str, Any]) -> str:
    """The pick beside the random networks."""
    random, near = pick["random"], pick["random_near_the_limit"]
    beside = f", those within a fifth of the limit {100 * near['mean']:.2f} % (n {near['n']})" if near["n"] else ""
    return (
        f"The pick under the limit, `{pick['architecture']}`: {100 * pick['mean']:.2f} % (mean of "
        f"{len(pick['accuracies'])} trainings; predicted {100 * pick['predicted']:.2f} %). The held-out random "
        f"networks: mean {100 * random['mean']:.2f}, SD {100 * random['sd']:.2f}, best {100 * random['best']:.2f} % "
        f"(n {random['n']}){beside}. The pick beats {pick['better_than']} of {random['n']}."
    )


if __name__ == "__main__":
    main()
