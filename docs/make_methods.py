"""Write docs/methods.md: every registered method, what is claimed and what was measured of it, and all settings.

    python docs/make_methods.py

Names, papers, directions and needs come from the registries, so that the page can't drift from the code. Claims are
below, with where they were read. Measurements are read from `benchmarks/results/*.json`: a file may have a key
`methods`, {"<noun>/<name>": {"result": "a sentence", "command": "what measures it"}}, and maybe
`method_tables`, likewise for this page.
"""

import json
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nassay.estimators.proxies import proxies
from nassay.estimators.proxies.az_nas import PAPER as AZ_NAS
from nassay.estimators.tables.base import tables
from nassay.estimators.topology import topologies
from nassay.estimators.training import Recipe
from nassay.gaps.published import published
from nassay.registry import Entry, Registry
from nassay.spaces.base import spaces
from nassay.strategies.base import strategies
from nassay.studies.bench_rows import AGGREGATES
from nassay.tasks.base import tasks
from nassay.tasks.datasets import datasets

DOCS = Path(__file__).parent
PAGE = DOCS / "methods.md"
RESULTS = DOCS.parent / "benchmarks" / "results"

# Claims that are no rank correlation; the correlations are in nassay.gaps.published. In brackets where each was read:
# the paper's abstract or text, or second-hand, in another paper or table.
CLAIMS = {
    "loss/nir": "Recall@1 69.1 % on CUB200, 89.1 % on Cars196, ResNet-50 (second-hand); some 0.5 to 1.5 points above "
    "the same loss alone (remembered)",
    "proxy/eproxy": "with DPS mean Spearman rho 0.73 over NDS's ImageNet spaces, the best efficient proxy before 0.56; "
    "as good as early stopping on TransNAS-Bench-101's cells, 146 times faster (abstract)",
    "strategy/beta_darts": "test accuracy 94.36 / 73.51 / 46.34 % on NAS-Bench-201's three data sets (second-hand)",
    "strategy/beta_darts_pp": "robust to searches with less data, fewer channels, layers or epochs (abstract)",
    "strategy/darts": "test accuracy 54.30 / 15.61 / 16.32 % on NAS-Bench-201's three data sets (second-hand)",
    "strategy/econas": "400 times less search time than AmoebaNet's evolution, 8 against 3,150 GPU-days (abstract); "
    "CIFAR-10 error 2.62 % (second-hand)",
    "strategy/flash": "a search in about 0.1 s among more than 63 billion configurations, from 25 trained networks "
    "(abstract); Kendall tau of NN-Degree 0.43 and 0.32 on two CIFAR-100 spaces (second-hand)",
    "strategy/gdas": "test accuracy 93.61 / 70.70 / 41.71 % on NAS-Bench-201's three data sets (second-hand)",
    "strategy/manas": "CIFAR-10 error 2.63 % in 2.8 GPU-days, an eighth of DARTS's memory (text)",
    "strategy/manas_ls": "CIFAR-10 error 2.52 % in 4 GPU-days (text)",
    "strategy/netadapt_v2": "search time up to 5.8 times less on ImageNet and 2.4 times on NYU Depth V2, 1.8 % more "
    "top-1 accuracy than MobileNetV3 at the same latency (abstract)",
    "strategy/opanas": "2.3 to 3.2 points of mAP above FPN, for 4 GPU-days; 52.2 mAP at 7.6 images a second (abstract)",
    "strategy/pc_darts": "test accuracy 93.41 / 67.48 / 41.31 % on NAS-Bench-201's three data sets (second-hand)",
    "strategy/pnas": "up to 5 times fewer trained models and 8 times less compute than NASNet's reinforcement learning "
    "in the same space (abstract); CIFAR-10 error 3.41 ± 0.09 % (second-hand)",
    "strategy/proxybo": "up to 5.41 times faster than regularized evolution and 3.86 times than BRP-NAS, five tasks "
    "(abstract)",
    "strategy/random": "hard to beat (arXiv:1902.07638)",
    "strategy/tg_nas": "CIFAR-10 accuracy 93.75 % on NAS-Bench-201 (abstract); up to 300 times quicker than searches "
    "by other zero-cost proxies, its own training left out (text)",
    "topology/sed": "three orders of magnitude faster than other proxies; a search of about a second finds higher "
    "accuracy with fewer parameters, five benchmarks (abstract); the formula was not obtained",
    "topology/tg_nas": "up to 300 times quicker searches than other zero-cost proxies', its own training left out "
    "(text); its rank correlations were not obtained",
}
CONSTANTS = {
    "strategies.problem.SEARCH_SHARE": "of the time; the finish has the rest",
    "strategies.cascade.SCREEN_SHARE": "of the search's time, for the screen",
    "strategies.cascade.TRUSTED": "of the candidates are the screen's best of every size",
    "strategies.cascade.LARGEST": "of the candidates have the most parameters of every size",
    "strategies.cascade.BLIND": "of the candidates are drawn blindly from the trainable",
    "strategies.cascade.DRAWN": "candidates of all sizes that show what the space offers",
    "strategies.cascade.HOPELESS": "untrainable draws in a row that end the screen",
    "strategies.cascade.PACED": "networks whose pace of training is measured",
    "strategies.cascade.FEWEST_EPOCHS": "epochs that the finish should give a candidate",
    "strategies.cascade.FEWEST_STEPS": "training steps that the finish should give a candidate",
    "strategies.cascade.WIDEST": "the fastest candidates get at most so many times the fewest epochs",
    "strategies.cascade.LARGEST_SCREEN": "candidates screened at most",
    "strategies.cascade.SAMPLING_SECONDS": "to draw and count a candidate, beside its proxies",
    "strategies.cascade.FIRST": "candidates whose price decides how many are screened",
    "strategies.cascade.CHUNK": "mutants of the best that join the screened at a time",
    "strategies.cascade.ETA": "one in so many survives the first bound",
    "strategies.cascade.ALIKE": "factor in size within which candidates are compared to judge a source",
    "strategies.cascade.BANDS": "of size, from each of which come proposals and survivors",
    "strategies.cascade.RUNGS": "bounds of training before the finish, as shares of the final training",
    "strategies.base.FINALISTS": "networks trained to the end",
    "strategies.base.LATENCY_SAMPLES": "random networks measured for the latency model",
    "strategies.problem.FINAL_EPOCHS": "of the finish without a wall-clock budget",
    "estimators.predictors.influence.TEMPERATURE": "t0 of the influences",
    "studies.worker.PROBE_BATCH": "images that the proxies see",
}
# Methods that are no entry of a registry: what it is, paper.
OTHERS = {
    "proxy/az_nas": (AGGREGATES["az_nas"].summary, AZ_NAS),
    "proxy/nassay": (AGGREGATES["nassay"].summary, "nassay"),
    "loss/nir": ("a flow that ties embeddings to their class's proxy", "Roth et al., CVPR 2022, arXiv:2203.08547"),
}
NOT_CLAIMED = "none recorded"
NOT_MEASURED = "not measured yet"

HEAD = """# Methods

Generated by `make docs` from the registries; do not edit. What is claimed was read in the paper or repository that is
named, and is not reproduced unless the last column says so. What was measured here names its command.
"higher" says which values a proxy takes for better.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(RESULTS), "utf-8")
    sys.stdout.write(f"{PAGE}\n")


def documents(folder: Path) -> list[dict[str, Any]]:
    """The benchmarks' files, in order of name."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    return [document for document in found if isinstance(document, dict)]


def measurements(results: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """What the benchmarks say of each method: {"noun/name": [{"result", "command"}]}."""
    measured: dict[str, list[dict[str, str]]] = {}
    for document in results:
        for key, found in document.get("methods", {}).items():
            measured.setdefault(key, []).append(found)
    return measured


def measured_tables(results: list[dict[str, Any]]) -> str:
    """The tables that benchmarks have for this page: {"title", "note", "head", "rows"} each, under `method_tables`."""
    lines = []
    for found in (table for document in results for table in document.get("method_tables", [])):
        lines += [f"## {found['title']}\n", f"{found['note']}\n", row(found["head"])]
        lines += [row(["---"] * len(found["head"])), *map(row, found["rows"]), ""]
    return "\n".join(lines)


def page(folder: Path) -> str:
    """The whole page, with what the benchmarks' files in a folder say."""
    results = documents(folder)
    measured = measurements(results)
    return "\n".join(
        [
            HEAD,
            "## Zero-cost proxies\n",
            table(proxies, {"better": better, "needs": needs, **judged(proxies, measured)}),
            "## Topology-only estimators\n",
            table(topologies, {"better": better, **judged(topologies, measured)}),
            "## Made of others, or part of a task\n",
            others(measured),
            measured_tables(results),
            "## Strategies\n",
            table(strategies, judged(strategies, measured)),
            "## Spaces\n",
            table(spaces, {}),
            "## Tasks and data sets\n",
            table(tasks, {}),
            table(datasets, {}),
            "## Tabular benchmarks\n",
            table(tables, {}),
            "## Constants of the cascade\n",
            constants(),
            "## Training recipe\n",
            recipe(),
        ]
    )


def constants() -> str:
    """A Markdown table of what the cascade's page names."""
    lines = [row(["constant", "value", "meaning"]), row(["---"] * 3)]
    for name, meaning in CONSTANTS.items():
        module, _, constant = name.rpartition(".")
        value = getattr(import_module(f"nassay.{module}"), constant)
        lines.append(row([f"`{name}`", ", ".join(f"{v:g}" for v in np.atleast_1d(value)), meaning]))
    return "\n".join(lines) + "\n"


def recipe() -> str:
    """A Markdown table of the training recipe's settings, in the words of its docstring."""
    meanings = dict(re.findall(r"^ +(\w+): (.+)$", Recipe.__doc__ or "", re.MULTILINE))
    lines = [row(["setting", "value", "meaning"]), row(["---"] * 3)]
    lines += [row([f"`{name}`", f"{value:g}", meanings[name]]) for name, value in vars(Recipe()).items()]
    return "\n".join(lines) + "\n"


Facts = dict[str, Callable[[Entry[Any]], str]]


def better(entry: Entry[Any]) -> str:
    """Which values of a proxy are better."""
    return "higher" if entry.info["direction"] > 0 else "lower"


def needs(entry: Entry[Any]) -> str:
    """What must be there to compute a proxy."""
    return ", ".join(sorted(entry.info["needs"])) or "nothing"


def judged(registry: Registry[Any], measured: dict[str, list[dict[str, str]]]) -> Facts:
    """The columns of methods that claim to find good networks."""
    return {
        "claimed": lambda entry: claimed(f"{registry.noun}/{entry.name}"),
        "measured here": lambda entry: seen(f"{registry.noun}/{entry.name}", measured),
    }


def claimed(key: str) -> str:
    """What the paper says of a method, and where that was read."""
    figures = published(key.partition("/")[2], "nasbench201", "cifar10")
    claims = [f"{f['statistic'].replace('_', ' ')} {f['value']:g} ({f['source']})" for f in figures]
    return CLAIMS.get(key) or "; ".join(claims) or NOT_CLAIMED


def seen(key: str, measured: dict[str, list[dict[str, str]]]) -> str:
    """What was measured of a method here, and by which command."""
    return "; ".join(f"{found['result']} (`{found['command']}`)" for found in measured.get(key, [])) or NOT_MEASURED


def others(measured: dict[str, list[dict[str, str]]]) -> str:
    """A Markdown table of the methods that are in no registry."""
    lines = [row(["method", "what it is", "paper", "claimed", "measured here"]), row(["---"] * 5)]
    for key, (summary, paper) in OTHERS.items():
        lines.append(row([f"`{key.partition('/')[2]}`", summary, paper, claimed(key), seen(key, measured)]))
    return "\n".join(lines) + "\n"


def table(registry: Registry[Any], facts: Facts) -> str:
    """A Markdown table of one registry: name, summary, paper, then a column for each of `facts`."""
    lines = [row([registry.noun, "what it is", "paper", *facts]), row(["---"] * (3 + len(facts)))]
    for entry in registry:
        known = [f"`{entry.name}`", entry.summary, entry.info.get("paper", "-")]
        lines.append(row([*known, *(fact(entry) for fact in facts.values())]))
    return "\n".join(lines) + "\n"


def row(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    main()
