"""The HTML report of a study."""

import json
import os
from pathlib import Path
from typing import Any

from nassay.reports import comparison, figures, findings
from nassay.reports.data import ReportData
from nassay.reports.drawings import draw_network
from nassay.reports.standalone import standalone_page
from nassay.reports.tables import gap_cells

REPORT = "report.html"


def write_report(run_folder: Path, data: ReportData) -> Path:
    """Write `report.html` into a run folder, whole or not at all.

    Args:
        run_folder: where it goes.
        data: what it shows.

    Returns:
        The path of the report.
    """
    page = render(data)
    path = run_folder / REPORT
    draft = path.with_suffix(".html.part")
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, path)
    return path


def render(data: ReportData) -> str:
    """The whole page as a string."""
    return standalone_page(
        "report.html.j2",
        _plots(data),
        summary=data.summary,
        pictures=data.pictures,
        comparison=comparison,
        findings=findings,
        gap_cells=gap_cells,
        draw_network=draw_network,
    )


def _plots(data: ReportData) -> dict[str, Any]:
    """Plot name -> plotly figure as plain data, for every plot that there is data for."""
    found = {"pareto": figures.pareto(data), "curves": figures.curves(data)}
    found |= {f"gap-{i}": figures.gap_scatter(data, gap) for i, gap in enumerate(data.summary.get("gaps") or [])}
    return {name: json.loads(figure.to_json()) for name, figure in found.items() if figure is not None}
