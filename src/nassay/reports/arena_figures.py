"""The plots of a benchmark of strategies, as plotly figures without a background or a font of their own.

Texts from outside are escaped, because plotly reads texts as HTML-like markup.
"""

from html import escape
from typing import Any

import plotly.graph_objects as go

from nassay.reports.arena_tables import RANDOM

PALETTE = ("#2f7de1", "#e0892b", "#2aa184", "#b262c4", "#d2504b", "#7a6ff0", "#4ba3c3", "#b08d2f", "#5f8f3e", "#c4627f")
GREY = "#8c97a8"
_LINE, _BAND = 2, 0.15  # width of medians, opacity of bands


def colours(summary: dict[str, Any]) -> dict[str, str]:
    """One colour for each strategy, random search grey."""
    others = [row["name"] for row in summary["rows"] if row["name"] != RANDOM]
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(others)} | {RANDOM: GREY}


def regret_curves(summary: dict[str, Any], key: str) -> go.Figure:
    """Median regret of the incumbent over the budget, with interquartile bands, both axes logarithmic.

    Args:
        summary: of the benchmark.
        key: `curves`, over evaluations, or `time_curves`, over simulated seconds.
    """
    curves, by_name = summary[key], colours(summary)
    floor = _floor(curves)
    found = go.Figure(layout={"template": None, "hovermode": "closest"})
    for name in [row["name"] for row in summary["rows"]]:
        lines = curves["by"][name]
        kept = [i for i, v in enumerate(lines["median"]) if v is not None]
        x = [curves["points"][i] for i in kept]
        low, median, high = ([max(lines[part][i], floor) for i in kept] for part in ("low", "median", "high"))
        found.add_scatter(
            x=x + x[::-1],
            y=high + low[::-1],
            fill="toself",
            fillcolor=_faded(by_name[name]),
            line={"width": 0},
            legendgroup=name,
            showlegend=False,
            hoverinfo="skip",
        )
        found.add_scatter(
            x=x,
            y=median,
            mode="lines",
            name=escape(name),
            legendgroup=name,
            line={"color": by_name[name], "width": _LINE},
            customdata=[lines["mean"][i] for i in kept],
            hovertemplate=escape(name) + "<br>%{x:.4~g}: median %{y:.3~g}, mean %{customdata:.3~g}<extra></extra>",
        )
    title = "evaluations" if key == "curves" else "simulated seconds"
    found.update_xaxes(title=title, type="log")
    return found.update_yaxes(title=f"regret ({summary['unit']}); none at {floor:.2g}", type="log")


def rank_figure(summary: dict[str, Any]) -> go.Figure:
    """Mean ranks, the best on the left, and a bar under each group that cannot be told apart."""
    ranks, by_name = summary["ranks"], colours(summary)
    found = go.Figure(layout={"template": None, "hovermode": "closest", "showlegend": False})
    names = list(ranks["ranks"])
    found.add_scatter(
        x=list(ranks["ranks"].values()),
        y=[escape(name) for name in names],
        mode="markers",
        marker={"color": [by_name[name] for name in names], "size": 11},
        hovertemplate="%{y}: mean rank %{x:.2f}<extra></extra>",
    )
    for group in ranks["alike"]:
        ends = [ranks["ranks"][name] for name in (group[0], group[-1])]
        found.add_scatter(
            x=[(ends[0] + ends[1]) / 2] * 2,
            y=[escape(group[0]), escape(group[-1])],
            mode="lines",
            line={"color": GREY, "width": 5},
            opacity=0.4,
            hoverinfo="skip",
        )
    order = [escape(name) for name in names[::-1]]
    found.update_yaxes(categoryorder="array", categoryarray=order)
    return found.update_xaxes(title="mean rank over seeds, 1 is best")


def _floor(curves: dict[str, Any]) -> float:
    """Where no regret is drawn on a logarithmic axis: half the smallest positive value."""
    parts = ("low", "median", "high")
    values = [v for lines in curves["by"].values() for part in parts for v in lines[part] if v is not None and v > 0]
    return min(values) / 2 if values else 1e-3


def _faded(colour: str) -> str:
    """A hexadecimal colour, almost transparent."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{_BAND})"
