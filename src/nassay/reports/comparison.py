"""The comparison table: best, other finalists, reference, random; the same cells for HTML and terminal."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nassay.reports import formats
from nassay.reports.data import LATENCY, Candidate, Summary

LIMIT_PREFIX = "max_"


@dataclass(frozen=True)
class Row:
    """One network of the comparison.

    Attributes:
        role: "best", "finalist", "reference" or "random".
        label: how the report calls it.
        candidate: its data.
    """

    role: str
    label: str
    candidate: Candidate


@dataclass(frozen=True)
class Column:
    """A number of the comparison: the candidate's key, its heading and how it is written."""

    key: str
    heading: str
    write: Callable[[float | None], str]


@dataclass(frozen=True)
class Cell:
    """What stands in the table; `note` says why there is no value, or that the value is predicted."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Check:
    """A limit, the best network's value, and whether it is kept; None where that is not known.

    `note` says what the number hides: that it is predicted, or that the slowest tenth of the runs breaks a limit
    that the median keeps.
    """

    heading: str
    limit: str
    value: str
    kept: bool | None
    note: str = ""


COLUMNS = (
    Column("test_accuracy", "Test accuracy", formats.percent),
    Column("validation_accuracy", "Validation accuracy", formats.percent),
    Column("latency_ms", "Latency", formats.milliseconds),
    Column("params", "Parameters", formats.count),
    Column("macs", "MACs", formats.count),
    Column("peak_memory_bytes", "Peak memory", formats.size_bytes),
    Column("train_seconds", "Training time", formats.duration),
    Column("epochs", "Epochs", formats.epochs),
)
_BY_KEY = {column.key: column for column in COLUMNS}


def metric_word(summary: Summary) -> str:
    """What the report calls the task's metric."""
    return ((summary.get("task") or {}).get("metric") or "accuracy").replace("_", " ")


def columns(summary: Summary) -> list[Column]:
    """The columns of the comparison, the metric called by its name."""
    word = metric_word(summary)
    return [replace(column, heading=column.heading.replace("accuracy", word)) for column in COLUMNS]


def rows(summary: Summary) -> list[Row]:
    """The networks to compare, best first; a finalist that is the best is not repeated."""
    best = summary.get("best")
    found = [Row("best", "Best", best)] if best else []
    others = [
        c for c in summary.get("finalists") or [] if not best or c.get("architecture") != best.get("architecture")
    ]
    found += [Row("finalist", f"Finalist {i}", c) for i, c in enumerate(others, 2 if best else 1)]
    for role, candidate in (("reference", summary.get("reference")), ("random", summary.get("random"))):
        if candidate:
            found.append(Row(role, role.capitalize(), candidate))
    return found


def value_of(candidate: Candidate, key: str) -> float | None:
    """The candidate's number under `key`; a measured median stands in for a missing `latency_ms`."""
    facts: dict[str, Any] = dict(candidate)
    value = facts.get(key)
    if value is None and key == LATENCY:
        value = (candidate.get("latency") or {}).get("median_ms")
    return value


def cells(row: Row) -> list[Cell]:
    """One cell per column."""
    return [cell(row.candidate, column.key) for column in COLUMNS]


def cell(candidate: Candidate, key: str) -> Cell:
    """The candidate's number under a column's key, as it is written in the table."""
    column = _BY_KEY[key]
    value = value_of(candidate, key)
    text = column.write(value)
    if text == formats.DASH:
        return Cell(text, (candidate.get("reasons") or {}).get(key, "not measured"))
    return Cell(text, "predicted" if key == LATENCY and candidate.get("latency_predicted") else "")


def checks(summary: Summary) -> list[Check]:
    """Each limit of the study against the best network."""
    limits = summary.get("constraints") or {}
    return [_check(name, limit, summary.get("best")) for name, limit in limits.items() if limit is not None]


def _check(name: str, limit: float, best: Candidate | None) -> Check:
    key = name.removeprefix(LIMIT_PREFIX)
    column = _BY_KEY.get(key, Column(key, key, formats.digits))
    value = value_of(best, key) if best else None
    kept = None if value is None else value <= limit
    note = _latency_note(best, limit) if best and key == LATENCY and kept else ""
    return Check(column.heading, column.write(limit), column.write(value), kept, note)


def _latency_note(best: Candidate, limit: float) -> str:
    if best.get("latency_predicted"):
        return "as predicted, not as measured"
    slow = (best.get("latency") or {}).get("p90_ms")
    return f"one run in ten takes {formats.milliseconds(slow)} or more" if slow is not None and slow > limit else ""
