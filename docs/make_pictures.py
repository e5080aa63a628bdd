"""Make docs/pictures from the run folder of a finished search.

    python docs/make_pictures.py [RUN_FOLDER]        runs/demo by default, which `make demo` writes

The terminal's tables become an SVG, as `nassay report` prints them; the report's parts become PNGs, taken by a headless
Chromium.
"""

import argparse
import io
import re
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from nassay.cli import tables
from nassay.cli.runs import rewrite_report
from nassay.reports.pictures import picture

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
COLUMNS = 118  # of the terminal
WIDTH = 1280  # of the browser's window, in pixels
PARTS = {"report": (0, 1690), "report_training": (1690, 2570)}  # from and to, in pixels down the page


def main() -> None:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "runs" / "demo", help="of a finished search")
    folder = parser.parse_args().folder
    PICTURES.mkdir(exist_ok=True)
    report, summary = rewrite_report(folder)
    written = [terminal(Path("runs") / folder.name, summary), *report_parts(report)]
    sys.stdout.write("".join(f"{path}, {path.stat().st_size // 1024} KiB\n" for path in written))


def terminal(folder: Path, summary: dict[str, Any]) -> Path:
    """The tables of a finished search as an SVG without outside fonts."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    with patch.object(tables, "Console", return_value=console):
        tables.print_result(folder, summary)
    drawing = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    path = PICTURES / "terminal.svg"
    path.write_text(console.export_svg(title=f"nassay report {folder}", code_format=drawing), "utf-8")
    return path


def report_parts(report: Path) -> list[Path]:
    """Parts of the report as PNGs of at most 128 colours."""
    with tempfile.TemporaryDirectory() as name:
        whole = picture(report, Path(name) / "page.png", width=WIDTH, height=max(end for _, end in PARTS.values()))
        page = Image.open(whole).convert("RGB")
    paths = []
    for part, (begin, end) in PARTS.items():
        paths.append(PICTURES / f"{part}.png")
        page.crop((0, begin, WIDTH, end)).quantize(128).save(paths[-1], optimize=True)
    return paths


if __name__ == "__main__":
    main()
