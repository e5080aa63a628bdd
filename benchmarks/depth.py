"""Depth under a latency limit: searched networks against the unsearched one, trained for the same time.

For every seed, `nassay search --task depth` runs with NetAdaptV2 (space `bypass`) and with the cascade (`convnets`) on
the frames of a depth camera, test frames the last of each scene. Every run trains its winner, and a reference that was
not searched: the widest network of the MobileNetV2 layout whose measured latency keeps the same limit, for the same
training seconds. Finished runs are kept and not repeated, an interrupted one is continued. What failed is named below
the table, with the last line that it said.

    python benchmarks/depth.py --work runs/depth --minutes 10 --max-latency-ms 8 --seeds 0 1 2

Needs `NASSAY_DATA`, unless `--data` names frames. Writes `benchmarks/results/depth.json` and `.md`.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from intervals import half_width
from nassay.tasks.depth import Depth

RESULTS = Path(__file__).parent / "results"
FRAMES = "images/rgbd_160x120.npz"
STRATEGIES = ("netadapt_v2", "cascade")
ERRORS = ("abs_rel", "rmse")


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("NASSAY_DATA", "."), FRAMES))
    parser.add_argument("--work", type=Path, default=Path("runs/depth"))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--max-latency-ms", type=float, default=8.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--table-only", action="store_true", help="only write the table of what is there")
    arguments = parser.parse_args()
    reasons: dict[str, str] = {}
    if not arguments.table_only:
        if not arguments.data.exists():
            parser.error(f"{arguments.data} is not there. Set NASSAY_DATA or give --data.")
        for seed in arguments.seeds:
            for strategy in STRATEGIES:
                reason = run(arguments, strategy, seed)
                if reason is not None:
                    reasons[f"{strategy}, seed {seed}"] = reason
                    print(f"{strategy}, seed {seed}: {reason}", file=sys.stderr)
    write_table(arguments, reasons)


def folder_of(arguments: argparse.Namespace, strategy: str, seed: int) -> Path:
    """Where one run lies; other data, another limit or budget is another run."""
    settings = f"{arguments.data.stem}-{arguments.max_latency_ms:g}ms-{arguments.minutes:g}min"
    folder: Path = arguments.work / f"{strategy}-{settings}-{seed}"
    return folder


def run(arguments: argparse.Namespace, strategy: str, seed: int) -> str | None:
    """One search, or why it failed; the same command continues or keeps what is there."""
    command = [
        *(sys.executable, "-m", "nassay", "search", str(arguments.data), "--task", "depth", "--strategy", strategy),
        *("--minutes", f"{arguments.minutes:g}", "--max-latency-ms", f"{arguments.max_latency_ms:g}"),
        *("--seed", str(seed), "--out", str(folder_of(arguments, strategy, seed)), "--json"),
    ]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    reason = said[-1] if said else f"exit code {done.returncode}"
    return reason.replace(str(arguments.data), arguments.data.name)


def write_table(arguments: argparse.Namespace, reasons: dict[str, str]) -> None:
    """One row a run, then the paired differences with their interval over seeds, and what failed with its reason."""
    runs = []
    failed = {}
    for strategy in STRATEGIES:
        for seed in arguments.seeds:
            path = folder_of(arguments, strategy, seed) / "summary.json"
            summary = json.loads(path.read_text()) if path.exists() else {"status": "not run"}
            if summary["status"] == "finished":
                runs.append({"strategy": strategy, "seed": seed, **facts(summary)})
            else:
                name = f"{strategy}, seed {seed}"
                failed[name] = reasons.get(name, summary["status"])
    command = (
        f"python benchmarks/depth.py --minutes {arguments.minutes:g} --max-latency-ms {arguments.max_latency_ms:g} "
        f"--seeds {' '.join(map(str, arguments.seeds))}"
    )
    document: dict[str, Any] = {"command": command, "data": arguments.data.name, "runs": runs, "failed": failed}
    document["constant"] = constant(arguments.data) if runs else None
    document["differences"] = {strategy: difference(runs, strategy) for strategy in STRATEGIES}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "depth.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "depth.md").write_text(markdown(document))
    print(markdown(document))


def facts(summary: dict[str, Any]) -> dict[str, Any]:
    """What the table needs of a run."""
    found: dict[str, Any] = {"trained": summary["evaluations"]["training"]["ok"], "task": summary["task"]}
    for role in ("best", "reference"):
        row = summary[role] or {}
        found[role] = {
            **{key: row.get(key) for key in ("architecture", "latency_ms", "params", "macs", "train_seconds")},
            **(row.get("test_metrics") or {}),
        }
    found["seconds"] = summary["seconds"]["total"]
    return found


def constant(data: Path) -> dict[str, float]:
    """Test metrics of saying the median depth of the training frames everywhere."""
    task = Depth.from_source(data, seed=0)
    targets = torch.from_numpy(task.open_test().y)
    return task.metrics_of(torch.full((len(targets), 1, 1, 1), float(task.settings["typical_m"])), targets)


def difference(runs: list[dict[str, Any]], strategy: str) -> dict[str, Any] | None:
    """delta1 of the winner minus that of the reference, in points, over seeds; the interval is Student's."""
    pairs = [(r["best"], r["reference"]) for r in runs if r["strategy"] == strategy]
    points = [100 * (a["delta1"] - b["delta1"]) for a, b in pairs if "delta1" in a and "delta1" in b]
    if not points:
        return None
    return {"mean": float(np.mean(points)), "half_width_95": half_width(points), "each": points}


def markdown(document: dict[str, Any]) -> str:
    """The table as it stands in the results."""
    lines = [
        "# Depth: searched networks against the unsearched one",
        "",
        f"Command: `{document['command']}`; frames of {document['data']}, test frames the last fifth of each scene.",
        "delta1: share of test pixels right within a factor of 1.25. The reference is the widest network of the",
        "MobileNetV2 layout that keeps the limit; it had the same training seconds as the winner, in the same run.",
        "",
        "| strategy | seed | winner: delta1 | abs rel | rmse, m | latency, ms | params "
        "| reference: delta1 | abs rel | rmse, m | latency, ms | params | trainings | seconds |",
        "|" + "---|" * 14,
    ]
    for one in document["runs"]:
        cells = [one["strategy"], str(one["seed"])]
        for role in ("best", "reference"):
            row = one[role]
            cells.append(number(row.get("delta1"), 100, 2, " %"))
            cells += [number(row.get(key), 1, 3) for key in ERRORS]
            cells += [number(row.get("latency_ms"), 1, 2), number(row.get("params"), 1, 0)]
        lines.append("| " + " | ".join([*cells, str(one["trained"]), f"{one['seconds']:.0f}"]) + " |")
    if document["constant"]:
        values = ", ".join(f"{name} {number(document['constant'][name], 1, 3)}" for name in ("delta1", *ERRORS))
        lines += [
            "",
            f"Saying the median depth of the training frames everywhere has {values} on the same test frames.",
        ]
    lines += ["", "Winner minus reference in delta1, paired over seeds:", ""]
    lines += [f"- {strategy}: {words(found)}" for strategy, found in document["differences"].items()]
    if document["failed"]:
        lines += ["", "Left out, for they did not finish:", ""]
        lines += [f"- {name}: {reason}" for name, reason in document["failed"].items()]
    return "\n".join(lines) + "\n"


def number(value: float | None, factor: float, digits: int, unit: str = "") -> str:
    """A number, or a dash."""
    return "–" if value is None else f"{factor * value:,.{digits}f}{unit}"


def words(found: dict[str, Any] | None) -> str:
    """A difference in a sentence."""
    if found is None:
        return "nothing was measured"
    interval = "" if found["half_width_95"] is None else f" ± {found['half_width_95']:.2f} (95 % interval)"
    return f"{found['mean']:+.2f} points{interval}; seeds: {', '.join(f'{p:+.2f}' for p in found['each'])}"


if __name__ == "__main__":
    main()
