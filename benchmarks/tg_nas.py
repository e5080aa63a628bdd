"""TG-NAS: trained on NAS-Bench-101's cells, asked for the order of cells that it has never seen.

    NASSAY_DATA=... python benchmarks/tg_nas.py [--work runs/tg_nas] [--only-held-out]

1. Every variant is trained on four fifths of NAS-Bench-101's cells at hand and judged on the fifth that is left; that
   alone decides about the number of epochs and about what nassay ships.
2. Every variant orders cells of other benchmarks, which decide nothing.
3. The shipped predictor's search on NAS-Bench-201.

What is trained is kept in the work folder: the same command goes on where it was stopped. Writes
`benchmarks/results/tg_nas.md` and `.json`.
"""

import argparse
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from scipy.stats import kendalltau
from torch import Tensor

from aggregate_study import RESULTS
from aggregate_study import table as markdown
from aggregate_tables import read
from make_tg_nas import nasbench101
from nassay.estimators.predictors.tg_nas.fitting import PAPER_CODE, PAPER_TEXT, SHIPPED, Settings, fit
from nassay.estimators.predictors.tg_nas.gcn import GCN, Cells, join
from nassay.estimators.predictors.tg_nas.predictor import TOGETHER, WEIGHTS, load_embeddings, shipped
from nassay.estimators.topology.flow import flow
from nassay.estimators.topology.tg_nas import cell, predict
from nassay.gaps.ranking import last_where_missing
from nassay.spaces.base import Architecture, Graph
from nassay.spaces.nb201 import NB201
from nassay.spaces.nb201_equivalence import EDGES, OPERATIONS
from nassay.strategies.problem import Problem
from nassay.strategies.tg_nas import TGNAS
from topology import tasks

SEEDS = range(3)
FOLD = 5  # one cell in so many is held out
EVERY = 10  # epochs between two looks at the held-out cells
SEARCHES = range(10)


@dataclass(frozen=True)
class Variant:
    """How the network is made and trained.

    Attributes:
        settings: layers, loss and schedule.
        features: what stands for an operation: its phrase (text), a column of its own (one-hot), another's phrase
            (shuffled).
        columns: how many of the two columns of NAS-Bench-101 it is trained on.
    """

    settings: Settings
    features: str = "text"
    columns: int = 2


VARIANTS = {
    "shipped": Variant(SHIPPED),
    "without the small cells": Variant(SHIPPED, columns=1),
    "one-hot": Variant(SHIPPED, "one-hot"),
    "shuffled phrases": Variant(SHIPPED, "shuffled"),
    "the paper's text": Variant(PAPER_TEXT, columns=1),
    "the paper's code": Variant(PAPER_CODE, columns=1),
}


def features(kind: str, table: Tensor, seed: int) -> Tensor:
    """The table of features with every phrase's embedding, a column of its own, or another phrase's embedding."""
    count = len(table) - 1
    if kind == "one-hot":
        return torch.eye(count + 1)
    if kind == "shuffled":
        order = np.random.default_rng(seed).permutation(count)
        return torch.cat([table[torch.from_numpy(order)], table[-1:]])
    return table


# 1. Held-out cells of NAS-Bench-101 ---------------------------------------------------------------------------------


def held_out(work: Path) -> dict[str, list[list[list[float]]]]:
    """For each variant and seed Kendall's tau on both columns' held-out cells after 10, 20, ... epochs."""
    rows, table = load_embeddings()
    kept, held = [], []
    for graphs, accuracies in nasbench101():
        order, truth = np.random.default_rng(0).permutation(len(graphs)), np.array(accuracies)
        rest = np.delete(order, np.s_[::FOLD])
        kept.append(([graphs[i] for i in rest], truth[rest]))
        out = order[::FOLD]
        held.append((join([graphs[i] for i in out], rows, len(table) - 1), truth[out]))
    found: dict[str, list[list[list[float]]]] = {}
    for name, variant in VARIANTS.items():
        for seed in SEEDS:
            path = place(work, name, seed)
            if not path.exists():
                own = features(variant.features, table, seed)
                watched = Watch(own, held)
                fit(kept[: variant.columns], own, rows, variant.settings, seed, watched)
                print(name, seed, watched.taus[-1], flush=True)
                torch.save({"taus": watched.taus, "states": watched.states}, path)
            found.setdefault(name, []).append(torch.load(path, weights_only=True)["taus"])
    return found


class Watch:
    """Looks at held-out cells while a network is trained, and keeps its weights.

    Args:
        table: of features.
        held: held-out cells and their accuracies, by column.
    """

    def __init__(self, table: Tensor, held: Sequence[tuple[Cells, np.ndarray]]) -> None:
        self._table, self._held = table, held
        self.taus: list[list[float]] = []
        self.states: dict[int, dict[str, Tensor]] = {}

    def __call__(self, epoch: int, network: GCN) -> None:
        """Called after every epoch."""
        if epoch % EVERY:
            return
        network.eval()
        with torch.no_grad():
            self.taus.append([tau(network(self._table, cells).numpy(), truth) for cells, truth in self._held])
        self.states[epoch] = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        network.train()


def place(work: Path, name: str, seed: int) -> Path:
    """Where a trained network is kept."""
    return work / f"{re.sub(r'[^a-z0-9]+', '-', name)}-{seed}.pt"


def best_epoch(taus: Sequence[Sequence[Sequence[float]]]) -> int:
    """The number of epochs with the best mean over seeds and columns."""
    return EVERY * (1 + int(np.argmax(np.mean(taus, axis=(0, 2)))))


def tau(scores: np.ndarray, truth: np.ndarray) -> float:
    return float(kendalltau(last_where_missing(scores), truth).statistic)


# 2. Cells of other benchmarks ---------------------------------------------------------------------------------------


def all_nodes(architecture: Architecture) -> Graph:
    """NAS-Bench-201's six edges as nodes, `none`, skips and dead ones included, as in the paper."""
    ends = [(0, -1), *EDGES, (-1, 3)]
    edges = ((a, b) for a, (end, _) in enumerate(ends) for b, (_, start) in enumerate(ends) if end == start >= 0)
    return Graph(("input", *(OPERATIONS[c] for c in architecture.choices), "output"), tuple(edges))


def contracted(graph: Graph) -> Graph | None:
    return cell(flow(graph)) if graph.edges else None


def transfer(work: Path, taus: dict[str, list[list[list[float]]]]) -> list[dict[str, Any]]:
    """Kendall's tau of every variant, encoding and data set of NAS-Bench-201; also of #params and #macs."""
    data = Path(os.environ["NASSAY_DATA"])
    found = [task for task in tasks(data) if task.family == "nb201"]
    space = NB201()
    encoded: dict[str, list[Graph | None]] = {
        "all nodes": [all_nodes(space.from_string(text)) for text in found[0].texts],
        "live nodes": [graph if graph.edges else None for graph in found[0].graphs],
        "contracted": [contracted(graph) for graph in found[0].graphs],
    }
    rows, table = load_embeddings()
    joined = {name: (present(graphs), joined_cells(graphs, rows, len(table) - 1)) for name, graphs in encoded.items()}
    lines = []
    for name, variant in VARIANTS.items():
        epoch = best_epoch(taus[name])
        members = []
        for seed in SEEDS:
            own = features(variant.features, table, seed)
            network = GCN(own.shape[1], variant.settings.layers, variant.settings.normalised).eval()
            network.load_state_dict(torch.load(place(work, name, seed), weights_only=True)["states"][epoch])
            members.append((network, own))
        for encoding, (there, cells) in joined.items():
            scores = [scored(network, own, there, cells) for network, own in members]
            for task in found:
                single = [tau(s, task.truth) for s in scores]
                mean = tau(np.mean(scores, axis=0), task.truth)
                lines.append(
                    {"variant": name, "encoding": encoding, "dataset": task.name, "seeds": single, "mean": mean}
                )
        print(name, [round(line["mean"], 3) for line in lines[-9:]], flush=True)
    macs = np.array([row["flops_naslib_cifar10_M"] for row in read(data, "nasbench201")])
    for task in found:
        assert task.params is not None
        for name, values in (("#params", task.params), ("#macs", macs)):
            lines.append({"variant": name, "encoding": "", "dataset": task.name, "mean": tau(values, task.truth)})
    return lines


def present(graphs: Sequence[Graph | None]) -> np.ndarray:
    return np.array([graph is not None for graph in graphs])


def joined_cells(graphs: Sequence[Graph | None], rows: Mapping[str, int], last_row: int) -> Cells:
    return join([graph for graph in graphs if graph is not None], rows, last_row)


def scored(network: GCN, table: Tensor, there: np.ndarray, cells: Cells) -> np.ndarray:
    """Predictions, NaN where there is no graph."""
    values = np.full(len(there), np.nan)
    with torch.inference_mode():
        parts = [network(table, cells[slice(i, i + TOGETHER)]) for i in range(0, len(cells), TOGETHER)]
    values[there] = torch.cat(parts).numpy()
    return values


def elsewhere() -> tuple[list[dict[str, Any]], float]:
    """The shipped predictor on every benchmark of cells, and its price in microseconds an architecture."""
    lines, prices, known = [], [], {}
    shipped()
    for task in list(tasks(Path(os.environ["NASSAY_DATA"]))):
        started = time.process_time()
        if id(task.graphs) not in known:  # the data sets of a table share their cells
            known[id(task.graphs)] = predict(task.graphs)
            prices.append((time.process_time() - started) / len(task.graphs))
        values = known[id(task.graphs)]
        lines.append({"family": task.family, "task": task.name, "n": len(values), "tau": tau(values, task.truth)})
    return lines, 1e6 * prices[0]


# 3. The search ------------------------------------------------------------------------------------------------------


def searches() -> list[dict[str, Any]]:
    """The hybrid search on NAS-Bench-201 with several seeds; the found cells' test accuracies in percent."""
    data = Path(os.environ["NASSAY_DATA"])
    space = NB201()
    truth: dict[Architecture, list[list[float]]] = {}
    for row in read(data, "nasbench201"):
        own = [row[f"{d}_test_acc_200"] for d in ("cifar10", "cifar100", "imagenet16_120")]
        truth.setdefault(space.canonical(space.from_string(row["arch_str"])), []).append(own)
    lines = []
    for seed in SEARCHES:
        started, cpu = time.perf_counter(), time.process_time()
        strategy = TGNAS(Problem(NB201(), seed=seed))
        found = strategy.search()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
        parts = {"found": found, "pruned": strategy.pruned, "evolved": strategy.evolved}
        accuracies = {k: np.mean(truth[a], axis=0).round(2).tolist() if a else None for k, a in parts.items()}
        text = space.to_string(found) if found else ""
        scores = len(strategy.scores)
        lines.append(
            {"seed": seed, "seconds": seconds, "cpu_seconds": cpu_seconds, "scored": scores, "cell": text, **accuracies}
        )
        print(lines[-1], flush=True)
    return lines


# 4. Writing it down --------------------------------------------------------------------------------------------------


def held_table(taus: dict[str, list[list[list[float]]]]) -> str:
    rows = []
    for name, own in taus.items():
        epoch = best_epoch(own)
        at = np.array(own)[:, epoch // EVERY - 1]
        spread = [f"{m:.3f} ± {sd:.3f}" for m, sd in zip(at.mean(0), at.std(0, ddof=1), strict=True)]
        rows.append([name, str(epoch), *spread])
    return markdown(["variant", "epochs", "tau, 6 and 7 vertices", "tau, smaller cells"], rows)


def moved_table(moved: Sequence[dict[str, Any]]) -> str:
    datasets = list(dict.fromkeys(line["dataset"] for line in moved))
    cells: dict[tuple[str, str], list[str]] = {}
    for line in moved:
        text = f"{line['mean']:.3f}"
        if "seeds" in line:
            text += f" ({np.mean(line['seeds']):.3f} ± {np.std(line['seeds'], ddof=1):.3f})"
        cells.setdefault((line["variant"], line["encoding"]), []).append(text)
    return markdown(["variant", "graph", *datasets], [[*key, *own] for key, own in cells.items()])


def search_table(runs: Sequence[dict[str, Any]]) -> str:
    head = ["seed", "seconds", "CPU seconds", "cells scored", "found", "pruning", "evolution"]
    rows = []
    for run in runs:
        accuracies = [" / ".join(f"{v:.2f}" for v in run[k]) for k in ("found", "pruned", "evolved")]
        numbers = (str(run["seed"]), f"{run['seconds']:.1f}", f"{run['cpu_seconds']:.1f}", str(run["scored"]))
        rows.append([*numbers, *accuracies])
    return markdown(head, rows)


def above(found: dict[str, Any]) -> str:
    """What the shipped predictor has more than #params, data set by data set."""
    own = [line["tau"] for line in found["elsewhere"] if line["family"] == "nb201"]
    params = [line["mean"] for line in found["nasbench201"] if line["variant"] == "#params"]
    return ", ".join(f"{a - b:+.3f}" for a, b in zip(own, params, strict=True))


def methods(found: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What docs/methods.md says of predictor and search."""
    taus = [
        f"{line['task']} {line['tau']:.3f}"
        for family in ("nb201", "nb_macro")
        for line in found["elsewhere"]
        if line["family"] == family
    ]
    *cells, chains = taus
    reached = np.mean([run["found"] for run in found["searches"]], axis=0)
    seconds = max(run["cpu_seconds"] for run in found["searches"])
    results = {
        "topology/tg_nas": f"Kendall's tau, NAS-Bench-201: {', '.join(cells)} ({above(found)} against #params); chains "
        f"of blocks, NAS-Bench-Macro: {chains}; its labels are NAS-Bench-101's",
        "strategy/tg_nas": f"its search on NAS-Bench-201, no training, {len(found['searches'])} seeds: mean test "
        f"accuracy {' / '.join(f'{v:.2f}' for v in reached)} %, {seconds:.1f} CPU seconds at most",
    }
    return {name: {"result": text, "command": "python benchmarks/tg_nas.py"} for name, text in results.items()}


def report(found: dict[str, Any]) -> str:
    facts = found["facts"]
    others = [[x["family"], x["task"], str(x["n"]), f"{x['tau']:.3f}"] for x in found["elsewhere"]]
    return f"""# TG-NAS

`python benchmarks/tg_nas.py`, {found["date"]}. Kendall's tau-b against the tables' test accuracies.

## 1. Held-out cells of NAS-Bench-101

Two columns of the partial table: {facts["cells"][0]} cells with the accuracy of one 108-epoch training
(`cifar10_acc_108_single`, nearly all of six and seven vertices), and {facts["cells"][1]} others with a validation
accuracy of NAS-Bench-Suite-Zero's sample (`cifar10_valid_acc_naslib`, nearly all smaller). A fifth of each is held out.
Mean and standard deviation over {len(SEEDS)} seeds at the number of epochs, of {EVERY}, {2 * EVERY}, ..., with the best
mean of both. This alone decided about epochs and about what nassay ships.

{held_table(found["held out"])}
## 2. All 15,625 cells of NAS-Bench-201, never trained on

The mean of {len(SEEDS)} networks (in brackets mean and standard deviation of the single networks). "All nodes": `none`,
skips and dead operations are nodes, as in the paper. "Live nodes": what is on no way from input to output is left out.
"Contracted": skips are edges, equal poolings are one. Cells without a way come last in the latter two.

{moved_table(found["nasbench201"])}
## 3. The shipped predictor on cells of other benchmarks

{markdown(["family", "task", "architectures", "tau"], others)}
## 4. The search on NAS-Bench-201

`nassay.strategies.tg_nas`, no training, {len(found["searches"])} seeds. Test accuracy in percent on CIFAR-10 /
CIFAR-100 / ImageNet16-120 of the better predicted result, of pruning's and of evolution's. The machine was shared: CPU
seconds tell more than seconds.

{search_table(found["searches"])}
## What it says

- The aim, a tau of .05 above #params on NAS-Bench-201, is missed. Against #params the shipped predictor has
  {above(found)} on the three data sets (the networks of section 2 have a fifth fewer cells and did a
  little better). It is above `sed` and `paths` (`topology.md`), which need no training at all, on these three, on the
  DARTS cells (nb301) and on three of seven tasks of TransNAS-Bench-101. The recipes of the paper's text and code, on
  these few cells and on the paper's graphs, are far below #params.
- The search's aim, 93.75 ± .3 % on CIFAR-10 in less than a minute, is met by evolution with every seed; pruning alone
  ends at 93.30 or 93.76 %.
- What helped on held-out cells: pairs instead of squared errors (with a shorter schedule of larger batches and steps);
  four layers instead of two (tau .765 after 40 epochs instead of .684, or .693 normalised; one seed, one column); and,
  little, the column of small cells. On NAS-Bench-201 the small cells did not help. That was seen; nothing was changed.
- Contracted graphs, chosen beforehand because the training cells have no identities and no dead operations, carry over
  far better than the paper's nodes for `none` and skips, whose phrases never occur in training.
- Phrases shuffled among each other lose on all data sets and graphs: what they mean matters. Yet a column of its own
  for each operation is no worse, and better in the mean of three, though by less than its spread over seeds. Three
  operations, input and output are few phrases to learn from; the paper's figures for this could not be read.
- Chains of inverted residual blocks (nb_macro) are too far from the training cells: the order is reversed. The cells of
  nb101 are mostly those of the training.
- The figures of a predictor without the small cells had been seen on NAS-Bench-201 (.603, .571, .574; its search
  found 93.28 %) before held-out cells decided for the present one.

## What it costs

- Once: {facts["cpu_seconds"]} CPU seconds of training for the shipped networks, and before that the
  {sum(facts["cells"])} trainings of 108 epochs behind its labels, which somebody else has paid for: TG-NAS is
  amortised, not free of cost.
- Each architecture of NAS-Bench-201: {found["microseconds"]:.0f} microseconds on one core in large batches, contraction
  included.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/tg_nas"))
    parser.add_argument("--only-held-out", action="store_true", help="stop after the first step")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    taus = held_out(options.work)
    print({name: (best_epoch(t), float(np.mean(t, axis=0).max())) for name, t in taus.items()})
    if options.only_held_out:
        return
    moved = transfer(options.work, taus)
    with safe_open(WEIGHTS, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    lines, microseconds = elsewhere()
    found = {
        "date": time.strftime("%Y-%m-%d"),
        "facts": facts,
        "microseconds": microseconds,
        "held out": taus,
        "nasbench201": moved,
        "elsewhere": lines,
        "searches": searches(),
    }
    found = {"methods": methods(found), **found}
    (RESULTS / "tg_nas.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "tg_nas.md").write_text(report(found))


if __name__ == "__main__":
    main()
