"""The main job, measured: the cascade's winner against the reference network and against other searches.

For every seed, `nassay search` runs on the same images with the same wall-clock budget, once with the cascade and once
with each search that it is held against. Finished runs are kept and not repeated, an interrupted one is continued.

    python benchmarks/main_job.py IMAGES --minutes 20 --seeds 0 1 2 --out runs/main_job
    python benchmarks/main_job.py IMAGES --against unadapted --cores 1
    python benchmarks/main_job.py IMAGES --against spos random --cores 1

`unadapted` is the cascade as it was before it took ProxyBO's dynamic influence and surrogate (`--adapt none`). With
`--cores N` a search is pinned to so many cores, and as many run side by side as there are cores for: the comparison
stays fair when the machine's speed drifts. Linux only. Writes `benchmarks/results/main_job.json` and `.md` against
random search alone, else `cascade_` and the names of the others.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
OPTIONS = {
    "cascade": ("--strategy", "cascade"),
    "random": ("--strategy", "random"),
    "unadapted": ("--strategy", "cascade", "--adapt", "none"),
    "spos": ("--strategy", "spos"),
}
OTHERS = {
    "random": "random search",
    "unadapted": "the cascade without ProxyBO's influence and surrogate",
    "spos": "a super-network trained by single paths (SPOS)",
}


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    parser.add_argument("--against", nargs="+", choices=OTHERS, default=["random"])
    parser.add_argument("--cores", type=int, help="of each search; by default all, one search after the other")
    parser.add_argument("--table-only", action="store_true", help="only write the table of what is there")
    arguments = parser.parse_args()
    if not arguments.table_only:
        wanted = [(search, seed) for seed in arguments.seeds for search in searches(arguments)]
        cores = sorted(os.sched_getaffinity(0))
        each = arguments.cores or len(cores)
        free: SimpleQueue[list[int]] = SimpleQueue()
        for first in range(0, len(cores) - each + 1, each):
            free.put(cores[first : first + each])
        with ThreadPoolExecutor(max(1, len(cores) // each)) as pool:
            list(pool.map(lambda one: run(arguments, *one, free), wanted))
    write_table(arguments)


def searches(arguments: argparse.Namespace) -> list[str]:
    """The cascade, and what it is held against."""
    return ["cascade", *arguments.against]


def run(arguments: argparse.Namespace, search: str, seed: int, free: "SimpleQueue[list[int]]") -> None:
    """One search on the next free cores."""
    cores = free.get()
    command = [
        *(sys.executable, "-m", "nassay", "search", arguments.images, *OPTIONS[search]),
        *("--minutes", f"{arguments.minutes:g}", "--seed", str(seed)),
        *("--out", str(folder_of(arguments, search, seed)), "--json"),
    ]
    pin = partial(os.sched_setaffinity, 0, cores)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False, preexec_fn=pin)
    free.put(cores)


def folder_of(arguments: argparse.Namespace, search: str, seed: int) -> Path:
    """Where one run lies."""
    folder: Path = arguments.out / f"{search}-{seed}"
    return folder


def write_table(arguments: argparse.Namespace) -> None:
    """One row a run, then the paired differences with their interval over seeds."""
    runs = []
    for seed in arguments.seeds:
        for search in searches(arguments):
            path = folder_of(arguments, search, seed) / "summary.json"
            if path.exists() and (summary := json.loads(path.read_text()))["status"] == "finished":
                runs.append({"search": search, "seed": seed, **facts(summary)})
    options = f"--minutes {arguments.minutes:g} --seeds {' '.join(map(str, arguments.seeds))}"
    command = f"python benchmarks/main_job.py {Path(arguments.images).name} {options}"
    command += f" --against {' '.join(arguments.against)}" * (arguments.against != ["random"])
    command += f" --cores {arguments.cores}" * bool(arguments.cores)
    document = {"command": command, "minutes": arguments.minutes, "against": arguments.against, "runs": runs}
    name = "main_job" if arguments.against == ["random"] else f"cascade_{'_'.join(arguments.against)}"
    document["methods"] = methods(document)
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
        "space": summary["config"]["space"],
    }


def markdown(document: dict[str, Any]) -> str:
    """The table as it stands in the results."""
    lines = [
        f"# The main job: cascade against reference network, {' and '.join(OTHERS[o] for o in document['against'])}",
        "",
        f"Command: `{document['command']}`; {document['minutes']:g} minutes of wall-clock a run.",
        "Test accuracies; reference and random row had the same training seconds as the winner, in the same run.",
        "",
        "| search | space | seed | winner | params | reference | random row "
        "| trainings | screened | workers | seconds |",
        "|---" * 11 + "|",
    ]
    for run in document["runs"]:
        accuracies = [share(run[f"{role}_test_accuracy"]) for role in ("best", "reference", "random")]
        cells = [run["search"], run["space"], run["seed"], accuracies[0], f"{run['best_params']:,}", *accuracies[1:]]
        cells += [run["trained"], run["screened"], run["workers"], f"{run['seconds']:.0f}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    wins, against = compared(document)
    if wins:
        mean = f"Cascade's winner: mean {100 * np.mean(wins):.2f} % over {len(wins)} seeds. Paired differences:"
        lines += ["", mean, ""]
        lines += [f"- against {name}: {difference(wins, others)}" for name, others in against.items()]
    return "\n".join(lines) + "\n"


def compared(document: dict[str, Any]) -> tuple[list[float], dict[str, list[float | None]]]:
    """The cascade's winners, one a seed, and what each is held against."""
    by, others = {(r["search"], r["seed"]): r for r in document["runs"]}, document["against"]
    seeds = sorted({s for _, s in by if all((search, s) in by for search in ("cascade", *others))})
    return [by["cascade", s]["best_test_accuracy"] for s in seeds], {
        "reference network of the same run": [by["cascade", s]["reference_test_accuracy"] for s in seeds],
        "random draw of the same run": [by["cascade", s]["random_test_accuracy"] for s in seeds],
        **{f"{OTHERS[o]}, same wall-clock": [by[o, s]["best_test_accuracy"] for s in seeds] for o in others},
    }


def methods(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The comparison in one sentence, for the table of methods: the cascade's row, and a super-network's."""
    wins, against = compared(document)
    if not wins:
        return {}
    space = {run["search"]: run["space"] for run in document["runs"]}
    parts = [f"the cascade's winner in `{space['cascade']}` {100 * np.mean(wins):.2f} % on test"]
    parts += [f"against {name} {difference(wins, others)}" for name, others in against.items()]
    parts += [f"`{other}` searched `{space[other]}`" for other in document["against"] if other != "unadapted"]
    found = {"strategy/cascade": {"result": "; ".join(parts), "command": document["command"]}}
    if "spos" in space:
        others = against[f"{OTHERS['spos']}, same wall-clock"]
        parts = [f"`{space['spos']}`: {100 * np.mean(np.array(others, float)):.2f} % on test"]
        parts += [f"the cascade in `{space['cascade']}` against it, same wall-clock: {difference(wins, others)}"]
        found["strategy/spos"] = {"result": "; ".join(parts), "command": document["command"]}
    return found


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
