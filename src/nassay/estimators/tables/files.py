"""Where the tables lie: in the folder `tables` of NASSAY_DATA, as Parquet files."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow
from pyarrow import parquet

from nassay.errors import UserError

FOLDER = "NASSAY_DATA"


def tables_folder() -> Path | None:
    """`$NASSAY_DATA/tables`, or None where the variable is not set."""
    return Path(os.environ[FOLDER]) / "tables" if os.environ.get(FOLDER) else None


def find_file(names: Sequence[str], folder: Path | None = None) -> Path:
    """The first of the files that is there.

    Args:
        names: file names, the preferred one first.
        folder: where they lie; None for `tables_folder()`.

    Raises:
        UserError: there is none; the text says where it was looked for and what brings it there.
    """
    folder = folder or tables_folder()
    advice = "`nassay data list` says where the official file is found, `nassay data import` converts it."
    if folder is None:
        raise UserError(
            f"The table {names[0]} is not part of nassay, and {FOLDER} is not set. Set it to the folder that holds "
            f"tables/{names[0]}. {advice}"
        )
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"There is no {' and no '.join(names)} in {folder}. {advice}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Says of a file that it is damaged.

    Raises:
        UserError: what is done inside cannot read it.
    """
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read as a Parquet table: {error}") from error


def read_columns(path: Path, columns: Sequence[str] | None = None) -> pyarrow.Table:
    """Columns of a Parquet file, all of them by default.

    Raises:
        UserError: the file is damaged, or lacks a column.
    """
    with _readable(path):
        return parquet.read_table(path, columns=None if columns is None else list(columns))


def row_count(path: Path) -> int:
    """Number of rows of a Parquet file.

    Raises:
        UserError: the file is damaged.
    """
    with _readable(path):
        return int(parquet.read_metadata(path).num_rows)


def column_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file.

    Raises:
        UserError: the file is damaged.
    """
    with _readable(path):
        return list(parquet.read_schema(path).names)
