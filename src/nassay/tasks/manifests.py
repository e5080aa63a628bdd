"""A CSV file that lists images: the columns path and label, and optionally split.

Paths are relative to the CSV file. Splits are train, val (valid, validation), test or empty.
"""

import csv
from pathlib import Path

from nassay.errors import UserError
from nassay.tasks.folders import LabelledFile, read_files
from nassay.tasks.image_data import SPLIT_ALIASES, ImageData, first_few
from nassay.tasks.resizing import Shape


def read_manifest(path: Path, *, shape: Shape | None = None) -> ImageData:
    """Read the images that a CSV file lists.

    Args:
        path: of the CSV file, UTF-8.
        shape: (C, H, W) to convert to; None for the rule of `decoding`.

    Raises:
        UserError: not a CSV of these columns, a missing file, an empty label, an unknown split, or what
            `read_files` refuses.
    """
    files = [_labelled_file(row, line, path) for line, row in _rows(path)]
    if not files:
        raise UserError(f"{path} lists no images: it has a header and nothing below.")
    missing = [str(file.path) for file in files if not file.path.is_file()]
    if missing:
        raise UserError(
            f"{path.name}: {len(missing)} of {len(files)} listed files do not exist: {first_few(missing)}. "
            "Paths are relative to the CSV file."
        )
    return read_files(files, name=path.name, root=path.parent, shape=shape)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(line number, row by lower-case column name) of each row that isn't blank."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            if not {"path", "label"} <= set(columns):
                raise UserError(
                    f"{path.name} needs the columns path and label (and optionally split), "
                    f"separated by commas; found {first_few(columns) or 'an empty file'}."
                )
            reader.fieldnames = columns
            return [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a CSV file in UTF-8: {error}.") from error


def _labelled_file(row: dict[str, str], line: int, manifest: Path) -> LabelledFile:
    name, label, split = (row.get(column, "").strip() for column in ("path", "label", "split"))
    if not name or not label:
        raise UserError(f"{manifest.name}, line {line}: the path or the label is empty.")
    if split and split.lower() not in SPLIT_ALIASES:
        raise UserError(
            f"{manifest.name}, line {line}: unknown split {split!r}; expected {', '.join(SPLIT_ALIASES)} or empty."
        )
    return LabelledFile(manifest.parent / name, label, SPLIT_ALIASES.get(split.lower(), ""))
