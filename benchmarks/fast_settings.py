"""How little a proxy needs to be shown: AZ-NAS at fewer inputs and less depth, on every table at hand.

    NASSAY_DATA=... python benchmarks/fast_settings.py --work runs/fast_settings

Scores a random sample of each benchmark by AZ-NAS's four parts at every setting, the same networks each time, and
writes `benchmarks/results/fast_settings.md` and `.json`: Kendall's tau of their log-rank sum with the measured
accuracy, the mean over a benchmark's data sets, and CPU milliseconds of a network, building included. One setting is
chosen for all spaces: `ProbeSettings.fast`. Goes on where it was stopped; `--report` writes what there is.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau

from nassay.estimators.proxies.aggregation import log_rank_sum
from nassay.estimators.proxies.az_nas import PARTS
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.estimators.tables import open_table
from nassay.gaps.ranking import last_where_missing
from nassay.studies.bench_worker import Scorer, seen_by_networks

RESULTS = Path(__file__).parent / "results"
SEED, RESAMPLES = 0, 400
TRANSNAS_TASKS = ("class_scene", "class_object", "jigsaw", "normal", "segmentsemantic", "room_layout", "autoencoder")
# Benchmarks as (table, data sets; the first says how the networks are built, architectures).
SOURCES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "nasbench201 CIFAR": ("nasbench201", ("cifar10", "cifar100"), 300),
    "nasbench201 ImageNet16": ("nasbench201", ("ImageNet16-120",), 300),
    "nasbench101": ("nasbench101", ("cifar10",), 60),
    "transnas_micro": ("transnas_micro", TRANSNAS_TASKS, 60),
    "transnas_macro": ("transnas_macro", TRANSNAS_TASKS, 60),
    "nasbench_macro": ("nasbench_macro", ("cifar10",), 60),
    "nds DARTS_fix-w-d": ("nds", ("DARTS_fix-w-d_in",), 60),
    "nds Amoeba": ("nds", ("Amoeba_in",), 60),
}
FULL = ProbeSettings()
FAST = ProbeSettings.fast()
SETTINGS = (
    FULL,
    FAST,
    ProbeSettings(batch_size=16),
    *(ProbeSettings(batch_size=size, depth_percent=60) for size in (32, 16, 8)),
    ProbeSettings(batch_size=16, depth_percent=40),
)
EVERYWHERE = FAST, SETTINGS[2], SETTINGS[5]  # the others are for NAS-Bench-201, the cheapest table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="folder of the scores")
    parser.add_argument("--report", action="store_true", help="only write down what there is")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in () if args.report else SOURCES:
        for settings in SETTINGS if "201" in name else EVERYWHERE:
            collect(args.work, name, settings)
    write({(name, s): found for name in SOURCES for s in SETTINGS if (found := judged(args.work, name, s))})


def as_shown(name: str, settings: ProbeSettings) -> ProbeSettings:
    """The settings with the number of inputs that networks of a benchmark are shown."""
    table, datasets, _ = SOURCES[name]
    shape = seen_by_networks(open_table(table).space(datasets[0]), settings.largest_side).input_shape
    return replace(settings, batch_size=settings.inputs(shape), least_pixels=0)


def rows_file(work: Path, name: str, settings: ProbeSettings) -> Path:
    shown = as_shown(name, settings)
    numbers = shown.batch_size, shown.largest_side, shown.depth_percent
    return work / f"{name.replace(' ', '_')}-{'-'.join(map(str, numbers))}.jsonl"


def collect(work: Path, name: str, settings: ProbeSettings) -> None:
    """Score what is missing of a benchmark's sample."""
    table, datasets, count = SOURCES[name]
    path = rows_file(work, name, settings)
    done = {tuple(row["choices"]) for row in rows_of(path)}
    opened = open_table(table)
    truths = [opened.values(dataset) for dataset in datasets]
    space, every = opened.space(datasets[0]), sorted(truths[0])
    chosen = [every[i] for i in np.random.default_rng(SEED).permutation(len(every))[:count]]
    scorer = Scorer(space, PARTS, seed=SEED, **settings.as_dict())
    for architecture in (a for a in chosen if a.choices not in done):
        began = time.process_time()
        parts = [estimate.value for estimate in scorer.score(architecture).values()]
        cpu_ms = 1e3 * (time.process_time() - began)
        truth = [values.get(architecture) for values in truths]
        row = {"choices": architecture.choices, "values": parts, "cpu_ms": cpu_ms, "truth": truth}
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What was scored, in an order that is the same for all settings."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return sorted(rows, key=lambda row: tuple(row["choices"]))


def judged(work: Path, name: str, settings: ProbeSettings) -> dict[str, Any] | None:
    """Mean tau over the data sets, its difference to the full settings', and the price; None where much is missing."""
    rows, full = (rows_of(rows_file(work, name, s)) for s in (settings, FULL))
    if len(rows) < SOURCES[name][2] / 2:
        return None
    taus, spread = resampled(rows, len(SOURCES[name][1]))
    price = float(np.median([row["cpu_ms"] for row in rows]))
    found = {"n": len(rows), "tau": taus, "mean": float(np.mean(taus)), "interval": _interval(spread), "cpu_ms": price}
    if [row["choices"] for row in full] == [row["choices"] for row in rows]:
        others, their_spread = resampled(full, len(SOURCES[name][1]))
        found |= {"gain": float(np.mean(taus) - np.mean(others)), "gain_interval": _interval(spread - their_spread)}
    return found


def resampled(rows: Sequence[dict[str, Any]], datasets: int) -> tuple[list[float], np.ndarray]:
    """Tau of each data set, and means over them of resamples, the same ones for all settings."""
    draws = np.random.default_rng(SEED).integers(len(rows), size=(RESAMPLES, len(rows)))
    scores = _ranked(rows)
    truths = [np.array([row["truth"][i] for row in rows], dtype=float) for i in range(datasets)]  # NaN where None
    means = np.array([np.mean([_tau(scores[draw], truth[draw]) for truth in truths]) for draw in draws])
    return [_tau(scores, truth) for truth in truths], means


def _interval(values: np.ndarray) -> list[float]:
    return [float(q) for q in np.quantile(values, [0.025, 0.975])]


def _ranked(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    combined = log_rank_sum([list(part) for part in zip(*(row["values"] for row in rows), strict=True)])
    return last_where_missing(np.array([np.nan if v is None else v for v in combined], dtype=float))


def _tau(scores: np.ndarray, truth: np.ndarray) -> float:
    known = np.isfinite(truth)
    return float(kendalltau(scores[known], truth[known]).statistic)


def write(found: dict[tuple[str, ProbeSettings], dict[str, Any]]) -> None:
    """The table, and all numbers beside it."""
    lines = [
        "# How little AZ-NAS needs to be shown",
        "",
        "`python benchmarks/fast_settings.py`; tau-b of the four parts' log-rank sum, mean over a benchmark's data",
        "sets, median CPU milliseconds of a network on one core, and in brackets the difference to the full settings",
        f"on the same networks with its 95 % interval over {RESAMPLES} resamples. Encodings of one network count once",
        "here, so that tau is lower than over all of a table's rows.",
        f"Inputs x depth in percent; fast is `{FAST}`.",
        "",
        "Milliseconds were taken beside other work on the machine, at different times: only large differences mean",
        "something; `proxy_speed.py` times proxies beside each other.",
        "",
        "| benchmark | n | " + " | ".join(_label(s) for s in SETTINGS) + " |",
        "|---|---|" + "---|" * len(SETTINGS),
    ]
    for name in SOURCES:
        cells = [_cell(found.get((name, s))) for s in SETTINGS]
        n = max((f["n"] for (other, _), f in found.items() if other == name), default=0)
        lines.append(f"| {name} | {n} | " + " | ".join(cells) + " |")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "fast_settings.md").write_text("\n".join(lines) + "\n")
    plain = [{"benchmark": name, **s.as_dict(), **f} for (name, s), f in found.items()]
    (RESULTS / "fast_settings.json").write_text(json.dumps(plain, indent=1) + "\n")
    print("\n".join(lines))


def _label(settings: ProbeSettings) -> str:
    return "fast" if settings == FAST else f"{settings.batch_size} x {settings.depth_percent} %"


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    text = f"{found['mean']:.3f}, {found['cpu_ms']:.0f} ms"
    if not found.get("gain"):
        return text
    low, high = found["gain_interval"]
    return f"{text} ({found['gain']:+.3f}, {low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
