"""Every zero-cost proxy against every tabular benchmark at hand, with the published figures beside ours.

    NASSAY_DATA=data python benchmarks/proxies.py --score --sample 1000

scores what the run folder's ledger does not hold yet (hours, for all tables on two cores; it may be stopped and goes
on), then writes `benchmarks/results/proxies.json` and `.md`, with `--fast` `proxies_fast`. Without `--score` they are
written again from the scores in the JSON, with date and command of the run that they come from: published figures,
means and findings anew.

    python benchmarks/proxies.py --folders runs/bench-nasbench201-cifar10 ...

puts finished run folders of `nassay bench proxies`, of one seed and one way to look at networks, on the page instead.
"""

import argparse
import csv
import json
import os
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from nassay.cli.display import Display
from nassay.estimators.topology import topologies
from nassay.gaps.bootstrap import rank_resamples
from nassay.gaps.published import published
from nassay.gaps.ranking import last_where_missing
from nassay.reports.bench_tables import (
    OVERVIEW,
    OVERVIEW_NOTE,
    bench_notes,
    bench_title,
    correlation,
    counted,
    figure,
    interval,
    overview_cells,
    quality,
    sources,
)
from nassay.reports.formats import digits, duration, percent
from nassay.reports.zero_shot_findings import findings, overview
from nassay.studies.bench_files import SCORES, SUMMARY
from nassay.studies.executors import usable_cores
from nassay.studies.zero_shot import KEPT, bench_zero_shot

RESULTS = Path(__file__).parent / "results"
PAGES = ("proxies", "proxies_fast")  # networks as they are, and by `ProbeSettings.fast`
SETTINGS = ("batch_size", "largest_side", "depth_percent", "least_pixels", "seed")
OF_SHARES = (
    *("share", "n", "kendall_tau", "ci_low", "ci_high", "spearman_rho", "rho_ci_low", "rho_ci_high", "reason"),
)  # what is kept of each
BASELINES = ("params", "macs", "random")
RESAMPLES, OURS = 1000, "nassay"
TASK_TABLES = ("transnas_micro", "transnas_macro")
FAMILIES = {
    "scenes, objects": ("class_scene", "class_object"),
    "jigsaw": ("jigsaw",),
    "room layout": ("room_layout",),
    "segments, normals": ("segmentsemantic", "normal"),
    "autoencoder": ("autoencoder",),
}
OWN_BENCHMARK = ("eproxy",)  # what docs/methods.md says of it is written elsewhere
HEADINGS = (
    *("proxy", "τ", "95 %", "published τ", "ρ", "95 %", "published ρ", "τ top 50 %", "25 %", "10 %", "5 %"),
    *("pick", "regret", "scored", "ms", "sees"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--score", action="store_true", help="score what is missing; else only write the page again")
    parser.add_argument("--folders", type=Path, nargs="+", help="finished run folders of nassay bench proxies")
    parser.add_argument("--sample", type=int, help="random architectures of each benchmark, all by default")
    parser.add_argument("--seed", type=int, default=0, help="of samples, weights and inputs")
    parser.add_argument("--proxies", default="all", help="names with commas between them")
    parser.add_argument("--workers", type=int, help="processes of one thread, one for each core by default")
    parser.add_argument("--fast", action="store_true", help="show networks fewer inputs and less depth")
    parser.add_argument("--out", type=Path, default=Path("runs/zero-shot"), help="run folder with the ledger")
    args = parser.parse_args()
    if args.score or args.folders:
        scored = [gathered(args.folders) if args.folders else score(args)]
    else:
        scored = [json.loads(path.read_text("utf-8")) for path in map(kept, PAGES) if path.exists()]
    if not scored:
        sys.exit("There are no scores yet: give --score, with NASSAY_DATA set.")
    for found in map(derived, scored):
        path = kept(PAGES["depth_percent" in found])
        path.write_text(json.dumps(rounded(found), separators=(",", ":"), allow_nan=False) + "\n", "utf-8")
        path.with_suffix(".md").write_text(page(found), "utf-8")
        sys.stdout.write(f"{path.with_suffix('.md')}\n")


def rounded(value: Any) -> Any:
    """Numbers with six significant digits: the files of many benchmarks are large."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def kept(name: str) -> Path:
    """Where the scores of a page lie."""
    return RESULTS / f"{name}.json"


def score(args: argparse.Namespace) -> dict[str, Any]:
    """Run the protocol, and put beside its summary how it was run."""
    started = time.perf_counter()
    with Display() as display:
        result = bench_zero_shot(
            sample=args.sample,
            seed=args.seed,
            proxies=args.proxies,
            out=args.out,
            workers=args.workers,
            fast=args.fast,
            listener=display,
        )
    size = ["--sample", str(args.sample)] if args.sample else []
    how = [*size, *(["--fast"] if args.fast else []), "--seed", str(args.seed), "--proxies", args.proxies]
    command = shlex.join(["python", "benchmarks/proxies.py", "--score", *how])
    machine = f"{platform.machine()}, {usable_cores()} cores"
    data = os.environ.get("NASSAY_DATA", "")
    summary = result.summary
    summary["absent"] = [text.replace(data, "$NASSAY_DATA") if data else text for text in summary["absent"]]
    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine,
        "seconds": round(time.perf_counter() - started, 1),
        **summary,
    }


def gathered(folders: list[Path]) -> dict[str, Any]:
    """The summaries of finished run folders as one, as if one run had made them."""
    summaries = [json.loads((folder / SUMMARY).read_text("utf-8")) for folder in folders]
    benchmarks = [{key: one[key] for key in KEPT if key in one} for one in summaries]
    settings = {key: summaries[0][key] for key in SETTINGS if key in summaries[0]}
    if any(one.get(key) != settings.get(key) for one in summaries for key in SETTINGS):
        sys.exit("These folders differ in seed or settings; give those of one kind.")
    seed = ["--seed", str(settings["seed"])] + ["--fast"] * ("depth_percent" in settings)
    names = {row["name"] for one in summaries for row in one["rows"]} - set(BASELINES)
    tables, datasets, sizes = ({str(one[key]) for one in summaries} for key in ("table", "dataset", "n"))
    where = zip(("--table", "--dataset", "--sample"), ("TABLE", "DATASET", "N"), (tables, datasets, sizes), strict=True)
    asked = [word for option, many, values in where for word in (option, *(values if len(values) == 1 else [many]))]
    return {
        "command": shlex.join(["nassay", "bench", "proxies", *asked, *seed, "--proxies", ",".join(sorted(names))]),
        "date": max(one["finished"] for one in summaries),
        "machine": f"{platform.machine()}, {usable_cores()} cores",
        "seconds": sum(one["seconds"] for one in summaries),
        "benchmarks": benchmarks,
        "means": means(folders, summaries),
        "absent": [],
        **settings,
    }


def means(folders: list[Path], summaries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean rho over benchmarks of every score that all of them have, and what `nassay` is ahead by, with intervals.

    Architectures of a benchmark are drawn anew, the same ones for every score; ranks that `nassay` and `az_nas` are
    made of stay those within the whole sample.
    """
    if len(folders) < 2:
        return []
    drawn: dict[str, list[np.ndarray]] = {}
    measured: dict[str, list[float]] = {}
    for folder, summary in zip(folders, summaries, strict=True):
        with (folder / SCORES).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        truth = np.array([float(line["truth"]) for line in lines])
        for row in summary["rows"]:
            sign = 1 if row["better"] == "higher" else -1
            scores = np.array([sign * float(line[row["name"]] or "nan") for line in lines])
            found = rank_resamples(last_where_missing(scores), truth, resamples=RESAMPLES, seed=summary["seed"])
            if not found.dropped:
                drawn.setdefault(row["name"], []).append(found.rho)
                measured.setdefault(row["name"], []).append(row["shares"][0]["spearman_rho"])
    everywhere = {name: np.mean(rhos, axis=0) for name, rhos in drawn.items() if len(rhos) == len(folders)}
    if OURS not in everywhere:
        return []
    compared = []
    for name, rhos in everywhere.items():
        low, high = map(float, np.quantile(rhos, (0.025, 0.975)))
        less, more = map(float, np.quantile(everywhere[OURS] - rhos, (0.025, 0.975)))
        mean = float(np.mean(measured[name]))
        compared.append({"name": name, "rho": mean, "low": low, "high": high, "less": less, "more": more})
    return sorted(compared, key=lambda line: -line["rho"])


def derived(scored: dict[str, Any]) -> dict[str, Any]:
    """A run with all that follows from its scores: published figures beside them, means, findings, sentences."""
    benchmarks = [
        {**b, "rows": [kept_of(row, b["table"], b["dataset"]) for row in b["rows"]]} for b in scored["benchmarks"]
    ]
    found = {**scored, "benchmarks": benchmarks, "overview": overview(benchmarks), "findings": findings(benchmarks)}
    return {**found, "methods": methods(found, found["command"]), "method_tables": by_task(found)}


def kept_of(row: dict[str, Any], table: str, dataset: str) -> dict[str, Any]:
    """What is kept of a proxy on one benchmark, with the published figures of today."""
    shares = [{key: share[key] for key in OF_SHARES} for share in row["shares"]]
    return {**row, "shares": shares, "published": published(row["name"], table, dataset)}


def methods(summary: dict[str, Any], command: str) -> dict[str, dict[str, str]]:
    """One sentence for each method, for `docs/methods.md`."""
    found = {}
    for line in summary["overview"]:
        if line["name"] in OWN_BENCHMARK:
            continue
        noun = "topology" if line["name"] in topologies else "proxy"
        parts = [
            f"{b['table']} {b['dataset']} tau {correlation(share['kendall_tau'])} "
            f"[{interval(share['ci_low'], share['ci_high'])}], n {share['n']}"
            for b in summary["benchmarks"]
            for row in b["rows"]
            if row["name"] == line["name"] and (share := row["shares"][0])["kendall_tau"] is not None
        ]
        mean = f"mean rho over {counted(line['benchmarks'], 'benchmark')} {correlation(line['rho'])}"
        result = f"{'; '.join(parts[:3])}; {mean}; seed {summary['seed']}"
        found[f"{noun}/{line['name']}"] = {"result": result, "command": command}
    return found


def by_task(found: dict[str, Any]) -> list[dict[str, Any]]:
    """TransNAS-Bench-101's seven tasks by family, for `docs/methods.md`: which scores carry over."""
    levels = [{b["dataset"]: b for b in found["benchmarks"] if b["table"] == name} for name in TASK_TABLES]
    tasks = [task for family in FAMILIES.values() for task in family]
    if any(task not in level for level in levels for task in tasks):
        return []

    def mean(name: str, level: dict[str, Any], family: tuple[str, ...]) -> float | None:
        rhos = [r["shares"][0]["spearman_rho"] for task in family for r in level[task]["rows"] if r["name"] == name]
        known = [value for value in rhos if value is not None]
        return float(np.mean(known)) if len(known) == len(family) else None

    names = [line["name"] for line in found["overview"]]
    pairs_of = {n: [[mean(n, level, family) for level in levels] for family in FAMILIES.values()] for n in names}
    shown = {
        name: pairs for name, pairs in pairs_of.items() if any(value is not None for pair in pairs for value in pair)
    }
    sizes = " and ".join(str(level[tasks[0]]["n"]) for level in levels)
    note = (
        f"Spearman's rho on TransNAS-Bench-101, micro / macro level, mean over a family's tasks, {sizes} networks of a "
        f"task, seed {found['seed']} (`{found['command']}`)."
    )
    rows = [[f"`{n}`", *(" / ".join(map(correlation, pair)) for pair in pairs)] for n, pairs in shown.items()]
    return [{"title": "Proxies on other tasks", "note": note, "head": ["proxy", *FAMILIES], "rows": rows}]


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Zero-cost proxies on tabular benchmarks",
        "",
        f"`{found['command']}`, {found['date']}, {found['machine']}; that call took {duration(found['seconds'])}, "
        f"scores that were paid for before not counted. Batch {found['batch_size']}, seed {found['seed']}, images of "
        f"more than {found['largest_side']} pixels shown smaller, or fewer where the resolution is searched"
        f"{depth_words(found.get('depth_percent', 100))}.",
        "",
        "Kendall's tau-b and Spearman's rho with 95 % bootstrap intervals over architectures. The best 50, 25, 10 and "
        "5 % are the truly best. The pick is the architecture with the best score, regret what it lacks to the best. "
        "An architecture without a score ranks last. ms: an equal share of the passes that the asked proxies share.",
        "",
        "## Findings of the zero-shot review (arXiv:2307.01998), with our figures",
        "",
        *(f"- {sentence}" for sentence in found["findings"]),
        "",
        "## Over all benchmarks",
        "",
        OVERVIEW_NOTE,
        "",
        *table(OVERVIEW, [overview_cells(line) for line in found["overview"]]),
    ]
    lines += intervals(found)
    for benchmark in found["benchmarks"]:
        rows = [cells(row, benchmark["unit"]) for row in benchmark["rows"]]
        lines += ["", f"## {bench_title({**benchmark, 'seed': found['seed']})}", "", *table(HEADINGS, rows), ""]
        lines += [f"- {note}" for note in bench_notes(benchmark)]
        lines += [f"- Published: {source}." for source in sources(benchmark)]
    if found["absent"]:
        lines += ["", "## Left out", "", *(f"- {sentence}" for sentence in found["absent"])]
    return "\n".join(lines) + "\n"


def intervals(found: dict[str, Any]) -> list[str]:
    """How sure the means are, where the scores were at hand."""
    rows: list[tuple[str, ...]] = [
        (
            one["name"],
            correlation(one["rho"]),
            interval(one["low"], one["high"]),
            "" if one["name"] == OURS else interval(one["less"], one["more"]),
        )
        for one in found.get("means", [])
    ]
    if not rows:
        return []
    words = (
        f"Mean ρ over the {len(found['benchmarks'])} benchmarks of every score that all of them have, 95 % bootstrap."
    )
    headings = ("Proxy", "mean ρ", "95 %", "`nassay` is ahead by, 95 %")
    return ["", words, "", *table(headings, rows)]


def depth_words(percent_built: int) -> str:
    """What a run showed of the networks, where that is not all."""
    return "" if percent_built == 100 else f", {percent_built} % of equal blocks in a row built"


def cells(row: dict[str, Any], unit: str) -> tuple[str, ...]:
    """A proxy on a benchmark, one cell for each of `HEADINGS`."""
    whole, *best = row["shares"]
    tau, rho = (figure(row, statistic) for statistic in ("kendall_tau", "spearman_rho"))
    return (
        f"`{row['name']}`",
        correlation(whole["kendall_tau"]),
        interval(whole["ci_low"], whole["ci_high"]),
        correlation(tau["value"]) if tau else "",
        correlation(whole["spearman_rho"]),
        interval(whole["rho_ci_low"], whole["rho_ci_high"]),
        correlation(rho["value"]) if rho else "",
        *(correlation(share["kendall_tau"]) for share in best),
        quality(row["picked"], unit),
        quality(row["regret"], unit),
        percent(row["coverage"]),
        digits(row["milliseconds"]),
        row["sees"],
    )


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """A Markdown table, numbers to the right."""
    lines = [headings, ("---", *("---:" for _ in headings[1:])), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


if __name__ == "__main__":
    main()
