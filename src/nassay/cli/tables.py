"""What commands print on standard output for people."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nassay.reports.data import Summary
from nassay.reports.findings import adaptation_sentence, certainty, headline, limits_sentence
from nassay.reports.formats import DASH, count, digits, duration, milliseconds, percent, size_bytes
from nassay.reports.tables import comparison_table, gap_table


def wide_console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def print_result(folder: Path, summary: dict[str, Any]) -> None:
    """The outcome of a search: headline, comparison, gaps, and where the files are."""
    console = wide_console()
    facts: Summary = summary  # type: ignore[assignment]
    console.print(Text(headline(facts), style="bold"))
    console.print(comparison_table(facts))
    if summary["gaps"]:
        console.print(gap_table(summary["gaps"]))
    found = facts.get("adapted")
    adapted = [adaptation_sentence(found)] if found else []
    for sentence in [limits_sentence(facts), *certainty(facts), *adapted]:
        console.print(Text(sentence))
    total = duration(summary["seconds"]["total"])
    console.print(Text(f"Time: {total}. Files: {folder}/best, {folder}/report.html, {folder}/summary.json"))


def print_status(found: dict[str, Any]) -> None:
    """State of a run folder."""
    console = wide_console()
    table = _pairs(f"{found['folder']}: {found['status']}")
    best = found["best"]
    rows = {
        "Space, strategy": f"{found['space']}, {found['strategy']}",
        "Budget": ", ".join(f"{v:g} {k}" for k, v in found["budget"].items() if v is not None),
        "Limits": ", ".join(f"{k} {v:,.6g}" for k, v in found["constraints"].items() if v is not None) or "none",
        "Time spent": duration(found["seconds"]["total"]),
        "Resumed": f"{found['resumes']} times",
        "Best so far": f"{percent(best['validation_accuracy'])} (validation)" if best else DASH,
        "Architecture": best["architecture"] if best else DASH,
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    for name, counts in found["evaluations"].items():
        table.add_row(name, f"{counts['ok']} done, {counts['failed']} failed")
    console.print(table)


def print_profile(found: dict[str, Any]) -> None:
    """Costs that a space offers."""
    console = wide_console()
    shape = "x".join(map(str, found["input_shape"]))
    table = Table(title=f"{found['space']} for {shape}, {found['classes']} classes", title_justify="left")
    for heading in ("", "smallest", "random: min", "10 %", "median", "90 %", "max", "n"):
        table.add_column(heading, justify="right")
    shown = {"params": count, "macs": count, "peak_memory_bytes": size_bytes, "latency_ms": milliseconds}
    for key, show in shown.items():
        spread = found["random"][key]
        cells = [
            show(found["smallest"][key]),
            *(show(spread[k]) for k in ("min", "p10", "median", "p90", "max")),
        ]
        table.add_row(key, *cells, str(spread["n"]))
    console.print(table)
    if found["latency_device"]:
        console.print(Text(f"Latencies are those of {found['latency_device']}, modelled and not measured."))
    console.print(f"{found['size']:.3g} encodings. The limits can be met; the smallest network meets them.")
    share = percent(found["share_inside_analytic_limits"])
    console.print(f"{share} of {found['samples']} random networks keep the limits on params, macs and memory.")


def print_scores(found: dict[str, Any]) -> None:
    """Scores of a user's module, or of several and how they rank."""
    console = wide_console()
    if "ranking" in found:
        for one in found["models"]:
            print_scores(one)
        table = Table(title="Within these models, higher is better", title_justify="left")
        for heading in ("", *found["ranking"]):
            table.add_column(heading, justify="left" if not heading else "right")
        for i, one in enumerate(found["models"]):
            table.add_row(one["model"], *(digits(values[i]) for values in found["ranking"].values()))
        console.print(table)
        return
    table = Table(title=found["model"], title_justify="left")
    for heading in ("", "value", "better", "seconds", "why there is none"):
        table.add_column(heading, justify="left" if heading in ("", "why there is none") else "right")
    for key, show in {"params": count, "macs": count, "peak_memory_bytes": size_bytes}.items():
        table.add_row(key, show(found[key]), "", "", "")
    for name, score in found["scores"].items():
        better = "higher" if score["direction"] > 0 else "lower"
        table.add_row(name, digits(score["value"], 5), better, digits(score["seconds"]), Text(score["reason"] or ""))
    console.print(table)


def print_entries(noun: str, entries: list[dict[str, Any]]) -> None:
    """A registry."""
    console = wide_console()
    table = Table(title=noun, title_justify="left")
    keys = list(dict.fromkeys(k for e in entries for k in e))
    for key in keys:
        table.add_column(key, overflow="fold")
    for entry in entries:
        table.add_row(*(Text(_text(entry.get(k, ""))) for k in keys))
    console.print(table)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pairs(title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    return table
