"""The HTML reports of one proxy benchmark, and of many: files that open without a network."""

import json
from typing import Any

from nassay.reports import bench_figures, bench_tables, zero_shot_findings
from nassay.reports.standalone import standalone_page


def render_bench(summary: dict[str, Any], drawn: dict[str, Any]) -> str:
    """The whole page as a string.

    Args:
        summary: the content of a benchmark's `summary.json`.
        drawn: ranks for the scatter plots: {architectures, accuracies, truth, scores: {name: ranks}}.
    """
    figures = {"forest": bench_figures.forest(summary), "matrix": bench_figures.correlation_matrix(summary)}
    for i, row in enumerate(summary["rows"]):
        if (scatter := bench_figures.rank_scatter(summary, drawn, row)) is not None:
            figures[f"scatter-{i}"] = scatter
    return standalone_page(
        "bench.html.j2",
        {name: json.loads(figure.to_json()) for name, figure in figures.items()},
        summary=summary,
        shown=len(drawn["truth"]),
        tables=bench_tables,
    )


def render_zero_shot(summary: dict[str, Any]) -> str:
    """The whole page on many benchmarks, from the `summary.json` of `bench zero-shot`."""
    shares = {"whole": zero_shot_findings.WHOLE, "best": zero_shot_findings.BEST}
    figures = {name: bench_figures.benchmark_matrix(summary, share) for name, share in shares.items()}
    return standalone_page(
        "zero_shot.html.j2",
        {name: json.loads(figure.to_json()) for name, figure in figures.items()},
        summary=summary,
        tables=bench_tables,
    )
