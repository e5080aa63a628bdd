"""The HTML report of a super-network's gap: a file that opens without a network."""

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from nassay.reports import supernet_tables
from nassay.reports.figures import COLOURS, hover_text
from nassay.reports.formats import percent
from nassay.reports.standalone import standalone_page


def render_supernet(summary: dict[str, Any]) -> str:
    """The whole page as a string, from the study's `summary.json`."""
    return standalone_page(
        "supernet_gap.html.j2",
        {"levels": json.loads(levels_figure(summary).to_json())},
        summary=summary,
        tables=supernet_tables,
    )


def levels_figure(summary: dict[str, Any]) -> go.Figure:
    """Inherited against stand-alone accuracy, one point an architecture, means over seeds; bars from least to most."""
    alone, inherited = np.array(summary["alone"]), np.array(summary["inherited"])
    found = go.Figure(layout={"template": None, "hovermode": "closest"})
    found.add_scatter(
        x=alone.mean(0).tolist(),
        y=inherited.mean(0).tolist(),
        mode="markers",
        marker={"color": COLOURS["best"], "size": 8},
        error_x=_bars(alone),
        error_y=_bars(inherited),
        hovertext=[
            hover_text(name, "", f"alone {percent(a)}, inherited {percent(i)}")
            for name, a, i in zip(summary["architectures"], alone.mean(0), inherited.mean(0), strict=True)
        ],
        hoverinfo="text",
        showlegend=False,
    )
    return found.update_xaxes(title="accuracy alone").update_yaxes(title="inherited accuracy")


def _bars(values: np.ndarray) -> dict[str, Any]:
    """(seeds, architectures) accuracies as error bars from the least to the most."""
    mean = values.mean(0)
    return {
        "type": "data",
        "symmetric": False,
        "array": (values.max(0) - mean).tolist(),
        "arrayminus": (mean - values.min(0)).tolist(),
        "thickness": 0.7,
        "width": 0,
    }
