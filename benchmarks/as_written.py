"""Zero-cost proxies on NAS-Bench-201's cells as they are written down, which is what published figures rank.

    NASSAY_DATA=... python benchmarks/as_written.py --work runs/as-written --sample 1000

A cell's operations that lead nowhere count here: they have parameters, and some proxies see them. Everywhere else a
network is built in canonical form, without them, so that our figures on this table differ from the papers'; this page
says how much of the difference that is. Another part is the sample: so NAS-Bench-Suite-Zero's own scores stand beside
ours of the very same cells, as far as it has them. Sample, seeds, inputs and settings are those of `nassay bench
proxies --sample 1000 --seed 0`, whose figures stand beside where `results/proxies.json` has them. Goes on where it was
stopped; the page has what is finished. Writes `benchmarks/results/as_written.md` and `.json`.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau, spearmanr

from aggregate_tables import FAILED, read
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.reports.bench_tables import correlation, interval
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201
from nassay.studies.arena_scores import NAMES as OWN_NAMES
from nassay.studies.bench_rows import chosen, rows, to_score
from nassay.studies.bench_worker import Scorer
from nassay.studies.executors import usable_cores
from nassay.studies.probe_inputs import probe_inputs
from nassay.studies.proxy_scores import Columns, Sample, draw
from score_samples import rows_of

RESULTS = Path(__file__).parent / "results"
TABLE, SEED = "nasbench201", 0
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
NAMES = (
    *("params", "macs", "az_nas", "az_nas_linear", "az_expressivity", "az_progressivity", "az_trainability"),
    *("synflow", "naswot", "snip", "grad_norm", "jacob_cov", "zen", "zico"),
)


class AsWritten(NB201):
    """The space of NAS-Bench-201 that takes two ways to write a network for two networks."""

    def canonical(self, architecture: Architecture) -> Architecture:
        """The architecture itself."""
        return architecture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="folder of the scores")
    parser.add_argument("--sample", type=int, default=1000, help="cells of each data set")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS)
    parser.add_argument("--names", nargs="+", default=list(NAMES), choices=NAMES, help="what to score now")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    cores, names = usable_cores(), chosen(args.names)
    jobs = [(args.work, d, args.sample, names, core, cores) for d in args.datasets for core in range(cores)]
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(collect, *zip(*jobs, strict=True)))
    found = {dataset: judged(args.work, dataset, args.sample) for dataset in DATASETS}
    write({dataset: ranked for dataset, ranked in found.items() if ranked["rows"]}, args)


def sample_of(dataset: str, size: int) -> Sample:
    """The sample of `nassay bench proxies`, every encoding a network of its own."""
    drawn = draw(TABLE, dataset, size, SEED)
    assert isinstance(drawn.space, NB201)
    space = AsWritten(drawn.space.input_shape, drawn.space.num_outputs)
    return replace(drawn, space=space, distinct=drawn.architectures, owner=np.arange(len(drawn.architectures)))


def collect(work: Path, dataset: str, size: int, names: tuple[str, ...], core: int, cores: int) -> None:
    """Score every `cores`-th cell of a sample, as far as that is missing, in one thread."""
    torch.set_num_threads(1)
    path = work / f"{dataset}-{core}.jsonl"
    sample = sample_of(dataset, size)
    done = {row["architecture"]: row["scores"] for row in rows_of(path)}
    scorers: dict[tuple[str, ...], Scorer] = {}
    for architecture in sample.architectures[core::cores]:
        text = sample.space.to_string(architecture)
        missing = tuple(name for name in to_score(names) if name not in done.get(text, {}))
        if not missing:
            continue
        if missing not in scorers:
            scorers[missing] = Scorer(sample.space, missing, seed=SEED, **ProbeSettings().as_dict())
        scores = {name: estimate.value for name, estimate in scorers[missing].score(architecture).items()}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"architecture": text, "scores": scores}) + "\n")


def judged(work: Path, dataset: str, size: int) -> dict[str, Any]:
    """What the proxies were shown, and a row for each name that all cells of the sample were scored by."""
    sample, scores = sample_of(dataset, size), collected(work, dataset)
    texts = [sample.space.to_string(a) for a in sample.architectures]
    names = [n for n in chosen(NAMES) if all(m in scores.get(text, {}) for text in texts for m in to_score([n]))]
    if not names:
        return {"inputs": "", "rows": []}
    scored = to_score(names)
    values = [[np.nan if (v := scores[text][name]) is None else v for text in texts] for name in scored]
    array = np.array(values, dtype=float)
    columns = Columns(scored, array, np.ones(array.shape, dtype=bool), np.zeros(len(scored)))
    inputs = probe_inputs(sample.space, ProbeSettings().inputs(sample.space.input_shape), SEED)
    ranked = rows(names, columns, sample, noise=inputs.source == "noise", seed=SEED)
    shown = [{k: v for k, v in row.items() if k != "budgets"} for row in ranked]
    return {"inputs": inputs.text, "rows": shown, "same_cells": same_cells(scores, dataset)}


def collected(work: Path, dataset: str) -> dict[str, dict[str, float | None]]:
    """Every score so far by cell and name."""
    scores: dict[str, dict[str, float | None]] = {}
    for path in work.glob(f"{dataset}-*.jsonl"):
        for row in rows_of(path):
            scores.setdefault(row["architecture"], {}).update(row["scores"])
    return scores


def same_cells(scores: dict[str, dict[str, float | None]], dataset: str) -> list[dict[str, Any]]:
    """NAS-Bench-Suite-Zero's scores beside ours on the cells that have both, by our names of the proxies."""
    data, column = Path(os.environ["NASSAY_DATA"]), f"{dataset.lower().replace('-', '_')}_test_acc_200"
    truth = {row["arch_str"]: row[column] for row in read(data, TABLE)}
    theirs: dict[str, dict[str, float]] = {}
    for row in read(data, f"{TABLE}_zc_proxies"):
        if row["dataset"] == dataset:
            for proxy, value in row.items():
                if isinstance(value, float) and value > FAILED:
                    theirs.setdefault(OWN_NAMES.get(proxy, proxy), {})[row["arch_str"]] = value
    lines = []
    for name in (n for n in NAMES if n in theirs):
        own = {cell: score for cell, found in scores.items() if (score := found.get(name)) is not None}
        both = sorted(own.keys() & theirs[name].keys())
        if both:
            ours, published, accuracies = ([of[cell] for cell in both] for of in (own, theirs[name], truth))
            everywhere = [(score, truth[cell]) for cell, score in theirs[name].items()]
            whole = kendalltau(*zip(*everywhere, strict=True)).statistic
            taus = {
                "ours": kendalltau(ours, accuracies).statistic,
                "theirs": kendalltau(published, accuracies).statistic,
            }
            rho = spearmanr(ours, published).statistic
            lines.append({"name": name, "n": len(both), **taus, "whole": whole, "n_whole": len(everywhere), "rho": rho})
    return lines


def canonical_taus(size: int) -> dict[tuple[str, str], float]:
    """Tau in canonical form by (data set, name), of what `proxies.py` has of the same samples and settings."""
    path = RESULTS / "proxies.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {"benchmarks": []}
    if kept.get("depth_percent", 100) != 100 or kept.get("seed") != SEED:
        return {}
    return {
        (b["dataset"], row["name"]): row["shares"][0]["kendall_tau"]
        for b in kept["benchmarks"]
        if b["table"] == TABLE and b["n"] == size
        for row in b["rows"]
    }


def write(found: dict[str, dict[str, Any]], args: argparse.Namespace) -> None:
    """The tables, and all numbers beside them."""
    canonical = canonical_taus(args.sample)
    lines = [
        "# NAS-Bench-201 as it is written down",
        "",
        f"`python benchmarks/as_written.py --sample {args.sample}`, {time.strftime('%Y-%m-%d')}. Kendall's tau-b with",
        f"the test accuracy after 200 epochs and its 95 % bootstrap interval; {args.sample} random cells, seed {SEED}.",
        "Canonical: without what leads nowhere, from `proxies.md`.",
    ]
    for dataset, ranked in found.items():
        lines += ["", f"## {dataset}", "", f"Images: {ranked['inputs']}.", ""]
        lines.append("| proxy | τ | 95 % | published τ | difference | canonical τ |")
        lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
        for row in ranked["rows"]:
            whole = row["shares"][0]
            theirs = next((p["value"] for p in row["published"] if p["statistic"] == "kendall_tau"), None)
            cells = (
                f"`{row['name']}`",
                correlation(whole["kendall_tau"]),
                interval(whole["ci_low"], whole["ci_high"]),
                correlation(theirs) if theirs is not None else "",
                f"{whole['kendall_tau'] - theirs:+.3f}" if theirs is not None else "",
                correlation(canonical[dataset, row["name"]]) if (dataset, row["name"]) in canonical else "",
            )
            lines.append(f"| {' | '.join(cells)} |")
        lines += beside(ranked["same_cells"])
    (RESULTS / "as_written.md").write_text("\n".join(lines) + "\n", "utf-8")
    (RESULTS / "as_written.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def beside(same: list[dict[str, Any]]) -> list[str]:
    """The table of the cells that have published scores."""
    lines = [
        "",
        "NAS-Bench-Suite-Zero's scores and ours, τ on the cells of the sample that have both (n), ρ between the two",
        "scores, and τ of theirs on all cells that they have:",
        "",
        "| proxy | n | ours τ | theirs τ | difference | ρ of the two | theirs, all cells |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in same:
        taus = f"{correlation(one['ours'])} | {correlation(one['theirs'])} | {one['ours'] - one['theirs']:+.3f}"
        whole = f"{correlation(one['whole'])} ({one['n_whole']:,})"
        lines.append(f"| `{one['name']}` | {one['n']} | {taus} | {correlation(one['rho'])} | {whole} |")
    return lines if same else []


if __name__ == "__main__":
    main()
