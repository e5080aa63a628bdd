"""Topology-only scores over whole tables, and the other ways to write SED's theory down that were tried.

    NASSAY_DATA=... python benchmarks/topology.py

Every architecture of a table whose truth it has, not only those with published proxy scores. Writes
`benchmarks/results/topology.md` and `.json`.
"""

import ast
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, log
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from aggregate_study import RESULTS, rho, table
from aggregate_tables import TRANSNAS_TASKS, darts_graph, macro_layers, micro_graph, nb101_graph, read
from nassay.estimators.proxies import Unmeasurable
from nassay.estimators.topology import TopologyScorer, topologies
from nassay.estimators.topology.flow import Flow, flow
from nassay.estimators.topology.operations import Operation
from nassay.estimators.topology.sed import INPUT_ENTROPY, RECTIFIED_VARIANCE
from nassay.gaps.ranking import last_where_missing
from nassay.spaces.base import Architecture, Graph
from nassay.spaces.nb201 import NB201

NB201_TRUTHS = {d: f"{d}_test_acc_200" for d in ("cifar10", "cifar100", "imagenet16_120")}
NB101_TRUTHS = {
    "gennas_zero_2500": "cifar10_acc_108_single",
    "naslib_500": "cifar10_valid_acc_naslib",
    "gennas_zero_imgnet": "imagenet_top1",
}
DECIDING = ("transnas_micro", "nb101", "nb301")  # families by whose mean a variant was chosen
Value = Callable[[Flow], float]


@dataclass(frozen=True)
class Task:
    """A table's architectures with one truth; `params` in any unit, where the table has them."""

    family: str
    name: str
    graphs: Sequence[Graph]
    truth: np.ndarray
    params: np.ndarray | None = None
    texts: Sequence[str] = ()


def tasks(data: Path) -> Iterator[Task]:
    space, rows = NB201(), read(data, "nasbench201")
    graphs = [space.graph(space.from_string(row["arch_str"])) for row in rows]
    params, texts = np.array([row["params_cifar10_M"] for row in rows]), [row["arch_str"] for row in rows]
    for name, column in NB201_TRUTHS.items():
        yield Task("nb201", name, graphs, np.array([row[column] for row in rows]), params, texts)
    cells = read(data, "nasbench101_partial")
    for source, column in NB101_TRUTHS.items():
        own = list({row["hash"]: row for row in cells if row["source"] == source and row[column]}.values())
        graphs = [nb101_graph(row["adjacency"], row["ops"].split(",")) for row in own]
        known = np.array([row["params_M"] for row in own]) if own[0]["params_M"] else None
        yield Task("nb101", source, graphs, np.array([row[column] for row in own]), known)
    rows = [r for r in read(data, "nasbench301_zc_proxies") if r["dataset"] == "cifar10" and r["val_accuracy_naslib"]]
    graphs = [darts_graph(ast.literal_eval(row["arch"])) for row in rows]
    yield Task("nb301", "cifar10", graphs, np.array([row["val_accuracy_naslib"] for row in rows]))
    rows = [row for row in read(data, "transnasbench101") if row["space"] == "micro"]
    graphs = [micro_graph(row["arch_str"]) for row in rows]
    for task in TRANSNAS_TASKS:
        yield Task("transnas_micro", task, graphs, np.array([row[task] for row in rows]))
    rows = read(data, "nasbench_macro")
    params = np.array([row["params"] for row in rows])
    yield Task(
        "nb_macro", "cifar10", [macro_layers(r["arch"]) for r in rows], np.array([r["mean_acc"] for r in rows]), params
    )


# Other readings of the theory ------------------------------------------------------------------------------


def change(operation: Operation, pooling: float, rectified: float) -> float:
    """Nats that an operation adds: 1/2 ln t a convolution, -`pooling` ln t a pooling, 1/2 ln `rectified` a ReLU."""
    gained = sum(map(log, operation.convolutions)) / 2 + operation.rectifiers * log(rectified) / 2
    return gained - pooling * sum(map(log, operation.poolings))


def joint(pooling: float, rectified: float, *, most: float = np.inf) -> Value:
    """Entropies of independent paths add up; no operation adds more than `most`."""

    def value(signals: Flow) -> float:
        paths, sums = [1], [INPUT_ENTROPY]
        for operation, sources in zip(signals.operations, signals.sources, strict=True):
            paths.append(sum(paths[i] for i in sources))
            own = min(most, change(operation, pooling, rectified))
            sums.append(sum(sums[i] for i in sources) + paths[-1] * own)
        return sum(sums[i] for i in signals.output)

    return value


def power(pooling: float, rectified: float) -> Value:
    """Entropy powers, that is variances, add up where paths meet; half the logarithm of the output's."""

    def value(signals: Flow) -> float:
        powers = [1.0]
        for operation, sources in zip(signals.operations, signals.sources, strict=True):
            powers.append(exp(2 * change(operation, pooling, rectified)) * sum(powers[i] for i in sources))
        return log(sum(powers[i] for i in signals.output)) / 2

    return value


HE = 0.5  # second moment of a rectified standard normal, bias included
VARIANTS: dict[str, Value] = {
    "sed: joint, pooling ln t, ReLU's variance": topologies["sed"].target,
    "joint, pooling 1/2 ln t, ReLU's variance": joint(0.5, RECTIFIED_VARIANCE),
    "joint, pooling ln t, ReLU's second moment": joint(1, HE),
    "joint, pooling ln t, no ReLU": joint(1, 1),
    "joint, pooling 1/2 ln t, no ReLU": joint(0.5, 1),
    "joint, losses only": joint(1, RECTIFIED_VARIANCE, most=0),
    "powers, pooling ln t, ReLU's variance": power(1, RECTIFIED_VARIANCE),
    "powers, pooling 1/2 ln t, ReLU's variance": power(0.5, RECTIFIED_VARIANCE),
    "powers, pooling ln t, no ReLU": power(1, 1),
    "powers, pooling 1/2 ln t, no ReLU": power(0.5, 1),
    "paths": topologies["paths"].target,
}


# Figures ---------------------------------------------------------------------------------------------------


def values(task: Task, value: Value, flows: dict[Graph, Flow | None]) -> np.ndarray:
    """Disconnected ones last."""
    for graph in task.graphs:
        if graph not in flows:
            flows[graph] = contracted(graph)
    found = [flows[graph] for graph in task.graphs]
    return last_where_missing(np.array([np.nan if f is None else value(f) for f in found]))


def contracted(graph: Graph) -> Flow | None:
    """None for a graph whose input and output are not connected."""
    try:
        return flow(graph)
    except Unmeasurable:
        return None


def cell(x: np.ndarray, truth: np.ndarray) -> str:
    return f"{rho(x, truth):.3f} / {kendalltau(x, truth)[0]:.3f}"


def picked(x: np.ndarray) -> list[int]:
    return [int(i) for i in np.flatnonzero(x == x.max())]


def seconds_per_space() -> float:
    """Processor time of `sed` over all 15,625 NAS-Bench-201 encodings, graphs included, nothing cached."""
    space = NB201()
    architectures = [Architecture("nb201", choices) for choices in product(range(5), repeat=6)]
    scorer, began = TopologyScorer(space, ["sed"]), time.process_time()
    scorer.score_all(architectures)
    return time.process_time() - began


TEXT = """# Topology-only scores

`python benchmarks/topology.py`, {date}. `sed` is a reconstruction, not the paper's formula. Whole tables;
Spearman's rho / Kendall's tau-b; disconnected cells last. All 15,625 NAS-Bench-201 cells are scored by `sed` in
{seconds:.2f} s on one core.

{tables}
## What is picked on NAS-Bench-201

The best score's cell, or the mean of those that share it: test accuracy after 200 epochs in percent.

{picks}
Better than #params with fewer parameters, as the paper claims of its SED, is thus not reached.

## Ways to write the theory down: mean rho of each family

{variants}
t is the number of positions of a window. "Joint" adds the entropies of distinct paths, "powers" their entropy powers.
In words of the derivation in `sed.py`: pooling by 1/2 ln t is its one-dimensional loss, by ln t the multivariate one.

How `sed` was chosen: before any figure of nb201 was seen, a form with powers and ReLU was settled on; after that the
choice was made again, by the mean over transnas_micro, nb101 and nb301, never by nb201 or nb_macro, though nb201's
figures had been seen for most variants before. When it was chosen, every convolution was counted with a ReLU and the
two cells of nb301 were scored apart. Now separable and inverted residual blocks have as many ReLUs as they really
have, and "losses only" is ahead in the deciding mean, by nb301 alone. It was not taken instead: it cannot tell a 3x3
convolution from a skip but for the paths it makes distinct, and the first choice stands. A first try with a ReLU
for every convolution of a block had rho -0.40 on nb_macro without shortcuts: that is how the miscount was found.

transnas_macro and the residual families choose widths, depths and strides; a graph does not show them, and the scores
are not defined there. Counted as chains of 3x3 convolutions, their rho on transnas_macro was -0.07.
"""


def main() -> None:
    if "NASSAY_DATA" not in os.environ:
        sys.exit("Set NASSAY_DATA to the folder that holds tables/nasbench201.parquet and its neighbours.")
    found, flows = list(tasks(Path(os.environ["NASSAY_DATA"]))), dict[Graph, Flow | None]()
    scores = {name: [values(task, value, flows) for task in found] for name, value in VARIANTS.items()}
    seconds = seconds_per_space()
    own = {"sed": scores[next(iter(VARIANTS))], "paths": scores["paths"], "params": [task.params for task in found]}
    rows = []
    for i, task in enumerate(found):
        cells = [cell(column[i], task.truth) if column[i] is not None else "-" for column in own.values()]
        rows.append([task.family, task.name, str(len(task.truth)), *cells])
    full = table(["family", "task", "architectures", *own], rows)
    families = list(dict.fromkeys(task.family for task in found))
    means = {n: _family_means(found, columns, families) for n, columns in scores.items()}
    deciding = {n: float(np.mean([m[f] for f in DECIDING])) for n, m in means.items()}
    variants = [[n, *(f"{m[f]:.3f}" for f in families), f"{deciding[n]:.3f}"] for n, m in means.items()]
    text = TEXT.format(
        date=time.strftime("%Y-%m-%d"),
        seconds=seconds,
        tables=full,
        picks=_picks(found, own),
        variants=table(["variant", *families, "deciding mean"], variants),
    )
    (RESULTS / "topology.md").write_text(text)
    plain = {"seconds_nb201": seconds, "mean_rho": means, "methods": _methods(means, seconds)}
    (RESULTS / "topology.json").write_text(json.dumps(plain, indent=1) + "\n")
    print(text)


def _family_means(found: Sequence[Task], columns: Sequence[np.ndarray], families: Sequence[str]) -> dict[str, float]:
    rhos = [rho(x, task.truth) for x, task in zip(columns, found, strict=True)]
    return {f: float(np.mean([r for r, task in zip(rhos, found, strict=True) if task.family == f])) for f in families}


def _picks(found: Sequence[Task], own: dict[str, list[np.ndarray]]) -> str:
    cells = [(i, task) for i, task in enumerate(found) if task.family == "nb201"]
    rows = []
    for name, columns in {**own, "best": [task.truth for task in found]}.items():
        chosen = [picked(columns[i]) for i, task in cells]
        first, params = cells[0][1], cells[0][1].params
        accuracies = [f"{task.truth[p].mean():.2f}" for p, (_, task) in zip(chosen, cells, strict=True)]
        cost = "-" if name == "best" or params is None else f"{params[chosen[0]].mean():.3f}"
        shown = first.texts[chosen[0][0]].replace("|", "\\|")
        rows.append([name, str(len(chosen[0])), *accuracies, cost, f"`{shown}`"])
    return table(["score", "cells that share it", *NB201_TRUTHS, "params (M)", "first cell, on cifar10"], rows)


def _methods(means: dict[str, dict[str, float]], seconds: float) -> dict[str, dict[str, str]]:
    names = {"sed": next(iter(VARIANTS)), "paths": "paths"}
    return {
        f"topology/{short}": {
            "result": "mean rho "
            + ", ".join(f"{family} {value:.2f}" for family, value in means[name].items())
            + f"; 15,625 cells in {seconds:.1f} s",
            "command": "python benchmarks/topology.py",
        }
        for short, name in names.items()
    }


if __name__ == "__main__":
    main()
