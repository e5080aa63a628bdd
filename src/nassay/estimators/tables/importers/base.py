"""What every importer does: read the official file, check what came out, write the table, say what was found."""

import hashlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.types
from pyarrow import compute, parquet

from nassay.errors import UserError
from nassay.estimators.tables.files import FOLDER, tables_folder
from nassay.registry import Registry

Read = Callable[[Path], pyarrow.Table]


@dataclass(frozen=True)
class Importer:
    """How the official release of a benchmark becomes a table.

    Attributes:
        read: reads a file, or a folder of files, into a table.
        file: name of the Parquet file that it makes.
        rows: how many the complete release has; None where that is open.
        official: names of the official files.
        found_at: where they are found.
        bounds: patterns of column names, and the range that their values lie in.
        checksums: published SHA-256 by file name, where there is one.
    """

    read: Read
    file: str
    rows: int | None
    official: str
    found_at: str
    bounds: Mapping[str, tuple[float, float]]
    checksums: Mapping[str, str] = field(default_factory=dict)


importers: Registry[Importer] = Registry(
    "importable table",
    tuple(
        f"nassay.estimators.tables.importers.{module}"
        for module in ("nasbench201", "nasbench101", "transnasbench101", "nasbench_macro", "nds")
    ),
)


def run_import(name: str, source: Path, out: Path | None = None) -> dict[str, Any]:
    """Convert an official release into the table that `open_table` reads.

    Args:
        name: such as `nasbench201`; see `importers`.
        source: the official file, or a folder of files.
        out: folder for the table; None for `$NASSAY_DATA/tables`.

    Returns:
        The integrity report, JSON-ready: `table`, `rows`, `expected_rows`, `sha256`, `checksum` (what is known of it),
        `missing` (values by column, NaN among them) and `ranges` (smallest and largest value by column).

    Raises:
        UserError: no such importer, a source that cannot be read or is not what it should be, or values out of range,
            NaN among them. Nothing is written.
    """
    importer = importers[name].target
    folder = out or tables_folder()
    if folder is None:
        raise UserError(f"Say where the table goes: --out FOLDER, or set {FOLDER} to the folder that holds tables/.")
    if not source.exists():
        raise UserError(f"There is no {source}. {name} is made from {importer.official}, found at {importer.found_at}.")
    try:
        digest, table = sha256_of(source), importer.read(source)
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error}. {name} is made from {importer.official}.") from error
    ranges, nans = _ranges(table), _nans(table)
    _check(importer, table, ranges, nans, source)
    path = folder / importer.file
    write_table(table, path)
    return {
        "table": str(path),
        "source": str(source),
        "sha256": digest,
        "checksum": _judged(importer.checksums.get(source.name), digest),
        "rows": table.num_rows,
        "expected_rows": importer.rows,
        "missing": {n: k for n in table.column_names if (k := table[n].null_count + nans.get(n, 0))},
        "ranges": {n: list(r) for n, r in ranges.items()},
    }


def sha256_of(source: Path) -> str:
    """SHA-256 of a file; of a folder, that of its files' names and digests, sorted by name."""
    if source.is_file():
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(p for p in source.iterdir() if p.is_file())
    return hashlib.sha256("".join(f"{p.name} {sha256_of(p)}\n" for p in names).encode()).hexdigest()


def write_table(table: pyarrow.Table, path: Path) -> None:
    """Write a Parquet file under another name and rename it: it is whole or not there.

    Raises:
        UserError: the folder cannot be written to.
    """
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, partial, compression="zstd")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error}") from error


def table_of(rows: list[dict[str, Any]]) -> pyarrow.Table:
    """A table of rows that need not all have every column.

    Raises:
        UserError: there is no row.
    """
    if not rows:
        raise UserError("The file holds no architectures.")
    names = dict.fromkeys(name for row in rows for name in row)
    return pyarrow.table({name: [row.get(name) for row in rows] for name in names})


def _ranges(table: pyarrow.Table) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of every column of numbers, or of lists of numbers."""
    found = {}
    for name, column in _numbers(table):
        if pyarrow.types.is_floating(column.type):
            column = column.filter(compute.invert(compute.is_nan(column)))
        extremes = compute.min_max(column).as_py()
        if extremes["min"] is not None:
            found[name] = (extremes["min"], extremes["max"])
    return found


def _nans(table: pyarrow.Table) -> dict[str, int]:
    """How many values are not a number, of the columns that have such values."""
    floating = ((name, column) for name, column in _numbers(table) if pyarrow.types.is_floating(column.type))
    return {name: count for name, column in floating if (count := compute.sum(compute.is_nan(column)).as_py())}


def _numbers(table: pyarrow.Table) -> Iterator[tuple[str, pyarrow.ChunkedArray]]:
    """The columns of numbers, and those of lists of numbers, the lists joined."""
    for name in table.column_names:
        column = table[name]
        if pyarrow.types.is_list(column.type):
            column = compute.list_flatten(column)
        if pyarrow.types.is_integer(column.type) or pyarrow.types.is_floating(column.type):
            yield name, column


def _check(
    importer: Importer,
    table: pyarrow.Table,
    ranges: Mapping[str, tuple[float, float]],
    nans: Mapping[str, int],
    source: Path,
) -> None:
    for pattern, (low, high) in importer.bounds.items():
        for name in dict.fromkeys([*ranges, *nans]):
            wrong = [v for v in (*ranges.get(name, ()), *[math.nan] * (name in nans)) if not low <= v <= high]
            if re.fullmatch(pattern, name) and wrong:
                raise UserError(
                    f"{source}: {name} must lie in {low:g}..{high:g}, found {wrong[0]:g}. No table was made."
                )
    if importer.rows is not None and table.num_rows > importer.rows:
        raise UserError(
            f"{source}: the benchmark has {importer.rows:,} rows, found {table.num_rows:,}. No table was made."
        )


def _judged(published: str | None, digest: str) -> str:
    if published is None:
        return "none is published for a file of this name"
    return "as published" if published == digest else f"differs from the published one, {published}"
