"""The files of a proxy benchmark: `summary.json`, `proxies.csv`, `scores.csv` and `report.html`."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nassay.errors import StudyStoppedError
from nassay.reports.bench_page import render_bench
from nassay.reports.bench_tables import COLUMNS, flat_rows
from nassay.studies.plan import write_atomically

SUMMARY, PROXIES, SCORES, REPORT = "summary.json", "proxies.csv", "scores.csv", "report.html"


def write_bench(
    folder: Path,
    summary: dict[str, Any],
    drawn: dict[str, Any],
    architectures: Iterable[str],
    truth: np.ndarray,
    scores: Mapping[str, np.ndarray],
) -> None:
    """Write a benchmark's files, each whole or not at all.

    Args:
        folder: where they go; made where it is missing.
        summary: what `summary.json` holds.
        drawn: ranks for the scatter plots.
        architectures: as text, in the order of `truth`.
        truth: (n,) true values.
        scores: (n,) values by name, NaN where there is none, written as nothing.

    Raises:
        StudyStoppedError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_scores(folder / SCORES, architectures, truth, scores)
    except OSError as error:
        raise StudyStoppedError(f"{folder} cannot be written: {error}. The same command goes on.") from error
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    writer.writerows(flat_rows(summary))
    write_atomically(folder / PROXIES, table.getvalue())
    write_atomically(folder / REPORT, render_bench(summary, drawn))
    write_atomically(folder / SUMMARY, json.dumps(summary, indent=1, allow_nan=False))


def _write_scores(
    path: Path, architectures: Iterable[str], truth: np.ndarray, scores: Mapping[str, np.ndarray]
) -> None:
    """One line an architecture, as it comes: nothing is kept."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["architecture", "truth", *scores])
        for i, text in enumerate(architectures):
            cells = ["" if np.isnan(column[i]) else repr(float(column[i])) for column in scores.values()]
            writer.writerow([text, repr(float(truth[i])), *cells])
    os.replace(partial, path)
