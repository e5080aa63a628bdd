"""The zero-shot review's protocol on all tables at hand (Li et al. 2024, arXiv:2307.01998).

Every proxy against every data set of every table: all architectures, the best 5 %, the pick, the pick within a budget,
the price. Differs from the review: batch 64 instead of 1024, budgets of multiply-accumulates and, where HW-NAS-Bench
has measured the networks, of latency, the tables that are at hand instead of its networks.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nassay.errors import UserError
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.estimators.tables import open_table, tables
from nassay.reports.bench_page import render_zero_shot
from nassay.reports.zero_shot_findings import findings, overview
from nassay.studies.bench_files import REPORT, SUMMARY
from nassay.studies.bench_rows import chosen
from nassay.studies.listener import Listener
from nassay.studies.plan import write_atomically
from nassay.studies.proxy_bench import BATCH_SIZE, LARGEST_SIDE, Bench, BenchResult
from nassay.studies.proxy_scores import Sample, draw

FEWEST = 100  # networks of a benchmark whose best 5 % say anything
KEPT = (
    "table",
    "dataset",
    "metric",
    "unit",
    "n",
    "table_size",
    "networks",
    "inputs",
    "seen_shape",
    "best",
    "mean",
    "rows",
    "latency_budgets",
)


def bench_zero_shot(
    *,
    sample: int | None = None,
    seed: int = 0,
    proxies: str | Sequence[str] = "all",
    out: str | Path = Path("runs/zero-shot"),
    workers: int | None = None,
    batch_size: int = BATCH_SIZE,
    largest_side: int = LARGEST_SIDE,
    fast: bool = False,
    listener: Listener | None = None,
) -> BenchResult:
    """Hold proxies against all tables at hand.

    Args:
        sample: random architectures of each benchmark; None for all.
        seed: of samples, weights, inputs and bootstraps.
        proxies: "all", or names.
        out: run folder, with a folder for each benchmark in it.
        workers: parallel processes; by default one for each core.
        batch_size: inputs that networks are shown.
        largest_side: of these inputs, in pixels.
        fast: show networks as little as `ProbeSettings.fast` says, whatever the two before say.
        listener: hears of progress.

    Raises:
        UserError: an unknown proxy, no table at hand, or a folder with something else in it.
        StudyBusyError: another command works on the folder.
        StudyStoppedError: the system stopped it; the same command goes on.
    """
    names, folder, listener = chosen(proxies), Path(out), listener or Listener()
    shown = ProbeSettings.fast() if fast else ProbeSettings(batch_size, largest_side)
    settings = {**shown.as_dict(), "seed": seed}
    found: list[dict[str, Any]] = []
    absent: list[str] = []
    with Bench(folder, settings, workers=workers, listener=listener) as bench:
        for drawn in _benchmarks(sample, seed, absent):
            place = folder / f"{drawn.table}-{drawn.dataset}".lower()
            result = bench.run(drawn, names, place).summary
            found.append({**{key: result[key] for key in KEPT}, "folder": place.name})
    if not found:
        raise UserError(f"There is no table to hold proxies against. {' '.join(absent)}")
    summary = {
        "benchmarks": found,
        "overview": overview(found),
        "findings": findings(found),
        "absent": absent,
        "sample": sample,
        **settings,
    }
    write_atomically(folder / REPORT, render_zero_shot(summary))
    write_atomically(folder / SUMMARY, json.dumps(summary, indent=1, allow_nan=False))
    return BenchResult(folder, summary)


def _benchmarks(size: int | None, seed: int, absent: list[str]) -> Iterator[Sample]:
    """A sample of every data set of every table; why a table or data set is left out goes to `absent`."""
    for name in tables.names():
        try:
            datasets = open_table(name).datasets
        except UserError as error:
            absent.append(f"{name}: {error}")
            continue
        for dataset in datasets:
            try:
                drawn = draw(name, dataset, size, seed)
            except UserError as error:
                absent.append(f"{name} {dataset}: {error}")
                continue
            if drawn.size < FEWEST:
                absent.append(f"{name} {dataset}: it has {drawn.size} networks, this protocol needs {FEWEST}.")
            else:
                yield drawn
