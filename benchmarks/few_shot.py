"""Eproxy plain, with a recipe found by discrete proxy search, and without its barrier, on tabular benchmarks.

    NASSAY_DATA=... python benchmarks/few_shot.py --on nasbench201:cifar10 nasbench101:cifar10 --seeds 0 1 2

Each seed draws other labelled and other held-out networks, other images and weights. Regressions are kept in
`runs/few-shot-...`, so that the command goes on where it was stopped; a search of 200 recipes on 20 networks is 4,000
regressions, about two hours on one core for NAS-Bench-201 at 3x32x32. Writes `benchmarks/results/few_shot.md` and
`.json`; other benchmarks that the JSON holds already stay in it.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from nassay.estimators.proxies.eproxy import IMAGES
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.studies.recipe_search import SHOWN, search_on_table

TRUSTED = "the trusted one"
RESULTS = Path(__file__).parent / "results"
SIDE, DEPTH = SHOWN.largest_side, SHOWN.depth_percent
ROWS = ("eproxy", "eproxy+dps", TRUSTED, "no barrier", "macs")
COMMAND = "python benchmarks/few_shot.py --on {} --seeds {} --labelled {} --evaluations {} --held-out {}"
TEXT = """# The few-shot proxy and discrete proxy search

Spearman's rho on held-out networks: mean over seeds, then each seed with its 95 % bootstrap interval. Eproxy's ten
steps on 16 CIFAR-10 images, 32 pixels and whole networks unless the command says less; `eproxy+dps` scores with the
recipe that was searched on the labelled networks alone;
`expected` is what the search itself expected of its recipe, and of plain Eproxy, by cross-validation on the labels;
`the trusted one` is the recipe where it was expected to be better, else plain Eproxy: what a search of images does.
{families}{sections}"""
FAMILIES = """
## nds, mean over {n} families

| | mean rho |
|---|---|
{rows}
"""
SECTION = """
## {on}

`{command}`, {date}. {labelled} labelled networks, {evaluations} recipes, {held_out} held-out networks.

| | mean rho | {seeds} |
|---|---|{rule}|
{rows}
| expected (plain) | {expected} | {each} |
"""


def measured(on: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """All seeds of one benchmark, `TABLE:DATASET`."""
    table, _, dataset = on.partition(":")
    summaries = [
        search_on_table(
            table,
            dataset or None,
            labelled=arguments.labelled,
            evaluations=arguments.evaluations,
            held_out=arguments.held_out,
            seed=seed,
            out=arguments.work / f"few-shot-{table}-{dataset}".lower(),
            workers=arguments.workers,
            shown=ProbeSettings(IMAGES, arguments.side, arguments.depth_percent),
        ).summary
        for seed in arguments.seeds
    ]
    for summary in summaries:
        del summary["found"]["history"]  # the ledger has it
    settings = (arguments.labelled, arguments.evaluations, arguments.held_out)
    command = COMMAND.format(on, " ".join(map(str, arguments.seeds)), *settings)
    if (arguments.side, arguments.depth_percent) != (SIDE, DEPTH):
        command += f" --side {arguments.side} --depth-percent {arguments.depth_percent}"
    return {"command": command, "date": time.strftime("%Y-%m-%d"), "seeds": summaries}


def section(on: str, found: dict[str, Any]) -> str:
    """One benchmark in Markdown."""
    summaries = found["seeds"]
    first = summaries[0]
    by_seed = [rows_of(s) for s in summaries]
    expected = [(s["found"]["expected_rho"], s["found"]["plain_rho"]) for s in summaries]
    return SECTION.format(
        on=on,
        **{key: found[key] for key in ("command", "date")},
        **{key: first[key] for key in ("labelled", "held_out")},
        evaluations=first["found"]["evaluations"],
        seeds=" | ".join(f"seed {s['seed']}" for s in summaries),
        rule="|".join(["---"] * len(summaries)),
        rows="\n".join(line(name, [rows[name] for rows in by_seed]) for name in ROWS),
        expected="{:.3f} ({:.3f})".format(*np.mean(expected, axis=0)),
        each=" | ".join(f"{search:.3f} ({plain:.3f})" for search, plain in expected),
    )


def rows_of(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A seed's rows by name, each of `ROWS`."""
    rows, found = {row["estimator"]: row for row in summary["rows"]}, summary["found"]
    return {**rows, TRUSTED: rows["eproxy+dps" if found["expected_rho"] > found["plain_rho"] else "eproxy"]}


def line(name: str, rows: list[dict[str, Any]]) -> str:
    """One variant in Markdown."""
    cells = [f"{r['spearman_rho']:.3f} [{r['rho_ci_low']:.2f}, {r['rho_ci_high']:.2f}]" for r in rows]
    return f"| {name} | {mean(rows):.3f} | {' | '.join(cells)} |"


def mean(rows: list[dict[str, Any]]) -> float:
    """Mean rho over seeds."""
    return float(np.mean([row["spearman_rho"] for row in rows]))


def means(found: dict[str, Any]) -> dict[str, float]:
    """Mean rho over seeds of each of `ROWS`."""
    return {name: mean([rows_of(s)[name] for s in found["seeds"]]) for name in ROWS}


def families(results: dict[str, Any]) -> str:
    """The mean over the families of NDS in Markdown, where there are several."""
    found = [means(one) for on, one in results.items() if on.startswith("nds:")]
    if len(found) < 2:
        return ""
    rows = [f"| {name} | {np.mean([one[name] for one in found]):.3f} |" for name in ROWS]
    return FAMILIES.format(n=len(found), rows="\n".join(rows))


def verdict(results: dict[str, Any]) -> str:
    """What docs/methods.md says."""
    parts = []
    for on, found in results.items():
        rhos = means(found)
        n, first = len(found["seeds"]), found["seeds"][0]
        parts.append(
            f"{on}, {first['held_out']} held-out networks, {n} seeds: rho {rhos['eproxy']:.2f}, with DPS on "
            f"{first['labelled']} labels and {first['found']['evaluations']} recipes {rhos['eproxy+dps']:.2f}, "
            f"{rhos[TRUSTED]:.2f} where only a trusted recipe is used, without barrier {rhos['no barrier']:.2f}, "
            f"#MACs {rhos['macs']:.2f}"
        )
    return "; ".join(parts)


def main() -> None:
    """Measure, and write what is known by now."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--on", nargs="+", default=["nasbench201:cifar10", "nasbench101:cifar10"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    for name, default in (("labelled", 20), ("evaluations", 200), ("held-out", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--side", type=int, default=SIDE, help="largest side of the images in pixels")
    parser.add_argument("--depth-percent", type=int, default=DEPTH, help="of repeated blocks that are built")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--work", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    path = RESULTS / "few_shot.json"
    results = json.loads(path.read_text("utf-8"))["benchmarks"] if path.exists() else {}
    for on in arguments.on:
        results[on] = measured(on, arguments)
        methods = {"proxy/eproxy": {"result": verdict(results), "command": "python benchmarks/few_shot.py"}}
        path.write_text(json.dumps({"methods": methods, "benchmarks": results}, indent=1) + "\n", "utf-8")
        sections = "".join(section(name, found) for name, found in results.items())
        path.with_suffix(".md").write_text(TEXT.format(families=families(results), sections=sections), "utf-8")
        print(section(on, results[on]))


if __name__ == "__main__":
    main()
