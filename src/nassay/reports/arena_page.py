"""The HTML report of a benchmark of strategies: a file that opens without a network."""

import json
from typing import Any

from nassay.reports import arena_figures, arena_tables
from nassay.reports.standalone import standalone_page


def render_arena(summary: dict[str, Any]) -> str:
    """The whole page as a string.

    Args:
        summary: the content of the benchmark's `summary.json`.
    """
    figures = {"evaluations": arena_figures.regret_curves(summary, "curves")}
    if summary["time_curves"]:
        figures["seconds"] = arena_figures.regret_curves(summary, "time_curves")
    figures["ranks"] = arena_figures.rank_figure(summary)
    return standalone_page(
        "arena.html.j2",
        {name: json.loads(figure.to_json()) for name, figure in figures.items()},
        summary=summary,
        tables=arena_tables,
    )
