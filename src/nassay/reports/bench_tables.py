"""The tables of a proxy benchmark: for the terminal, and one flat line for each proxy and share for CSV.

All read the content of its `summary.json`.
"""

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from nassay.reports.formats import DASH, digits, duration, percent

COLUMNS = (
    *("table", "dataset", "proxy", "share", "n", "coverage"),
    *("kendall_tau", "tau_low", "tau_high", "spearman_rho", "rho_low", "rho_high", "reason"),
    *("picked", "regret", "milliseconds", "sees", "published_tau", "published_rho"),
)
HEADINGS = (
    *("Proxy", "τ", "95 %", "ρ", "published", "top 50 %", "25 %", "10 %", "5 %"),
    *("pick", "regret", "scored", "ms"),
)
OVERVIEW = ("Proxy", "mean ρ", "worst", "top 5 %", "ahead", "behind", "of", "regret", "ms")
OVERVIEW_NOTE = (
    "Means over the benchmarks, but for those whose accuracies a proxy was trained on. ahead, behind: benchmarks on "
    "which ρ differs by more than .05 from that of the number of parameters. regret: of what a random pick lacks to "
    "the best, how much the proxy's pick lacks."
)
ALWAYS = ("params", "macs", "random")


def correlation(value: float | None) -> str:
    """A rank correlation with three decimals: .741, −.100."""
    if value is None:
        return DASH
    text = f"{abs(value):.3f}".removeprefix("0")
    return f"−{text}" if value < 0 and text != ".000" else text


def interval(low: float | None, high: float | None) -> str:
    """Ends of an interval: .72 to .76."""
    return DASH if low is None or high is None else f"{correlation(low)} to {correlation(high)}"


def counted(number: int, noun: str) -> str:
    """How many there are of something: 1 benchmark, 14 benchmarks."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quality(value: float | None, unit: str) -> str:
    """A value of the truth: percent with two decimals, other units with four."""
    return DASH if value is None else f"{value:.2f}" if unit == "percent" else f"{value:.4f}"


def figure(row: dict[str, Any], statistic: str) -> dict[str, Any] | None:
    """What is published of a row in one statistic."""
    return next((found for found in row["published"] if found["statistic"] == statistic), None)


def published_text(row: dict[str, Any]) -> str:
    """The published figures of a row: `τ .741, ρ .91`; a dash where none is known."""
    signs = {"kendall_tau": "τ", "spearman_rho": "ρ"}
    parts = [f"{sign} {correlation(found['value'])}" for key, sign in signs.items() if (found := figure(row, key))]
    return ", ".join(parts) or DASH


def bench_cells(row: dict[str, Any], unit: str) -> tuple[str, ...]:
    """The cells of a row, one for each of `HEADINGS`; `unit` is that of the truth."""
    whole, *best = row["shares"]
    return (
        row["name"],
        correlation(whole["kendall_tau"]),
        interval(whole["ci_low"], whole["ci_high"]),
        correlation(whole["spearman_rho"]),
        published_text(row),
        *(correlation(share["kendall_tau"]) for share in best),
        quality(row["picked"], unit),
        quality(row["regret"], unit),
        percent(row["coverage"]),
        digits(row["milliseconds"]),
    )


def bench_table(summary: dict[str, Any]) -> Table:
    """All proxies of a benchmark for the terminal, the best ranking first."""
    table = Table(title=bench_title(summary), title_justify="left", caption_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "Proxy" else "right", no_wrap=heading == "Proxy")
    for row in summary["rows"]:
        table.add_row(*map(Text, bench_cells(row, summary["unit"])), style="bold" if row["name"] in ALWAYS else "")
    table.caption = Text("\n".join(bench_notes(summary)))
    return table


def bench_title(summary: dict[str, Any]) -> str:
    """What was measured on what."""
    n, size = summary["n"], summary["table_size"]
    drawn = f"all {size:,} architectures" if n == size else f"{n:,} of {size:,} architectures, seed {summary['seed']}"
    return f"{summary['table']}, {summary['dataset']}: {drawn}"


def bench_notes(summary: dict[str, Any]) -> list[str]:
    """What a reader of the table must know."""
    best, mean = (quality(value, summary["unit"]) for value in (summary["best"]["value"], summary["mean"]))
    metric = f"{summary['metric']} ({summary['unit']})"
    notes = [
        f"Truth: {metric}, best {best}, mean {mean}. An architecture without a score ranks last.",
        f"Images: {summary['inputs']}. {summary['networks']:,} different networks were scored, each once.",
    ]
    if summary["networks"] < summary["n"]:
        notes.append(
            "Networks are scored in canonical form, without what leads nowhere; published figures count that, too, "
            "so that params and macs in particular rank better here than they do there."
        )
    notes += [
        f"{row['name']} was trained on accuracies of {summary['table']}: its ranking here says nothing of others."
        for row in summary["rows"]
        if knows(row, summary)
    ]
    groups: dict[tuple[str, int], list[str]] = {}
    for row in summary["rows"]:
        for found in row["reasons"].items():
            groups.setdefault(found, []).append(row["name"])
    for (why, times), names in groups.items():
        notes.append(f"{', '.join(names)}: no value for {counted(times, 'network')}: {why}")
    return notes


def knows(row: dict[str, Any], benchmark: dict[str, Any]) -> bool:
    """Whether a row's score was fitted to accuracies of the benchmark's table."""
    return benchmark["table"] in row.get("trained_on", ())


def bench_headline(summary: dict[str, Any]) -> str:
    """One sentence: which proxy ranks best here, and whether it beats the counts."""
    row = summary["rows"][0]
    whole = row["shares"][0]
    if whole["kendall_tau"] is None:
        return "No proxy has a ranking here."
    counts = [r for r in summary["rows"] if r["name"] in ("params", "macs")]
    best = max(counts, key=lambda r: r["shares"][0]["kendall_tau"] or -1.0)
    told = f"{row['name']} ranks {summary['dataset']} best: τ {correlation(whole['kendall_tau'])}"
    if row is best:
        return f"{told}; no proxy beats it."
    return f"{told}, {best['name']} {correlation(best['shares'][0]['kendall_tau'])}."


def sources(summary: dict[str, Any]) -> list[str]:
    """Where the published figures stand."""
    return list(dict.fromkeys(found["source"] for row in summary["rows"] for found in row["published"]))


def facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """How a benchmark was run."""
    size, seen = ("x".join(map(str, summary[key])) for key in ("input_shape", "seen_shape"))
    shown = "" if size == seen else f"; proxies were shown {seen}"
    return [
        ("Architectures", bench_title(summary)),
        ("Networks", f"{summary['networks']:,} different ones, {summary['outputs']} outputs, inputs of {size}{shown}"),
        ("Inputs", summary["inputs"]),
        ("Batch, seed", f"{summary['batch_size']}, {summary['seed']}"),
        ("Computing time", duration(summary["seconds"])),
        ("Finished", summary["finished"]),
        ("Versions", ", ".join(f"{name} {number}" for name, number in summary["versions"].items())),
    ]


def overview_cells(line: dict[str, Any]) -> tuple[str, ...]:
    """The cells of a proxy over all benchmarks, one for each of `OVERVIEW`."""
    return (
        line["name"],
        *(correlation(line[key]) for key in ("rho", "worst", "rho_best")),
        *(str(line[key]) for key in ("ahead", "behind", "benchmarks")),
        percent(line["relative_regret"]),
        digits(line["milliseconds"]),
    )


def overview_table(summary: dict[str, Any]) -> Table:
    """All proxies over all benchmarks for the terminal."""
    table = Table(title="Proxies over all benchmarks", title_justify="left", caption_justify="left")
    for heading in OVERVIEW:
        table.add_column(heading, justify="left" if heading == "Proxy" else "right", no_wrap=True)
    for line in summary["overview"]:
        table.add_row(*map(Text, overview_cells(line)), style="bold" if line["name"] in ALWAYS else "")
    table.caption = Text(OVERVIEW_NOTE)
    return table


def flat_rows(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One line for each proxy and share, with the keys of `COLUMNS`."""
    for row in summary["rows"]:
        tau, rho = (figure(row, statistic) for statistic in ("kendall_tau", "spearman_rho"))
        for share in row["shares"]:
            yield {
                "table": summary["table"],
                "dataset": summary["dataset"],
                "proxy": row["name"],
                "tau_low": share["ci_low"],
                "tau_high": share["ci_high"],
                "rho_low": share["rho_ci_low"],
                "rho_high": share["rho_ci_high"],
                **{key: share[key] for key in ("share", "n", "kendall_tau", "spearman_rho", "reason")},
                **{key: row[key] for key in ("coverage", "picked", "regret", "milliseconds", "sees")},
                "published_tau": tau and tau["value"],
                "published_rho": rho and rho["value"],
            }
