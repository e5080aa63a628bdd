"""The report's plots, as plotly figures without a background or a font of their own: the page themes them.

Every text from outside is escaped here, because plotly reads texts as HTML-like markup.
"""

from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from nassay.reports.comparison import COLUMNS, Row, metric_word, rows
from nassay.reports.data import LATENCY, Record, ReportData
from nassay.reports.formats import digits, duration, epochs, percent
from nassay.reports.points import Point, cost_points, gap_pairs, pareto_front

COLOURS = {
    "best": "#2f7de1",
    "finalist": "#2aa184",
    "reference": "#e0892b",
    "random": "#b262c4",
    "other": "#8c97a8",
}
LIMIT_COLOUR = "#d2504b"
_SYMBOLS = {"best": "star", "finalist": "circle", "reference": "diamond", "random": "x", "other": "circle"}
_SIZES = {"best": 16, "finalist": 10, "reference": 11, "random": 10, "other": 7}
_NAMES = {
    "best": "Best",
    "finalist": "Finalists",
    "reference": "Reference",
    "random": "Random",
    "other": "Others searched",
}
_COSTS = (LATENCY, "macs", "params")
_LOG_FROM = 1e3  # a positive column that spans this factor is drawn on a logarithmic axis


def hover_text(label: str, architecture: str, *facts: str) -> str:
    """A tooltip: bold label, the architecture in lines of 60 characters, facts; all escaped."""
    lines = [escape(line) for line in wrap(architecture, 60)[:8]]
    return "<br>".join([f"<b>{escape(label)}</b>", *lines, *map(escape, facts)])


def pareto(data: ReportData) -> go.Figure | None:
    """Validation accuracy against the first known of latency, MACs and parameters, with the Pareto front."""
    for key in _COSTS:
        points = cost_points(data, key)
        if points:
            limit = (data.summary.get("constraints") or {}).get(f"max_{key}")
            return _pareto(points, key, limit, f"Validation {metric_word(data.summary)}")
    return None


def _pareto(points: list[Point], key: str, limit: float | None, metric: str) -> go.Figure:
    column = next(c for c in COLUMNS if c.key == key)
    front = pareto_front(points)
    figure = _figure(column.heading + (", ms" if key == LATENCY else ""), f"{metric}, %")
    figure.add_scatter(
        x=[p.cost for p in front],
        y=[100 * p.accuracy for p in front],
        mode="lines",
        name="Pareto front",
        line={"color": COLOURS["best"], "width": 1.5, "shape": "hv"},
        hoverinfo="skip",
    )
    for role in ("other", "finalist", "random", "reference", "best"):
        group = [p for p in points if p.role == role]
        if group:
            costs = [f"{column.heading} {column.write(p.cost)}" for p in group]
            figure.add_trace(_markers(role, group, costs, metric))
    if limit is not None:
        _add_limit(figure, limit, f"limit {column.write(limit)}")
    return figure


def _markers(role: str, group: list[Point], costs: list[str], metric: str) -> go.Scatter:
    """One role's points; predicted costs are hollow."""
    symbol = _SYMBOLS[role]
    return go.Scatter(
        x=[p.cost for p in group],
        y=[100 * p.accuracy for p in group],
        mode="markers",
        name=_NAMES[role],
        marker={
            "color": COLOURS[role],
            "size": _SIZES[role],
            "symbol": [f"{symbol}-open" if p.predicted else symbol for p in group],
            "opacity": 0.75 if role == "other" else 1,
        },
        hovertext=[
            hover_text(p.label, p.architecture, _accuracy(p, metric), cost + " (predicted)" * p.predicted)
            for p, cost in zip(group, costs, strict=True)
        ],
        hoverinfo="text",
    )


def _accuracy(point: Point, metric: str) -> str:
    return f"{metric} {percent(point.accuracy)}" + (f" at {point.fidelity}" if point.fidelity else "")


def _add_limit(figure: go.Figure, limit: float, text: str) -> None:
    """A dashed line at the limit, its text beside it."""
    figure.add_vline(limit, line={"dash": "dash", "color": LIMIT_COLOUR, "width": 1.5})
    figure.add_annotation(
        x=limit,
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="right",
        text=f"{escape(text)} ",
        showarrow=False,
        font={"color": LIMIT_COLOUR},
    )


def curves(data: ReportData) -> go.Figure | None:
    """Validation accuracy against training seconds (epochs where those are unknown), a line per network."""
    lines = [(row, curve) for row in rows(data.summary) if (curve := _curve(row, data.records))]
    if not lines:
        return None
    word = metric_word(data.summary)
    axis = "seconds" if all(p.get("seconds") is not None for _, curve in lines for p in curve) else "epoch"
    figure = _figure("Training time, s" if axis == "seconds" else "Epoch", f"Validation {word}, %")
    dashes = iter(("solid", "dash", "dot", "dashdot") * len(lines))
    for row, curve in lines:
        figure.add_scatter(
            x=[p.get(axis) for p in curve],
            y=[_percent_of(p.get("validation_accuracy")) for p in curve],
            mode="lines+markers",
            name=row.label,
            line={
                "color": COLOURS[row.role],
                "width": 2,
                "dash": next(dashes) if row.role == "finalist" else "solid",
            },
            marker={"size": 5, "symbol": _SYMBOLS[row.role]},
            hovertext=[hover_text(row.label, row.candidate.get("architecture") or "", *_step(p, word)) for p in curve],
            hoverinfo="text",
        )
    return figure


def _curve(row: Row, records: Sequence[Record]) -> list[dict[str, Any]]:
    """The longest learning curve of the row's architecture."""
    found = [
        (record.get("details") or {}).get("curve") or []
        for record in records
        if record.get("architecture") == row.candidate.get("architecture")
    ]
    return max(found, key=len, default=[])


def _percent_of(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _step(point: dict[str, Any], metric: str) -> list[str]:
    return [
        f"epoch {epochs(point.get('epoch'))}, {duration(point.get('seconds'))}",
        f"validation {metric} {percent(point.get('validation_accuracy'))}",
        f"training loss {digits(point.get('train_loss'))}",
    ]


def gap_scatter(data: ReportData, report: dict[str, Any]) -> go.Figure | None:
    """An estimator's values against the truth's, one point per architecture that has both."""
    pairs = gap_pairs(data, report)
    if not pairs:
        return None
    names, cheap, true = zip(*pairs, strict=True)
    shares = all(0 <= t <= 1 for t in true)
    figure = _figure(str(report.get("estimator")), f"{report.get('truth')}{', %' if shares else ''}")
    figure.add_scatter(
        x=cheap,
        y=[100 * t for t in true] if shares else true,
        mode="markers",
        marker={"color": COLOURS["best"], "size": 7, "opacity": 0.7},
        hovertext=[hover_text(digits(c), a, percent(t) if shares else digits(t)) for a, c, t in pairs],
        hoverinfo="text",
        showlegend=False,
    )
    if min(cheap) > 0 and max(cheap) / min(cheap) >= _LOG_FROM:
        figure.update_xaxes(type="log", exponentformat="e", nticks=5)
    return figure


def _figure(x_title: str, y_title: str) -> go.Figure:
    """An empty figure without a template; axis titles are escaped."""
    layout = {"template": None, "hovermode": "closest"}
    return go.Figure(layout=layout).update_xaxes(title=escape(x_title)).update_yaxes(title=escape(y_title))
