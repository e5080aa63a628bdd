"""`nassay dps`: search the few-shot proxy's recipe on a benchmark."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nassay.cli.options import Dataset, Json, Processes, Seed, Table, print_json

INTERVALS = (("rho_ci_low", "rho_ci_high"), ("ci_low", "ci_high"))


def dps(
    table: Table,
    dataset: Dataset = None,
    space: Annotated[str | None, typer.Option(help="Space that the table must be of, as a check.")] = None,
    labelled: Annotated[int, typer.Option(min=8, help="Architectures whose accuracy the search knows.")] = 20,
    evaluations: Annotated[int, typer.Option(min=1, help="Recipes to try.")] = 200,
    held_out: Annotated[int, typer.Option(min=3, help="Other architectures, on which the recipe is judged.")] = 200,
    seed: Seed = 0,
    workers: Processes = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. By default runs/dps-TABLE-DATASET.")] = None,
    as_json: Json = False,
) -> None:
    """Discrete proxy search: evolve the recipe of Eproxy, the few-shot proxy, for one space and data set.

    The same command goes on where it was stopped. Reported on architectures that the search has not seen: plain Eproxy,
    Eproxy with the found recipe, Eproxy without its barrier, and the number of MACs.
    """
    from nassay.cli.display import Display
    from nassay.studies.recipe_search import search_on_table

    with Display() as display:
        result = search_on_table(
            table,
            dataset,
            labelled=labelled,
            evaluations=evaluations,
            held_out=held_out,
            seed=seed,
            space=space,
            out=out,
            workers=workers,
            listener=display,
        )
    if as_json:
        return print_json({"folder": str(result.folder), **result.summary})
    _print(result.folder, result.summary)


def _print(folder: Path, summary: dict[str, Any]) -> None:
    """The found recipe, and the verdict."""
    from rich.table import Table
    from rich.text import Text

    from nassay.cli.tables import wide_console
    from nassay.reports.formats import digits

    console, found = wide_console(), summary["found"]
    title = f"{summary['table']}, {summary['dataset']}: {summary['held_out']} held-out networks, {summary['metric']}"
    table = Table(title=title, title_justify="left")
    for heading in ("", "Spearman rho", "95 % interval", "Kendall tau", "95 % interval", "n"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in summary["rows"]:
        interval = [f"{digits(row[low])} to {digits(row[high])}" for low, high in INTERVALS]
        cells = (digits(row["spearman_rho"]), interval[0], digits(row["kendall_tau"]), interval[1], str(row["n"]))
        table.add_row(row["estimator"], *cells)
    console.print(table)
    console.print(Text(f"Found on {summary['labelled']} labelled networks: {found['proxy']}"))
    console.print(
        f"Cross-validated on the labels: rho {digits(found['expected_rho'])} for a search, "
        f"{digits(found['plain_rho'])} for plain Eproxy, on halves that neither has seen."
        + ("" if found["trusted"] else " The search is not worth more: score with plain `eproxy`.")
    )
    console.print(Text(f"Networks saw {summary['inputs']}. Files: {folder}/summary.json, {folder}/study.sqlite"))
