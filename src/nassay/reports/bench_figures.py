"""The plots of a proxy benchmark, as plotly figures without a background or a font of their own: the page themes them.

Texts from outside are escaped, because plotly reads texts as HTML-like markup.
"""

from html import escape
from typing import Any

import plotly.graph_objects as go

from nassay.reports.bench_tables import correlation, figure, quality
from nassay.reports.figures import COLOURS, hover_text
from nassay.reports.zero_shot_findings import rho

_SHOWN_SHARES = {1.0: ("all", "best"), 0.1: ("best 10 %", "reference")}  # share: its name, the key of its colour


def forest(summary: dict[str, Any]) -> go.Figure:
    """Every proxy's tau with its interval, over all architectures and over the best tenth, and what was published."""
    rows = summary["rows"][::-1]
    found = go.Figure(layout={"template": None, "hovermode": "closest"})
    for share, (label, colour) in _SHOWN_SHARES.items():
        points = [(row["name"], report) for row in rows for report in row["shares"] if report["share"] == share]
        points = [(name, report) for name, report in points if report["kendall_tau"] is not None]
        found.add_scatter(
            x=[report["kendall_tau"] for _, report in points],
            y=[escape(name) for name, _ in points],
            mode="markers",
            name=label,
            marker={"color": COLOURS[colour], "size": 8},
            error_x=whiskers([report for _, report in points], COLOURS[colour]),
            hovertext=[hover_text(name, "", f"tau {correlation(r['kendall_tau'])}, n {r['n']}") for name, r in points],
            hoverinfo="text",
        )
    claims = [(row["name"], claim) for row in rows if (claim := figure(row, "kendall_tau"))]
    if claims:
        found.add_scatter(
            x=[claim["value"] for _, claim in claims],
            y=[escape(name) for name, _ in claims],
            mode="markers",
            name="published, all",
            marker={"color": COLOURS["random"], "size": 11, "symbol": "diamond-open"},
            hovertext=[
                hover_text(name, claim["source"], f"tau {correlation(claim['value'])}") for name, claim in claims
            ],
            hoverinfo="text",
        )
    found.update_yaxes(categoryorder="array", categoryarray=[escape(row["name"]) for row in rows])
    return found.update_xaxes(title="Kendall's τ-b")


def whiskers(reports: list[dict[str, Any]], colour: str) -> dict[str, Any]:
    """Asymmetric error bars; none where there is no interval."""
    taus, lows, highs = ([r[key] for r in reports] for key in ("kendall_tau", "ci_low", "ci_high"))
    return {
        "type": "data",
        "symmetric": False,
        "array": [0 if h is None else max(0.0, h - t) for h, t in zip(highs, taus, strict=True)],
        "arrayminus": [0 if low is None else max(0.0, t - low) for low, t in zip(lows, taus, strict=True)],
        "color": colour,
        "thickness": 1.2,
        "width": 0,
    }


def rank_scatter(summary: dict[str, Any], drawn: dict[str, Any], row: dict[str, Any]) -> go.Figure | None:
    """A proxy's ranks against the truth's, one point an architecture, and the architecture that it picks.

    None where no architecture has a score.
    """
    if row["pick"] is None:
        return None
    found = go.Figure(layout={"template": None, "hovermode": "closest"})
    found.add_scatter(
        x=drawn["scores"][row["name"]],
        y=drawn["truth"],
        mode="markers",
        marker={"color": COLOURS["best"], "size": 4, "opacity": 0.4},
        hovertemplate="rank by score %{x}<br>true rank %{y}<extra></extra>",
        showlegend=False,
    )
    if row["pick"] < len(drawn["truth"]):
        place = row["pick"]
        found.add_scatter(
            x=[drawn["scores"][row["name"]][place]],
            y=[drawn["truth"][place]],
            mode="markers",
            marker={"color": COLOURS["reference"], "size": 12, "symbol": "star"},
            hovertext=[
                hover_text("its pick", row["pick_architecture"], quality(drawn["accuracies"][place], summary["unit"]))
            ],
            hoverinfo="text",
            showlegend=False,
        )
    margin = 0.03 * summary["n"]
    span = [1 - margin, summary["n"] + margin]
    return found.update_xaxes(title="rank by score", range=span).update_yaxes(title="true rank", range=span)


def correlation_matrix(summary: dict[str, Any]) -> go.Figure:
    """Spearman's rho between every two rows, red for agreement, blue for opposition."""
    names = [escape(name) for name in summary["correlations"]["names"]]
    return _matrix(names, names, summary["correlations"]["rho"])


def benchmark_matrix(summary: dict[str, Any], share: float) -> go.Figure:
    """Spearman's rho of every proxy on every benchmark, over the truly best `share` of its architectures."""
    names = [line["name"] for line in summary["overview"]]
    columns = [{row["name"]: rho(row, share) for row in b["rows"]} for b in summary["benchmarks"]]
    return _matrix(
        [escape(f"{b['table']} {b['dataset']}") for b in summary["benchmarks"]],
        [escape(name) for name in names],
        [[column.get(name) for column in columns] for name in names],
    )


def _matrix(x: list[str], y: list[str], rho: list[list[float | None]]) -> go.Figure:
    """A heat map of correlations with their values written in."""
    found = go.Figure(layout={"template": None})
    found.add_heatmap(
        z=rho,
        x=x,
        y=y,
        zmin=-1,
        zmax=1,
        colorscale="RdBu",
        reversescale=True,
        text=[["" if v is None else f"{v:.2f}".replace("0.", ".") for v in line] for line in rho],
        texttemplate="%{text}",
        textfont={"size": 9},
        hovertemplate="%{y} and %{x}: ρ %{z:.3f}<extra></extra>",
        colorbar={"thickness": 10, "title": "ρ"},
    )
    found.update_xaxes(tickangle=-60, showgrid=False)
    return found.update_yaxes(autorange="reversed", showgrid=False)
