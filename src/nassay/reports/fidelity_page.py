"""The HTML report of a study of reduced training settings: a file that opens without a network."""

import json
from html import escape
from typing import Any

import plotly.graph_objects as go

from nassay.reports import fidelity_tables
from nassay.reports.bench_figures import whiskers
from nassay.reports.figures import COLOURS, hover_text
from nassay.reports.formats import percent, signed
from nassay.reports.standalone import standalone_page


def render_fidelities(summary: dict[str, Any]) -> str:
    """The whole page as a string, from the study's `summary.json`."""
    return standalone_page(
        "fidelity_gap.html.j2",
        {"price": json.loads(price_figure(summary).to_json())},
        summary=summary,
        tables=fidelity_tables,
    )


def price_figure(summary: dict[str, Any]) -> go.Figure:
    """Tau with its interval against the price, one point a setting; filled where none ranks as well for less."""
    rows = [
        r
        for r in summary["rows"]
        if r["setting"] != summary["reference"] and r["kendall_tau"] is not None and r["price"]
    ]
    found = go.Figure(layout={"template": None, "hovermode": "closest"})
    found.add_scatter(
        x=[row["price"] for row in rows],
        y=[row["kendall_tau"] for row in rows],
        mode="markers+text",
        text=[escape(row["setting"]) for row in rows],
        textposition="top center",
        marker={
            "color": COLOURS["best"],
            "size": 10,
            "symbol": ["circle" if row["front"] else "circle-open" for row in rows],
        },
        error_y=whiskers(rows, COLOURS["best"]),
        hovertext=[
            hover_text(r["setting"], "", f"tau {signed(r['kendall_tau'])}, n {r['n']}, price {percent(r['price'])}")
            for r in rows
        ],
        hoverinfo="text",
        showlegend=False,
    )
    return found.update_xaxes(title="price, share of the reference", type="log").update_yaxes(title="Kendall's τ-b")
