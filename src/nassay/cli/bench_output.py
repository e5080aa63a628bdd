"""What `nassay bench` prints for people."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from nassay.reports.arena_tables import arena_headline, arena_table
from nassay.reports.bench_tables import bench_headline, bench_table, bench_title, overview_table

WIDTH = 150  # of the table where there is no terminal


def print_bench(folder: Path, summary: dict[str, Any]) -> None:
    """One benchmark: headline, table, where the files are."""
    console = _console()
    console.print(Text(bench_headline(summary), style="bold"))
    console.print(bench_table(summary))
    console.print(Text(f"Files: {folder}/report.html, summary.json, proxies.csv, scores.csv"))


def print_zero_shot(folder: Path, summary: dict[str, Any]) -> None:
    """All benchmarks: the overview, the findings, what was left out."""
    console = _console()
    console.print(overview_table(summary))
    for sentence in summary["findings"]:
        console.print(Text(f"• {sentence}"))
    for benchmark in summary["benchmarks"]:
        console.print(Text(f"{bench_title({**benchmark, 'seed': summary['seed']})}: {bench_headline(benchmark)}"))
    for sentence in summary["absent"]:
        console.print(Text(f"Left out: {sentence}"))
    console.print(Text(f"Files: {folder}/report.html, summary.json, and a folder for each benchmark"))


def print_arena(folder: Path, summary: dict[str, Any]) -> None:
    """Strategies on one benchmark: headline, table, where the files are."""
    console = _console()
    console.print(Text(arena_headline(summary), style="bold"))
    console.print(arena_table(summary))
    console.print(Text(f"Files: {folder}/report.html, summary.json, curves.csv"))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
