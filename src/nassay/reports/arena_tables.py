"""The tables of a benchmark of strategies: for the terminal, for the page, and one flat line for each point for CSV.

All read the content of its `summary.json`.
"""

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from nassay.reports.formats import DASH, digits, duration, percent

COLUMNS = ("table", "dataset", "over", "budget", "strategy", "mean", "median", "low", "high")
HEADINGS = (
    *("Strategy", "regret", "95 %", "median", "quartiles", "test", "best found"),
    *("to match random", "between", "times fewer", "to match evolution"),
    *("won · tied · lost", "p", "rank", "trained", "time"),
)
IN_TERMINAL = [h for h in HEADINGS if h not in ("median", "quartiles", "test", "trained")]  # as many as fit
RANDOM, EVOLUTION = "random", "evolution"  # what the others are held against


def amount(value: float | None, unit: str) -> str:
    """A regret or a metric: percent with two decimals, other units with four."""
    return DASH if value is None else f"{value:.2f}" if unit == "percent" else f"{value:.4f}"


def span(low: float | None, high: float | None, unit: str) -> str:
    """Ends of an interval of regrets."""
    return DASH if low is None or high is None else f"{amount(low, unit)} to {amount(high, unit)}"


def needed(row: dict[str, Any], reference: str) -> str:
    """Evaluations to reach what a reference reaches with all of them."""
    found = row["reach"].get(reference)
    return DASH if found is None or found["spent"] is None else digits(found["spent"])


def needed_interval(row: dict[str, Any], reference: str) -> str:
    """Its interval; open where the level is not reached in all resamples."""
    found = row["reach"].get(reference)
    if found is None or found["low"] is None:
        return DASH
    high = "more" if found["high"] is None else digits(found["high"])
    return f"{digits(found['low'])} to {high}"


def fewer(row: dict[str, Any], reference: str, evaluations: int) -> str:
    """How many times fewer evaluations that is."""
    found = row["reach"].get(reference)
    return DASH if found is None or not found["spent"] else f"{evaluations / found['spent']:.1f}"


def probability(value: float | None) -> str:
    """A p-value: .034, < .001."""
    if value is None:
        return DASH
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def won(row: dict[str, Any], reference: str) -> tuple[str, str]:
    """Seeds that were won, tied and lost against a reference, and the test's p-value."""
    found = row["against"].get(reference)
    if found is None:
        return DASH, DASH
    return f"{found['wins']} · {found['ties']} · {found['losses']}", probability(found["p_value"])


def arena_cells(row: dict[str, Any], summary: dict[str, Any]) -> tuple[str, ...]:
    """The cells of a strategy, one for each of `HEADINGS`."""
    unit, (low, high) = summary["unit"], row["quartiles"]
    return (
        row["name"],
        amount(row["regret"], unit),
        span(row["regret_low"], row["regret_high"], unit),
        amount(row["median"], unit),
        span(low, high, unit),
        amount(row["test"], unit),
        percent(row["optimal"]),
        needed(row, RANDOM),
        needed_interval(row, RANDOM),
        fewer(row, RANDOM, summary["evaluations"]),
        needed(row, EVOLUTION),
        *won(row, RANDOM),
        digits(row["rank"]),
        digits(row["trained"]),
        duration(row["wall_seconds"]),
    )


def arena_table(summary: dict[str, Any]) -> Table:
    """All strategies for the terminal, the smallest regret first."""
    table = Table(title=arena_title(summary), title_justify="left", caption_justify="left")
    for heading in IN_TERMINAL:
        table.add_column(heading, justify="left" if heading == "Strategy" else "right")
    for row in summary["rows"]:
        cells = dict(zip(HEADINGS, arena_cells(row, summary), strict=True))
        style = "bold" if row["name"] in summary["references"] else ""
        table.add_row(*(Text(cells[heading], no_wrap=True) for heading in IN_TERMINAL), style=style)
    table.caption = Text("\n".join(arena_notes(summary)))
    return table


def arena_title(summary: dict[str, Any]) -> str:
    """What was raced on what."""
    return (
        f"{summary['table']}, {summary['dataset']}: {summary['networks']:,} networks, "
        f"{summary['evaluations']} evaluations, {summary['seeds']} seeds"
    )


def arena_headline(summary: dict[str, Any]) -> str:
    """One sentence: who ends with the smallest regret, and what random search has."""
    best, unit = summary["rows"][0], summary["unit"]
    told = f"{best['name']} ends with the smallest mean regret, {amount(best['regret'], unit)}"
    random = next((row for row in summary["rows"] if row["name"] == RANDOM), best)
    if random is best:
        return f"{told}."
    times = fewer(best, RANDOM, summary["evaluations"])
    faster = "" if times == DASH else f", and reaches what {RANDOM} reaches with {times} times fewer evaluations"
    return f"{told} ({RANDOM}: {amount(random['regret'], unit)}){faster}."


def arena_notes(summary: dict[str, Any]) -> list[str]:
    """What a reader of the table must know."""
    best = amount(summary["best_test"], summary["unit"])
    notes = [
        f"Regret: what the incumbent's {summary['metric']} ({summary['unit']}) lacks to the best of the table, {best}; "
        "mean over seeds with a bootstrap interval, median, quartiles. Best found: seeds without regret.",
        "To match: evaluations until the mean regret is that of random search, or of evolution, at the end. Won, tied, "
        "lost: seeds against random search, p of Wilcoxon's signed-rank test. Rank: mean over seeds. Time: of a race.",
        *summary["rules"],
    ]
    asked = [
        f"{row['name']} {', '.join(f'{digits(n)} {name}' for name, n in row['asked'].items())}"
        for row in summary["rows"]
        if row["asked"]
    ]
    if asked:
        notes.append(f"Asked for beside trainings, per race: {'; '.join(asked)}.")
    notes += [
        f"{row['name']}: no {name} score for {digits(n)} of {digits(row['asked'][name])}, per race."
        for row in summary["rows"]
        for name, n in row.get("unanswered", {}).items()
    ]
    return [*notes, rank_sentence(summary["ranks"]), *summary["failed"].values()]


def rank_sentence(ranks: dict[str, Any]) -> str:
    """What the ranks allow to say."""
    if ranks["critical_difference"] is None:
        return "Ranks: too few strategies, or all alike, for a test."
    alike = "; ".join(", ".join(group) for group in ranks["alike"]) or "none"
    return (
        f"Ranks: Friedman's p {probability(ranks['p_value'])}, Nemenyi's critical difference at 5 % "
        f"{ranks['critical_difference']:.2f}. Not told apart: {alike}."
    )


def facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """How a benchmark was run."""
    return [
        ("Benchmark", arena_title(summary)),
        ("Space", summary["space"]),
        ("Zero-cost scores", summary["scores"] or "as published"),
        (
            "Whole race, computing time",
            ", ".join(f"{r['name']} {duration(r['wall_seconds'])}" for r in summary["rows"]),
        ),
        ("Finished", summary["finished"]),
        ("Versions", ", ".join(f"{name} {number}" for name, number in summary["versions"].items())),
    ]


def simulated(summary: dict[str, Any]) -> str:
    """Mean simulated time of each strategy's whole race."""
    known = [row for row in summary["rows"] if row["seconds"] is not None]
    return ", ".join(f"{row['name']} {duration(row['seconds'])}" for row in known)


def flat_curves(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One line for each strategy and point of the budget, with the keys of `COLUMNS`."""
    for over, curves in (("evaluations", summary["curves"]), ("seconds", summary["time_curves"])):
        for name, lines in curves["by"].items() if curves else ():
            for i, point in enumerate(curves["points"]):
                yield {
                    "table": summary["table"],
                    "dataset": summary["dataset"],
                    "over": over,
                    "budget": point,
                    "strategy": name,
                    **{key: values[i] for key, values in lines.items()},
                }
