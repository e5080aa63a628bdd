"""The HTML report: one file that opens without a network, plotly.js inside.

A Content-Security-Policy lets only this page's own two scripts run, by their hashes, and nothing be loaded:
even a text that slipped past escaping could do no harm.
"""

import base64
import hashlib
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from nassay.reports import comparison, figures, findings, formats
from nassay.reports.data import ReportData, read_run
from nassay.reports.drawings import draw_network
from nassay.reports.tables import gap_cells

REPORT = "report.html"


def write_report(run_folder: Path, data: ReportData | None = None) -> Path:
    """Write `report.html` into a run folder, whole or not at all.

    Args:
        run_folder: where it goes.
        data: what it shows; None reads `summary.json` and `records.jsonl` from the folder.

    Returns:
        The path of the report.

    Raises:
        UserError: there is nothing to read in the folder.
    """
    page = render(data if data is not None else read_run(run_folder))
    path = run_folder / REPORT
    draft = path.with_suffix(".html.part")
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, path)
    return path


def render(data: ReportData) -> str:
    """The whole page as a string."""
    environment = Environment(loader=PackageLoader("nassay.reports"), autoescape=True, trim_blocks=True)
    environment.filters |= {"duration": formats.duration, "percent": formats.percent}
    plots = _plots(data)
    scripts = {
        "library": get_plotlyjs(),
        "drawing": files("nassay.reports").joinpath("templates/draw.js").read_text(),
    }
    return environment.get_template("report.html.j2").render(
        summary=data.summary,
        style=Markup(files("nassay.reports").joinpath("templates/style.css").read_text()),
        scripts={name: Markup(source) for name, source in scripts.items()},
        hashes=[_hash(source) for source in scripts.values()],
        plots=set(plots),
        plots_json=Markup(_script_json(plots)),
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


def _script_json(value: Any) -> str:
    """JSON that can stand inside a script element: no `<`, `>` or `&` in it."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(source: str) -> str:
    """A script's source expression for the Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
