"""Published scores of zero-cost proxies beside measured accuracies, and the topology-only scores of this library.

NAS-Bench-Suite-Zero's scores on five search spaces, as tables under `NASSAY_DATA`; what `aggregate_study.py` reads.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from nassay.estimators.topology import score, topologies
from nassay.gaps.ranking import last_where_missing
from nassay.spaces.base import Architecture, Graph
from nassay.spaces.blocks import chain_graph
from nassay.spaces.nb201 import NB201

PUBLISHED = {
    "macs": "flops", "params": "params", "synflow": "synflow", "nwot": "nwot", "jacov": "jacov", "zen": "zen",
    "l2_norm": "l2_norm", "snip": "snip", "grad_norm": "grad_norm", "fisher": "fisher", "grasp": "grasp",
    "plain": "plain", "epe_nas": "epe_nas",
}  # fmt: skip
NB101_COLUMNS = {"macs": "flops_naslib_M", "params": "params_M"}
TRANSNAS_TASKS = (
    "class_scene", "class_object", "jigsaw", "normal", "segmentsemantic", "room_layout", "autoencoder",
)  # fmt: skip
DARTS_OPERATIONS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
FAILED = -1e7  # the publisher wrote -1e8 for a proxy without a value
MOST_MISSING = 0.1  # share of a benchmark's architectures; above it a signal does not exist there
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Benchmark:
    """Architectures with a truth and signals.

    Attributes:
        family: the search space.
        name: data set or task.
        truth: (n,) larger is better.
        signals: (n,) each, larger is better by its authors' claim, no value ranked last.
    """

    family: str
    name: str
    truth: np.ndarray
    signals: dict[str, np.ndarray]


def read(data: Path, table: str) -> Rows:
    return list(pq.read_table(data / "tables" / f"{table}.parquet").to_pylist())


def benchmark(family: str, name: str, truth: Sequence[float], columns: dict[str, list[Any]]) -> Benchmark:
    """Signals that too many architectures lack, or that are constant, are left out."""
    signals = {}
    for signal, column in columns.items():
        values = np.array([np.nan if v is None or v < FAILED else v for v in column], dtype=float)
        if np.isnan(values).mean() <= MOST_MISSING and np.nanstd(values) > 0:
            signals[signal] = last_where_missing(values)
    return Benchmark(family, name, np.array(truth, dtype=float), signals)


@cache
def topology(graph: Graph) -> dict[str, float | None]:
    """All topology-only scores; None where the graph is not connected."""
    return {name: estimate.value for name, estimate in score(graph, topologies.names()).items()}


def columns(rows: Rows, graphs: Sequence[Graph], named: dict[str, str] = PUBLISHED) -> dict[str, list[Any]]:
    read_off = {signal: [row.get(column) for row in rows] for signal, column in named.items()}
    scored = [topology(g) for g in graphs]
    return read_off | {name: [s[name] for s in scored] for name in topologies.names()}


def nb201(data: Path) -> Iterator[Benchmark]:
    space = NB201()
    truths = {row["arch_str"]: row for row in read(data, "nasbench201")}
    rows = [row for row in read(data, "nasbench201_zc_proxies") if row["synflow"] is not None]
    for dataset in ("cifar10", "cifar100", "ImageNet16-120"):
        own = [row for row in rows if row["dataset"] == dataset]
        column = f"{dataset.lower().replace('-', '_')}_test_acc_200"
        graphs = [space.graph(space.from_string(row["arch_str"])) for row in own]
        yield benchmark("nb201", dataset, [truths[row["arch_str"]][column] for row in own], columns(own, graphs))


def nb101(data: Path) -> Iterator[Benchmark]:
    """One row for each distinct cell."""
    rows = [row for row in read(data, "nasbench101_partial") if row["source"] == "naslib_500"]
    rows = list({row["hash"]: row for row in rows}.values())
    graphs = [nb101_graph(row["adjacency"], row["ops"].split(",")) for row in rows]
    named = {signal: NB101_COLUMNS.get(signal, f"zc_{column}") for signal, column in PUBLISHED.items()}
    yield benchmark("nb101", "cifar10", [r["cifar10_valid_acc_naslib"] for r in rows], columns(rows, graphs, named))


def nb101_graph(adjacency: str, labels: Sequence[str]) -> Graph:
    n = len(labels)
    return Graph(tuple(labels), tuple((i, j) for i in range(n) for j in range(n) if adjacency[i * n + j] == "1"))


def nb301(data: Path) -> Iterator[Benchmark]:
    rows = [r for r in read(data, "nasbench301_zc_proxies") if r["dataset"] == "cifar10" and r["params"] is not None]
    graphs = [darts_graph(ast.literal_eval(row["arch"])) for row in rows]
    yield benchmark("nb301", "cifar10", [row["val_accuracy_naslib"] for row in rows], columns(rows, graphs))


def darts_graph(cells: Sequence[Sequence[tuple[int, int]]]) -> Graph:
    """The normal cell, then the reduction cell, eight (source, operation) each; both inputs are one signal."""
    labels, edges, last = ["input"], [], 0
    for cell, output in zip(cells, ("concat", "output"), strict=True):
        nodes: list[list[int]] = [[last], [last]]
        for pair in (cell[i : i + 2] for i in range(0, len(cell), 2)):
            here = len(labels)
            labels += [DARTS_OPERATIONS[operation] for _, operation in pair]
            edges += [(read, here + i) for i, (source, _) in enumerate(pair) for read in nodes[source]]
            nodes.append([here, here + 1])
        last = len(labels)
        labels.append(output)
        edges += [(i, last) for node in nodes[2:] for i in node]
    return Graph(tuple(labels), tuple(edges))


def transnas(data: Path) -> Iterator[Benchmark]:
    truths = {row["arch_str"]: row for row in read(data, "transnasbench101")}
    rows = [row for row in read(data, "transnasbench101_zc_proxies") if row["params"] is not None]
    for kind in ("micro", "macro"):
        for task in TRANSNAS_TASKS:
            own = [row for row in rows if row["search_space"].endswith(kind) and row["dataset"] == task]
            codes = [ast.literal_eval(row["arch"]) for row in own]
            texts = [
                row["arch_str"] or f"64-{''.join(str(c) for c in code if c)}-basic"
                for row, code in zip(own, codes, strict=True)
            ]
            graphs = [micro_graph(text) if kind == "micro" else macro_graph(text) for text in texts]
            truth = [truths[text][task] for text in texts]
            yield benchmark(f"transnas_{kind}", task, truth, columns(own, graphs))


def micro_graph(text: str) -> Graph:
    """The cell's wiring and operations are NAS-Bench-201's without pooling."""
    return NB201().graph(Architecture("nb201", tuple(int(c) for c in text.split("-")[2].replace("_", ""))))


def macro_graph(text: str) -> Graph:
    """A chain of residual blocks, two a module: widths and strides do not show."""
    return chain_graph([("stem", False)] + [("basic", True)] * (2 * len(text.split("-")[1])))


def nb_macro(data: Path) -> Iterator[Benchmark]:
    """Costs only: nobody published proxy scores."""
    rows = read(data, "nasbench_macro")
    found = columns(rows, [macro_layers(row["arch"]) for row in rows], {"params": "params", "macs": "flops"})
    yield benchmark("nb_macro", "cifar10", [row["mean_acc"] for row in rows], found)


def macro_layers(digits: str) -> Graph:
    """NAS-Bench-Macro: stages of two, three and three layers, no identity past a stage's first one."""
    names, firsts = ("id", "mb3_k3", "mb6_k5"), (0, 2, 5)
    chain = [(names[int(d)], d != "0" and i not in firsts) for i, d in enumerate(digits)]
    return chain_graph([("stem", False), *chain, ("tail", False)])


def benchmarks(data: Path) -> list[Benchmark]:
    """All of them, family by family."""
    return [*nb201(data), *nb101(data), *nb301(data), *transnas(data), *nb_macro(data)]
