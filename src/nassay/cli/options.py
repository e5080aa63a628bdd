"""What several commands share: options, exit codes, shapes, files to write, JSON on standard output."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nassay.errors import UserError

EXIT_CODES = """
Exit codes: 0 done; 1 no candidate could be trained, or another error of the study; 2 bad input, or limits that cannot
be met; 3 another command works on the run folder; 4 the system stopped the study (full disk, read-only folder), the
same command continues it; 130 interrupted, the same command continues a study.
"""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random draw.")]
Trainings = Annotated[
    int | None, typer.Option("--workers", min=1, help="Parallel trainings; by default one for each core.")
]
Processes = Annotated[
    int | None, typer.Option("--workers", min=1, help="Parallel processes; by default one for each core.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
ImageShape = Annotated[str | None, typer.Option(help="CxHxW to convert images to, such as 3x64x64.")]
InputShape = Annotated[str, typer.Option("--input", help="CxHxW of one image, such as 3x32x32.")]
Table = Annotated[str, typer.Option(help="Tabular benchmark, such as nasbench201.")]
Dataset = Annotated[str | None, typer.Option(help="One of its data sets, such as cifar10; else the first.")]


def parse_shape(text: str) -> tuple[int, int, int]:
    """(C, H, W) from text such as `3x32x32`.

    Raises:
        UserError: it is not three positive numbers.
    """
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(p.isdigit() and int(p) > 0 for p in parts):
        raise UserError(f"An image shape is CxHxW, such as 3x32x32, found {text!r}.")
    c, h, w = (int(p) for p in parts)
    return c, h, w


def check_writable(path: Path) -> None:
    """Check, before long work, that a file can be written at the end of it.

    Raises:
        UserError: its folder is missing, or it is a folder itself.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder. Give a file as --out.")
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {path.parent}. Make it, or give another --out.")


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
