"""A realistic run, made of plain data, for the report's tests and for looking at the page."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from nassay.reports.data import ReportData

NETWORKS = {
    "best": "mobile:stem16-w16[k3e1]-w24[k3e6,k5e6se]-w32[k5e4se,k3e4]"
    "-w48[k5e6se,k3e3,k5e6]-w72[k3e6]-w120[k7e6se,k3e6]-tail320",
    "second": "mobile:stem16-w8[k3e1]-w24[k3e4,k3e6]-w32[k3e4se]-w48[k5e4se]-w72[k3e6]-w80[k5e6se]-tail320",
    "reference": "mobile:stem16-w8[k3e1]-w16[k3e6,k3e6]-w16[k3e6,k3e6,k3e6]-w32[k3e6,k3e6]-w48[k3e6]-tail640",
    "random": "mobile:stem24-w16[k7e1]-w8[k5e2]-w24[k3e3se]-w24[k3e4]-w96[k7e1se]-w40[k3e2,k5e1]-tail160",
}
BLOCKS = [
    "conv 3x3 s2, 16",
    "k3e1, 16",
    "k3e6 s2, 24",
    "k5e6se, 24",
    "k5e4se, 32",
    "k3e4, 32",
    "k5e6se s2, 48",
]
BLOCKS += ["k3e3, 48", "k5e6, 48", "k3e6, 72", "k7e6se s2, 120", "k3e6, 120", "conv 1x1, 320"]
RESIDUAL = {"k5e6se, 24", "k3e4, 32", "k3e3, 48", "k5e6, 48", "k3e6, 120"}
ACCURACIES = {
    "best": (0.9722, 0.9791),
    "second": (0.9667, 0.9763),
    "reference": (0.9611, 0.9652),
    "random": (0.925, 0.93),
}


def chain() -> dict[str, list]:
    labels, edges = ["input"], []
    for block in BLOCKS:
        last = len(labels) - 1
        labels.append(block)
        edges.append([last, last + 1])
        if block in RESIDUAL:
            labels.append("add")
            edges += [[last, last + 2], [last + 1, last + 2]]
    labels.append("output")
    return {"labels": labels, "edges": [*edges, [len(labels) - 2, len(labels) - 1]]}


def candidate(key: str, index: int) -> dict:
    test, validation = ACCURACIES[key]
    median = (1.92, 1.61, 2.48, 1.35)[index]
    return {
        "architecture": NETWORKS[key],
        "test_accuracy": test,
        "validation_accuracy": validation,
        "params": (412_634, 301_122, 655_210, 120_904)[index],
        "macs": (21_300_000, 15_800_000, 30_100_000, 9_650_000)[index],
        "peak_memory_bytes": (98_304, 81_920, 131_072, 65_536)[index],
        "latency_ms": median,
        "latency": {
            "median_ms": median,
            "p10_ms": median - 0.03,
            "p90_ms": median + 0.09,
            "threads": 1,
            "batch": 1,
            "runs": 200,
        },
        "train_seconds": (182.4, 160.0, 203.9, 120.3)[index],
        "epochs": 40,
        "graph": chain() if key == "best" else None,
    }


def curve(key: str, seconds: float) -> list[dict]:
    final = ACCURACIES[key][1]
    return [
        {
            "epoch": e,
            "seconds": seconds * e / 20,
            "validation_accuracy": final - (final - 0.3) * float(np.exp(-e / 3)),
            "train_loss": 2.3 * float(np.exp(-e / 4)),
        }
        for e in range(1, 21)
    ]


def searched(rng: np.random.Generator) -> list[dict]:
    """Forty networks: three proxies, predicted or measured latency, a short training."""
    records = []
    for i in range(40):
        name = f"mobile:stem16-w8[k3e{i % 6 + 1}]-w24[k5e{i % 5 + 1}]-w{i}-tail160"
        quality = rng.normal()
        values = {
            "synflow": 10 ** (30 + 6 * quality + 4 * rng.normal()),
            "az_nas": quality + 0.6 * rng.normal(),
            "naswot": 300 + 10 * rng.normal(),
            "latency_ms" if i % 2 else "predicted_latency_ms": 2.2 + 0.8 * quality + 0.5 * rng.normal(),
            "training": float(1 / (1 + np.exp(-2 - 0.7 * quality - 0.3 * rng.normal()))),
        }
        for estimator, value in values.items():
            fidelity = "epochs=3" if estimator == "training" else ""
            details = {"curve": [{"epoch": 3, "seconds": 9.0, "validation_accuracy": value}]} if fidelity else {}
            records.append(
                {"architecture": name, "estimator": estimator, "fidelity": fidelity, "value": float(value)}
                | {"reason": None, "seconds": 0.1, "phase": "adapt", "details": details}
            )
    return records


def gap_facts(estimator: str, tau: float | None, low: float | None, high: float | None, **more) -> dict:
    return {
        "estimator": estimator,
        "truth": "training",
        "kendall_tau": tau,
        "ci_low": low,
        "ci_high": high,
        "n": 40,
    } | {"coverage": 1.0, "warning": None, "reason": None, **more}


@pytest.fixture
def sample() -> ReportData:
    return make_sample()


def make_sample() -> ReportData:
    keys = list(NETWORKS)
    best, second, reference, random = (candidate(key, i) for i, key in enumerate(keys))
    records = searched(np.random.default_rng(7))
    records += [
        {
            "architecture": NETWORKS[key],
            "estimator": "training",
            "fidelity": "seconds=180,final",
            "value": ACCURACIES[key][1],
        }
        | {
            "reason": None,
            "seconds": 180.0,
            "phase": "finish",
            "details": {"curve": curve(key, 150 + 10 * i)},
        }
        for i, key in enumerate(keys)
    ]
    few = "Only 40 architectures, read the interval and not the point."
    summary = {
        "status": "finished",
        "best": best,
        "finalists": [best, second],
        "reference": reference,
        "random": random,
        "gaps": [
            gap_facts("az_nas", 0.55, 0.38, 0.70, warning=few),
            gap_facts("synflow", 0.46, 0.27, 0.63, warning=few),
            gap_facts(
                "naswot",
                -0.05,
                -0.27,
                0.19,
                warning=f"The interval spans 0: this ranking may be no better than chance. {few}",
            ),
            gap_facts(
                "zen",
                None,
                None,
                None,
                n=0,
                coverage=0.0,
                reason="needs at least 3 architectures with both values, found 0",
            ),
        ],
        "evaluations": {
            "params": {"ok": 2048, "failed": 0},
            "az_nas": {"ok": 512},
            "zen": {"ok": 0, "failed": 512},
            "latency_ms": {"ok": 64},
            "training": {"ok": 44, "failed": 1},
        },
        "failures": [
            {"estimator": "zen", "reason": "the value is inf", "count": 512, "architecture": NETWORKS["second"]},
            {
                "estimator": "training",
                "reason": "the loss became NaN in epoch 2",
                "count": 1,
                "architecture": NETWORKS["random"],
            },
        ],
        "seconds": {
            "total": 1188.0,
            "phases": {"feasible": 41.0, "screen": 137.0, "adapt": 322.5, "climb": 288.0, "finish": 399.5},
        },
        "seed": 0,
        "versions": {"nassay": "0.1.0", "torch": "2.13.0", "onnxruntime": "1.22.0", "python": "3.12.4"},
        "constraints": {"max_latency_ms": 2.0, "max_params": 500_000, "max_macs": None},
        "space": "mobile",
        "strategy": "cascade",
        "task": {
            "name": "digits",
            "metric": "accuracy",
            "input_shape": [1, 32, 32],
            "classes": [str(i) for i in range(10)],
            "train": 1149,
            "validation": 288,
            "test": 360,
            "notes": [
                "8 x 8 grey images were enlarged to 32 x 32.",
                "2 files could not be read and were skipped: a.png, b.png.",
            ],
        },
        "config": {"source": "digits", "minutes": 20, "workers": 1},
        "resumes": 1,
    }
    return ReportData(summary, records)


def bench_report(share: float, tau: float | None, rho: float | None) -> dict:
    known = tau is not None
    return {
        "share": share,
        "n": round(1000 * share) if known else 2,
        "kendall_tau": tau,
        "ci_low": tau - 0.1 if known else None,
        "ci_high": tau + 0.1 if known else None,
        "spearman_rho": rho,
        "rho_ci_low": rho - 0.1 if known else None,
        "rho_ci_high": rho + 0.1 if known else None,
        "reason": None if known else "needs at least 3 architectures with both values, found 2",
    }


def bench_row(name: str, tau: float, **facts: object) -> dict:
    shares = [bench_report(1.0, tau, tau + 0.1)]
    shares += [bench_report(share, tau - 0.3, tau - 0.2) for share in (0.5, 0.25, 0.1)] + [
        bench_report(0.05, None, None)
    ]
    return {
        "name": name,
        "shares": shares,
        "scored": None,
        "coverage": 1.0,
        "pick": 2,
        "pick_architecture": "net-2",
        "tied": 1,
        "picked": 91.0,
        "regret": 3.0,
        "budgets": [],
        "better": "higher",
        "sees": "nothing",
        "milliseconds": 0.5,
        "reasons": {},
        "published": [],
    } | facts


@pytest.fixture
def bench() -> dict:
    """The `summary.json` of a proxy benchmark."""
    claims = [
        {"statistic": "kendall_tau", "value": 0.296, "source": "a table"},
        {"statistic": "spearman_rho", "value": 0.35, "source": "a figure"},
    ]
    zen = {"coverage": 0.98, "pick": 0, "picked": 92.5, "regret": 1.5, "milliseconds": 12.5, "sees": "noise"}
    zen |= {"reasons": {"the network is dead": 7}, "published": claims}
    rows = [bench_row("zen", 0.7, **zen), bench_row("params", 0.5), bench_row("macs", 0.5), bench_row("random", 0.01)]
    return {
        "table": "nasbench201",
        "dataset": "cifar10",
        "space": "nb201",
        "metric": "accuracy",
        "unit": "percent",
        "table_size": 15625,
        "n": 1000,
        "networks": 900,
        "seed": 3,
        "batch_size": 64,
        "largest_side": 64,
        "input_shape": [3, 32, 32],
        "seen_shape": [3, 32, 32],
        "outputs": 10,
        "inputs": "64 inputs of Gaussian noise with random labels: there are no images at hand",
        "best": {"architecture": "net-2", "value": 94.0},
        "mean": 88.0,
        "rows": rows,
        "correlations": {
            "names": [row["name"] for row in rows],
            "rho": [[1.0, 0.5, 0.5, None], [0.5, 1.0, 1.0, None], [0.5, 1.0, 1.0, None], [None] * 4],
        },
        "seconds": 81.0,
        "finished": "2026-11-22",
        "versions": {"nassay": "0.1.0", "torch": "2.13"},
    }


@pytest.fixture
def drawn() -> dict:
    """Ranks of three architectures for the scatter plots."""
    ranks = [3, 1, 2]
    return {
        "architectures": ["net-0", "net-1", "net-2"],
        "accuracies": [92.5, 93.0, 94.0],
        "truth": [1, 2, 3],
        "scores": dict.fromkeys(("zen", "params", "macs", "random", "<b>zen"), ranks),
    }


@pytest.fixture
def zero_shot(bench: dict) -> dict:
    """The `summary.json` of all benchmarks, of which there is one."""
    facts = {"benchmarks": 1, "worst": 0.5, "rho_best": None, "ahead": 0, "behind": 0, "relative_regret": 0.4}
    lines = [{"name": row["name"], "rho": 0.5, "milliseconds": 1.0, **facts} for row in bench["rows"]]
    return {
        "benchmarks": [{**bench, "folder": "nasbench201-cifar10"}],
        "overview": lines,
        "findings": ["A finding.", "Another one."],
        "absent": ["nds: there is no file"],
        "seed": 3,
        "batch_size": 64,
    }


class Page(HTMLParser):
    """Tags with their attributes, and the texts of cells, row by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data

    def all_of(self, attribute: str) -> list[str | None]:
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]


@pytest.fixture
def parsed() -> type[Page]:
    """Takes the text of a page apart."""
    return Page


@pytest.fixture
def plots_of() -> Callable[[str], dict[str, Any]]:
    """Reads the plots of a page."""

    def found(html: str) -> dict[str, Any]:
        text = re.search(r'<script type="application/json" id="plots">(.*?)</script>', html, re.DOTALL)
        assert text is not None
        plots: dict[str, Any] = json.loads(text[1], parse_constant=pytest.fail)  # NaN and Infinity are no JSON
        return plots

    return found
