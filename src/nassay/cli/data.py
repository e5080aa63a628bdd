"""`nassay data list | import`: the tabular benchmarks that are here, and official releases made into tables."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nassay.cli.options import EXIT_CODES, Json, print_json

data = typer.Typer(
    help="Tabular benchmarks: what is here, and how official releases are converted.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@data.command("list", epilog=EXIT_CODES)
def list_(as_json: Json = False) -> None:
    """The tabular benchmarks: which are here, with how many rows, and where the official files are found."""
    found = known_tables()
    if as_json:
        return print_json(found)
    _print_tables(found)


@data.command("import", epilog=EXIT_CODES)
def import_(
    name: Annotated[str, typer.Argument(help="The release, as `nassay data list` calls it under `import as`.")],
    file: Annotated[Path, typer.Argument(help="The official file, or the folder of official files.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the table; by default $NASSAY_DATA/tables.")] = None,
    as_json: Json = False,
) -> None:
    """Convert the official release of a benchmark into a table, with its checksum and an integrity report.

    Nothing in the file is executed: a pickle that holds more than plain data is refused.
    """
    from nassay.estimators.tables.importers import run_import

    report = run_import(name, file, out)
    if as_json:
        return print_json(report)
    _print_report(report)


def known_tables() -> list[dict[str, Any]]:
    """Name, file, rows and origin of every tabular benchmark, JSON-ready.

    No path and no rows where it is absent, no rows where its file is damaged.
    """
    from nassay.estimators.tables.base import tables
    from nassay.estimators.tables.importers import importers

    makers = {entry.target.file: entry for entry in importers}
    found = []
    for entry in tables:
        maker = makers.get(entry.target.files[0])
        path, rows = _here(entry.target)
        found.append(
            {
                "name": entry.name,
                "summary": entry.summary,
                "space": entry.info["space"],
                "paper": entry.info["paper"],
                "path": None if path is None else str(path),
                "rows": rows,
                "import_as": maker and maker.name,
                "official": maker and maker.target.official,
                "found_at": maker and maker.target.found_at,
            }
        )
    return found


def _here(table: Any) -> tuple[Path | None, int | None]:
    """The file of a table if it is there, and its number of rows if it can be read."""
    from nassay.errors import UserError

    path: Path | None = None
    try:
        path = table.locate()
        return path, table.rows_here()
    except UserError:
        return path, None


def _print_tables(found: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from nassay.cli.tables import wide_console

    table = Table(title="Tabular benchmarks", title_justify="left", show_lines=True)
    for heading in ("name", "what", "rows here", "import as", "official release"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "rows here" else "left")
    for row in found:
        release = f"{row['official']}\n{row['found_at']}" if row["official"] else "part of nassay"
        absent = "none" if row["path"] is None else "damaged file"
        rows = absent if row["rows"] is None else f"{row['rows']:,}"
        table.add_row(*map(Text, (row["name"], row["summary"], rows, row["import_as"] or "", release)))
    console = wide_console()
    console.print(table)
    console.print("Tables are looked for in $NASSAY_DATA/tables; `nassay data import NAME FILE` puts them there.")


def _print_report(report: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from nassay.cli.tables import wide_console
    from nassay.reports.formats import digits

    console = wide_console()
    expected = report["expected_rows"]
    whole = "" if expected is None else f" of {expected:,} in the complete release"
    console.print(Text(f"{report['table']}: {report['rows']:,} rows{whole}"))
    console.print(Text(f"SHA-256 of the source: {report['sha256']} ({report['checksum']})"))
    table = Table(title="Columns of numbers, and what is missing", title_justify="left")
    for heading in ("column", "smallest", "largest", "missing"):
        table.add_column(heading, justify="left" if heading == "column" else "right")
    for name in {**report["ranges"], **report["missing"]}:
        low, high = report["ranges"].get(name, (None, None))
        table.add_row(Text(name), digits(low, 5), digits(high, 5), f"{report['missing'].get(name, 0):,}")
    console.print(table)
