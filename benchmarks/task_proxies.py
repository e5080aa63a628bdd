"""Zero-cost proxies on tasks other than naming images: do they rank networks there, too?

    python benchmarks/task_proxies.py --work runs/task-proxies

For every task, random networks of one space within a limit of parameters are trained alone on embedded data, and every
proxy's order of the untrained networks is held against the order of their validation metric. Proxies derive the task's
own loss. Trainings and scores are kept in the work folder, one line each with its settings, so that the command goes on
where it was stopped and other settings begin anew; `--part I/N` does every N-th network only, for several processes
side by side, and `--table-only` writes the table. Writes `benchmarks/results/task_proxies.json` and `.md`.
"""

import argparse
import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Fidelity
from nassay.estimators.proxies import Batch, ProxyScorer
from nassay.estimators.proxies.base import proxies
from nassay.estimators.topology import TopologyScorer, topologies
from nassay.estimators.training import Training
from nassay.gaps import gap
from nassay.reports.bench_tables import correlation, interval
from nassay.spaces.base import Architecture, Space
from nassay.strategies.problem import Constraints, Problem
from nassay.tasks.base import Task, task_from

RESULTS = Path(__file__).parent / "results"
SOURCES = {"classification": "digits", "detection": "composites", "depth": "stereo", "retrieval": "digits"}
BATCH = 16
LEFT_OUT = ("grasp", "ntk_condition", "grad_sign")  # far dearer than the others, by their definition
NOTE = (
    "Kendall's tau-b of a proxy of the untrained network against the validation metric of the trained one, with a "
    "95 % bootstrap interval over networks; one space, embedded data, one seed of weights, short trainings. Empty: no "
    f"value. Left out as far dearer than the others: {', '.join(LEFT_OUT)}."
)

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps trainings and scores")
    parser.add_argument("--tasks", nargs="+", choices=tuple(SOURCES), default=list(SOURCES))
    parser.add_argument("--space", default="mobile")
    parser.add_argument("--networks", type=int, default=30)
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--max-params", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="0/1", help="which of how many processes this one is")
    parser.add_argument("--table-only", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    part, parts = map(int, args.part.split("/"))
    found = {}
    for name in args.tasks:
        task = task_from(SOURCES[name], task=name, seed=args.seed)
        space = task.space(args.space)
        problem = Problem(space, Constraints(max_params=args.max_params), seed=args.seed)
        drawn = list(islice(problem.stream("task proxies"), args.networks))
        if not args.table_only:
            for architecture in drawn[part::parts]:
                pay(args, task, space, architecture, args.work / f"{name}-{part}.jsonl")
        rows = [row for path in sorted(args.work.glob(f"{name}-*.jsonl")) for row in lines(path)]
        known = {row["architecture"]: row for row in rows if row["settings"] == settings(args, name)}
        found[name] = judged(task, [known[t] for a in drawn if (t := space.to_string(a)) in known], args.seed)
    if parts == 1 or args.table_only:
        write(args, found)


def settings(args: argparse.Namespace, name: str) -> Row:
    """What a row depends on beside the architecture."""
    return {
        "source": SOURCES[name],
        "space": args.space,
        "epochs": args.epochs,
        "seed": args.seed,
        "batch": BATCH,
        "left_out": list(LEFT_OUT),
    }


def pay(args: argparse.Namespace, task: Task, space: Space, architecture: Architecture, path: Path) -> None:
    """Train and score one network, unless the file knows it at these settings."""
    key = {"architecture": space.to_string(architecture), "settings": settings(args, task.name)}
    path.parent.mkdir(parents=True, exist_ok=True)
    if any(key.items() <= row.items() for row in lines(path)):
        return
    torch.manual_seed(args.seed)
    bound = Fidelity(epochs=args.epochs, final=True)
    trained = Training(space.build(architecture), task, seed=args.seed).run(bound)
    row = {**key, "metric": trained.value, "reason": trained.reason, **scores(args, task, space, architecture)}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def scores(args: argparse.Namespace, task: Task, space: Space, architecture: Architecture) -> Row:
    """Every proxy's value of one network, None where there is none, and the reasons."""
    rows = np.sort(np.random.default_rng(args.seed).permutation(len(task.train))[:BATCH])
    x = task.prepare(torch.from_numpy(np.array(task.train.x[rows])))
    batch = Batch(x, torch.from_numpy(np.array(task.train.y[rows])), task.proxy_loss)
    names = [name for name in proxies.names() if name not in LEFT_OUT]
    found = ProxyScorer(space, batch, names, seed=args.seed).score_all([architecture])[0]
    found |= TopologyScorer(space, topologies.names()).score_all([architecture])[0]
    costs = Analytic.of(space).totals(architecture)
    values = {name: estimate.value for name, estimate in found.items()}
    reasons = {name: estimate.reason for name, estimate in found.items() if estimate.value is None}
    return {"values": {**values, "params": costs["params"], "macs": costs["macs"]}, "reasons": reasons}


def judged(task: Task, rows: list[Row], seed: int) -> Row:
    """Each proxy against the metric of the trained networks."""
    directions = {name: entry["direction"] for name, entry in ((e.name, e.info) for e in (*proxies, *topologies))}
    truth = [row["metric"] for row in rows]
    reports = {}
    for name in rows[0]["values"] if rows else ():
        signs = [None if (v := row["values"][name]) is None else directions.get(name, 1) * v for row in rows]
        report = gap(name, task.metric, signs, truth, seed=seed).to_dict()
        reasons = {row["reasons"][name] for row in rows if name in row["reasons"]}
        reports[name] = {**report, "why": next(iter(sorted(reasons)), None)}
    return {"metric": task.metric, "n": len(rows), "trained": [t for t in truth if t is not None], "proxies": reports}


def lines(path: Path) -> list[Row]:
    """The rows of a work file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def write(args: argparse.Namespace, found: dict[str, Row]) -> None:
    """The JSON and the page."""
    command = (
        f"python benchmarks/task_proxies.py --work runs/task-proxies --tasks {' '.join(found)} --space {args.space} "
        f"--networks {args.networks} --epochs {args.epochs:g} --max-params {args.max_params} --seed {args.seed}"
    )
    document = {"command": command, "date": time.strftime("%Y-%m-%d"), "seed": args.seed, "tasks": found}
    head, rows = table(found)
    document["method_tables"] = [{"title": "Proxies on tasks trained here", "note": NOTE, "head": head, "rows": rows}]
    (RESULTS / "task_proxies.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", "utf-8")
    (RESULTS / "task_proxies.md").write_text(page(document), "utf-8")


def page(document: Row) -> str:
    """The results as Markdown."""
    tasks = document["tasks"]
    text = ["# Zero-cost proxies on other tasks", "", f"`{document['command']}`, {document['date']}.", "", NOTE, ""]
    head, rows = table(tasks)
    text += [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]
    spread = [f"{n}: {min(f['trained']):.3f} to {max(f['trained']):.3f}" for n, f in tasks.items() if f["trained"]]
    return "\n".join([*text, "", f"Metrics reached, {'; '.join(spread)}."]) + "\n"


def table(tasks: dict[str, Row]) -> tuple[list[str], list[list[str]]]:
    """A proxy a line, a task a column: the head, and the rows by mean tau."""
    names = sorted({n for found in tasks.values() for n in found["proxies"]}, key=lambda n: -mean_tau(tasks, n))
    head = ["proxy", *(f"{name} ({found['metric']}, n {found['n']})" for name, found in tasks.items())]
    return head, [[f"`{n}`", *(cell(found["proxies"].get(n)) for found in tasks.values())] for n in names]


def mean_tau(tasks: dict[str, Row], name: str) -> float:
    """Over the tasks where there is one; -1 without any."""
    taus = [t for found in tasks.values() if (t := (found["proxies"].get(name) or {}).get("kendall_tau")) is not None]
    return float(np.mean(taus)) if taus else -1.0


def cell(report: Row | None) -> str:
    """Rank correlation with its interval."""
    if report is None or report["kendall_tau"] is None:
        return (report or {}).get("why") or ""
    return f"{correlation(report['kendall_tau'])} [{interval(report['ci_low'], report['ci_high'])}]"


if __name__ == "__main__":
    main()
