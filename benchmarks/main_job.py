"""The main job, measured: the cascade's winner against the reference network and against random search.

For every seed, `nassay search` runs twice on the same images with the same wall-clock budget: once with the cascade,
once with random search. Finished runs are kept and not repeated, an interrupted one is continued.

    python benchmarks/main_job.py IMAGES --minutes 20 --seeds 0 1 2 --out runs/main_job

`--against unadapted` holds the cascade against itself as it was before it took ProxyBO's dynamic influence and
surrogate (`--adapt none`) instead. `--side-by-side` runs both searches of a seed at the same time, each pinned to half
of the cores: the comparison then stays fair when the machine's speed drifts. Linux only.
Writes `benchmarks/results/main_job.json` and `.md`, or `cascade_adapt.json` and `.md`.
"""

import argparse
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
OPTIONS = {
    "cascade": ("--strategy", "cascade"),
    "random": ("--strategy", "random"),
    "unadapted": ("--strategy", "cascade", "--adapt", "none"),
}
PAGES = {
    "random": ("main_job", "The main job: cascade against reference network and random search"),
    "unadapted": ("cascade_adapt", "The cascade before and after: influence and surrogate of ProxyBO"),
}
OTHER = {"random": "random search", "unadapted": "the cascade without adaptation"}


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    parser.add_argument("--against", choices=OTHER, default="random")
    parser.add_argument("--side-by-side", action="store_true")
    parser.add_argument("--table-only", action="store_true", help="only write the table of what is there")
    arguments = parser.parse_args()
    if not arguments.table_only:
        for seed in arguments.seeds:
            run_seed(arguments, seed)
    write_table(arguments)


def run_seed(arguments: argparse.Namespace, seed: int) -> None:
    """Both searches of one seed, one after the other or side by side."""
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    running = []
    for search, share_of_cores in (("cascade", cores[:half]), (arguments.against, cores[half:])):
        command = [
            *(sys.executable, "-m", "nassay", "search", arguments.images, *OPTIONS[search]),
            *("--minutes", f"{arguments.minutes:g}", "--seed", str(seed)),
            *("--out", str(folder_of(arguments, search, seed)), "--json"),
        ]
        if arguments.side_by_side:
            pin = partial(os.sched_setaffinity, 0, share_of_cores)
            running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=pin))
        else:
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    for process in running:
        process.wait()


def folder_of(arguments: argparse.Namespace, search: str, seed: int) -> Path:
    """Where one run lies."""
    folder: Path = arguments.out / f"{search}-{seed}"
    return folder


def write_table(arguments: argparse.Namespace) -> None:
    """One row a run, then the paired differences with their interval over seeds."""
    runs = []
    for seed in arguments.seeds:
        for search in ("cascade", arguments.against):
            path = folder_of(arguments, search, seed) / "summary.json"
            if path.exists() and (summary := json.loads(path.read_text()))["status"] == "finished":
                runs.append({"search": search, "seed": seed, **facts(summary)})
    options = f"--minutes {arguments.minutes:g} --seeds {' '.join(map(str, arguments.seeds))}"
    command = f"python benchmarks/main_job.py {Path(arguments.images).name} {options}"
    command += f" --against {arguments.against}" * (arguments.against != "random")
    command += " --side-by-side" * arguments.side_by_side
    document = {"command": command, "minutes": arguments.minutes, "against": arguments.against, "runs": runs}
    if arguments.against == "random":
        document["methods"] = {"strategy/cascade": {"result": verdict(document), "command": f"`{command}`"}}
    name, _ = PAGES[arguments.against]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(markdown(document))
    print(markdown(document))


def facts(summary: dict[str, Any]) -> dict[str, Any]:
    """What the table needs of a run."""
    rows = {role: summary[role] or {} for role in ("best", "reference", "random")}
    return {
        **{f"{role}_test_accuracy": row.get("test_accuracy") for role, row in rows.items()},
        **{f"{role}_params": row.get("params") for role, row in rows.items()},
        "trained": summary["evaluations"]["training"]["ok"],
        "screened": summary["evaluations"].get("synflow", {"ok": 0})["ok"],
        "seconds": summary["seconds"]["total"],
        "workers": summary["config"]["workers"],
    }


def markdown(document: dict[str, Any]) -> str:
    """The table as it stands in the results."""
    lines = [
        f"# {PAGES[document['against']][1]}",
        "",
        f"Command: `{document['command']}`; {document['minutes']:g} minutes of wall-clock a run.",
        "Test accuracies; reference and random row had the same training seconds as the winner, in the same run.",
        "",
        "| search | seed | winner | params | reference | random row | trainings | screened | workers | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in document["runs"]:
        lines.append(
            f"| {run['search']} | {run['seed']} | {share(run['best_test_accuracy'])} | {run['best_params']:,} "
            f"| {share(run['reference_test_accuracy'])} | {share(run['random_test_accuracy'])} | {run['trained']} "
            f"| {run['screened']} | {run['workers']} | {run['seconds']:.0f} |"
        )
    wins, against = compared(document)
    if wins:
        mean = f"Cascade's winner: mean {100 * np.mean(wins):.2f} % over {len(wins)} seeds. Paired differences:"
        lines += ["", mean, ""]
        lines += [f"- against {name}: {difference(wins, others)}" for name, others in against.items()]
    return "\n".join(lines) + "\n"


def compared(document: dict[str, Any]) -> tuple[list[float], dict[str, list[float | None]]]:
    """The cascade's winners, one a seed, and what each is held against."""
    by, against = {(r["search"], r["seed"]): r for r in document["runs"]}, document["against"]
    seeds = sorted({s for _, s in by if all((search, s) in by for search in ("cascade", against))})
    return [by["cascade", s]["best_test_accuracy"] for s in seeds], {
        "reference network of the same run": [by["cascade", s]["reference_test_accuracy"] for s in seeds],
        "random draw of the same run": [by["cascade", s]["random_test_accuracy"] for s in seeds],
        f"{OTHER[against]}, same wall-clock": [by[against, s]["best_test_accuracy"] for s in seeds],
    }


def verdict(document: dict[str, Any]) -> str:
    """The comparison in one sentence, for the table of methods."""
    wins, against = compared(document)
    parts = [f"against {name} {difference(wins, others)}" for name, others in against.items()]
    return f"test accuracy {100 * np.mean(wins):.2f} % over {len(wins)} seeds; " + "; ".join(parts) if wins else ""


def share(value: float | None) -> str:
    """A share in percent."""
    return "–" if value is None else f"{100 * value:.2f} %"


def difference(wins: list[float], others: list[float | None]) -> str:
    """Mean paired difference in percentage points, each seed's, and the standard error of the mean."""
    pairs = [100 * (w - o) for w, o in zip(wins, others, strict=True) if o is not None]
    if not pairs:
        return "nothing to compare"
    spread = f" ± {np.std(pairs, ddof=1) / len(pairs) ** 0.5:.2f} (standard error)" if len(pairs) > 1 else ""
    each = ", ".join(f"{p:+.2f}" for p in pairs)
    return f"{np.mean(pairs):+.2f} points{spread}; seeds: {each}"


if __name__ == "__main__":
    main()
