"""Search strategies on tabular benchmarks: every strategy, thirty seeds, two hundred trainings each.

    NASSAY_DATA=... python benchmarks/search.py [--strategies random,evolution,...] [--only nasbench201] [--workers 2]

Seven benchmarks, one `nassay bench search` each, with run folders under `--out`: finished races are kept there, so the
same command goes on where it was stopped, and with another strategy only that one races. Writes `results/search.md` and
`results/search.json` from all benchmarks that were run.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from nassay.cli.display import Display
from nassay.gaps.regret import ranking
from nassay.reports.arena_tables import (
    DASH,
    HEADINGS,
    RANDOM,
    amount,
    arena_cells,
    arena_notes,
    arena_title,
    fewer,
    simulated,
    span,
)
from nassay.studies.arena_bench import bench_search
from nassay.studies.arena_files import SUMMARY

RESULTS = Path(__file__).parent / "results"
BENCHMARKS = (
    ("nasbench201", "cifar10", True),
    ("nasbench201", "cifar100", True),
    ("nasbench201", "ImageNet16-120", True),
    ("nasbench_macro", "cifar10", False),
    ("transnas_micro", "class_scene", False),
    ("transnas_macro", "class_scene", False),
    ("embedded", "digits", True),
)  # table, data set, whether it has training times
CHAINS, OF_CELLS = ("nasbench_macro", "transnas_macro"), "tg_nas"  # tables of chains, and what reads cells alone
BASELINES = "random,local_search,evolution,nsga2,optuna:tpe"


def overall(summaries: list[dict[str, Any]]) -> list[str]:
    """Mean rank over benchmarks by mean regret, and evaluations to match the two references."""
    names = [n for n in by_name(summaries[0]) if all(n in by_name(s) for s in summaries)]
    if len(summaries) < 2 or len(names) < 2:
        return []
    rows = {n: [by_name(s)[n] for s in summaries] for n in names}
    found = ranking({n: np.array([row["regret"] for row in rows[n]]) for n in names})
    lines = [
        f"## Over {len(summaries)} benchmarks",
        "",
        "Rank by mean regret (1 is best); times fewer evaluations than random search and than evolution to match what "
        "they have at the end (median over benchmarks, a benchmark on which it is not matched counts as never).",
        "",
        "| strategy | mean rank | worst rank | times fewer than random | than evolution | seeds that found the best |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    places = {n: [sorted(names, key=lambda m: by_name(s)[m]["regret"]).index(n) + 1 for s in summaries] for n in names}
    for name, rank in found.ranks.items():
        speed = [median_speed(rows[name], summaries, reference) for reference in ("random", "evolution")]
        best = np.mean([row["optimal"] for row in rows[name]])
        lines.append(f"| {name} | {rank:.2f} | {max(places[name])} | {speed[0]} | {speed[1]} | {100 * best:.0f} % |")
    if found.critical_difference is not None:
        lines += ["", f"Critical difference (Nemenyi, 5 %, benchmarks as blocks): {found.critical_difference:.2f}."]
    return [*lines, ""]


def median_speed(rows: list[dict[str, Any]], summaries: list[dict[str, Any]], reference: str) -> str:
    speeds = []
    for row, summary in zip(rows, summaries, strict=True):
        found = row["reach"].get(reference)
        speeds.append(summary["evaluations"] / found["spent"] if found and found["spent"] else 0.0)
    median = float(np.median(speeds))
    return f"{median:.1f}" if median else DASH


def by_name(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in summary["rows"]}


def section(summary: dict[str, Any]) -> list[str]:
    """One benchmark's table."""
    lines = [
        f"## {arena_title(summary)}",
        "",
        f"Best test metric of the table: {amount(summary['best_test'], summary['unit'])} ({summary['unit']}).",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---" + "|---:" * (len(HEADINGS) - 1) + "|",
    ]
    lines += ["| " + " | ".join(arena_cells(row, summary)) + " |" for row in summary["rows"]]
    lines += ["", *(f"- {note}" for note in arena_notes(summary)[2:])]
    if simulated(summary):
        lines.append(f"- Simulated time of a whole race: {simulated(summary)}.")
    return [*lines, ""]


def write(summaries: list[dict[str, Any]], command: str) -> None:
    first = summaries[0]
    best_of_first = f", {amount(first['best_test'], first['unit'])}"
    lines = [
        "# Search strategies on tabular benchmarks",
        "",
        f"`{command}`, {first['finished']}. Seeds 0 to {first['seeds'] - 1} for every strategy, "
        f"{first['evaluations']} whole trainings each; what counts as one, what strategies see, and by what they are "
        "judged stands in `nassay.studies.arena`.",
        "",
        *(f"{note.replace(best_of_first, '')}\n" for note in arena_notes(first)[:2]),
        *overall(summaries),
    ]
    lines += [line for summary in summaries for line in section(summary)]
    (RESULTS / "search.md").write_text("\n".join(lines), encoding="utf-8")
    document = {"methods": methods(summaries, command), "command": command, "benchmarks": summaries}
    (RESULTS / "search.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def methods(summaries: list[dict[str, Any]], command: str) -> dict[str, dict[str, str]]:
    """What docs/methods.md says of the strategies that have no benchmark of their own."""
    found = {}
    for name in BASELINES.split(","):
        parts = [told(by_name(summary)[name], summary) for summary in summaries if name in by_name(summary)]
        if parts:
            start = f"mean regret after {summaries[0]['evaluations']} trainings, {summaries[0]['seeds']} seeds"
            result = f"{start}: {'; '.join(parts)}"
            found[f"strategy/{name.partition(':')[0]}"] = {"result": result, "command": command}
    return found


def told(row: dict[str, Any], summary: dict[str, Any]) -> str:
    """A strategy on one benchmark."""
    unit = summary["unit"]
    regret = f"{amount(row['regret'], unit)} ({span(row['regret_low'], row['regret_high'], unit)})"
    times = DASH if row["name"] == RANDOM else fewer(row, RANDOM, summary["evaluations"])
    faster = "" if times == DASH else f", as good as random search with {times} times fewer"
    return f"{summary['table']} {summary['dataset']} {regret} {unit}{faster}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", default=BASELINES)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--only", help="one table")
    parser.add_argument("--out", type=Path, default=Path("runs/search-benchmark"))
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    for table, dataset, timed in BENCHMARKS:
        if asked.only in (None, table):
            with Display() as display:
                result = bench_search(
                    table,
                    dataset,
                    strategies=suited(asked.strategies, table),
                    seeds=asked.seeds,
                    evaluations=asked.evaluations,
                    simulate_time=timed,
                    out=folder(asked.out, table, dataset),
                    workers=asked.workers,
                    listener=display,
                )
            print(result.summary["rows"][0]["name"], "leads", table, dataset, flush=True)
            write(finished(asked.out), f"python benchmarks/search.py --strategies {asked.strategies}")


def suited(strategies: str, table: str) -> str:
    """Those of the strategies that can search the table's space."""
    names = strategies.split(",")
    return ",".join(name for name in names if table not in CHAINS or name != OF_CELLS)


def folder(out: Path, table: str, dataset: str) -> Path:
    return out / f"{table}-{dataset}".lower()


def finished(out: Path) -> list[dict[str, Any]]:
    """The summaries of all benchmarks that were run, in order."""
    paths = [folder(out, table, dataset) / SUMMARY for table, dataset, _ in BENCHMARKS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


if __name__ == "__main__":
    main()
