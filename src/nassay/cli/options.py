"""What several commands share: options, exit codes, JSON on standard output."""

import json
import sys
from typing import Annotated, Any

import typer

EXIT_CODES = """
Exit codes: 0 done; 1 no candidate could be trained, or another error of the study; 2 bad input, or limits that cannot
be met; 3 another command works on the run folder; 4 the system stopped the study (full disk, read-only folder), the
same command continues it; 130 interrupted, the same command continues it.
"""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random draw.")]


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
