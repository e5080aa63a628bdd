"""The report's tables for the terminal."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

from nassay.reports.comparison import cells, columns, rows
from nassay.reports.data import Summary
from nassay.reports.formats import DASH, percent, signed


def comparison_table(summary: Summary) -> Table:
    """Best, other finalists, reference and random side by side, one column a network, architectures below."""
    found = rows(summary)
    table = Table(title="Networks compared", title_justify="left", caption_justify="left")
    table.add_column("" if found else "No network is trained yet.")
    for row in found:
        table.add_column(Text(row.label), justify="right")
    for column, across in zip(columns(summary), zip(*map(cells, found), strict=True), strict=False):
        table.add_row(column.heading, *(Text(f"{cell.text} {cell.note}".rstrip()) for cell in across))
    table.caption = Text("\n".join(f"{row.label}: {row.candidate.get('architecture') or DASH}" for row in found))
    return table


def gap_table(gaps: Iterable[dict[str, Any]]) -> Table:
    """Each estimator against the truth: tau with its interval, n and coverage; below, what the reader should know.

    Args:
        gaps: `nassay.gaps.GapReport.to_dict()`s.
    """
    table = Table(title="Estimators against the truth", title_justify="left", caption_justify="left")
    for heading in ("Estimator", "Truth"):
        table.add_column(heading, overflow="fold")
    for heading in ("tau-b", "95 % interval", "n", "Coverage"):
        table.add_column(heading, justify="right", no_wrap=True)
    notes: dict[str, list[str]] = {}
    for report in gaps:
        *shown, note = gap_cells(report)
        table.add_row(*map(Text, shown))
        if note:
            notes.setdefault(note, []).append(shown[0])
    table.caption = Text("\n".join(f"{', '.join(names)}: {note}" for note, names in notes.items()))
    return table


def gap_cells(report: dict[str, Any]) -> tuple[str, ...]:
    """Estimator, truth, tau, interval, n, coverage and note of one gap."""
    low, high = report.get("ci_low"), report.get("ci_high")
    return (
        str(report.get("estimator") or DASH),
        str(report.get("truth") or DASH),
        signed(report.get("kendall_tau")),
        DASH if low is None or high is None else f"{signed(low)} to {signed(high)}",
        str(report.get("n") if report.get("n") is not None else DASH),
        percent(report.get("coverage")),
        report.get("reason") or report.get("warning") or "",
    )
