"""The files of a benchmark of strategies: `summary.json`, `curves.csv` and `report.html`."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from nassay.reports.arena_page import render_arena
from nassay.reports.arena_tables import COLUMNS, flat_curves
from nassay.studies.plan import write_atomically

SUMMARY, CURVES, REPORT = "summary.json", "curves.csv", "report.html"


def write_arena(folder: Path, summary: dict[str, Any]) -> None:
    """Write a benchmark's files, each whole or not at all.

    Args:
        folder: where they go.
        summary: what `summary.json` holds.

    Raises:
        StudyStoppedError: the folder cannot be written.
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    writer.writerows(flat_curves(summary))
    write_atomically(folder / CURVES, table.getvalue())
    write_atomically(folder / REPORT, render_arena(summary))
    write_atomically(folder / SUMMARY, json.dumps(summary, indent=1, allow_nan=False))
