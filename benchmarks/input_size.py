"""What showing proxies smaller images costs: scores at a benchmark's own input size beside those at 64 pixels.

    NASSAY_DATA=... python benchmarks/input_size.py --work runs/input-size

Tables of larger images than 64 pixels (TransNAS-Bench-101's 256, ImageNet's 224) are scored on smaller ones, sixteen
times cheaper, unless a proxy wants otherwise. Here the same random networks are scored at both sizes, by the same
weights and the fast settings (sixteen images, four of a space that searches the resolution, which is why nassay does
not shrink those): Spearman's rho between the two scores, and Kendall's tau of each with the
table's accuracy. A quarter of an hour on two cores; goes on where it was stopped. Writes
`benchmarks/results/input_size.md` and `.json`.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau, spearmanr

from nassay.estimators.proxies.az_nas import PARTS
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.gaps.ranking import last_where_missing
from nassay.spaces.base import Space
from nassay.spaces.transnas_macro import TransNASMacro
from nassay.studies.bench_worker import Scorer
from nassay.studies.proxy_scores import Sample, draw
from score_samples import rows_of

RESULTS = Path(__file__).parent / "results"
SEED, RESAMPLES = 0, 1000
BENCHMARKS = (("transnas_micro", "class_scene"), ("nds", "DARTS_in"), ("transnas_macro", "class_scene"))
NAMES = (*PARTS, "naswot", "synflow", "snip", "jacob_cov", "zen")
SMALL = ProbeSettings.fast()
TEXT = """# Proxies that see smaller images

`python benchmarks/input_size.py --networks {networks}`, {date}. {networks} random networks of a benchmark, seed {seed},
the fast settings, scored on images of the benchmark's own size and on images of {side} pixels. rho: Spearman's, between
the two scores. tau: Kendall's, with the table's accuracy; difference: at {side} pixels less at the own size, with its
95 % interval over resampled networks.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="folder of the scores")
    parser.add_argument("--networks", type=int, default=24, help="of each benchmark")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    samples = [draw(table, dataset, args.networks, SEED) for table, dataset in BENCHMARKS]
    with ProcessPoolExecutor() as pool:
        scores = list(pool.map(scored, samples, [args.work] * len(samples)))
    found = [judged(sample, *sizes) for sample, sizes in zip(samples, scores, strict=True)]
    settings = {"networks": args.networks, "date": time.strftime("%Y-%m-%d"), "seed": SEED, "side": SMALL.largest_side}
    (RESULTS / "input_size.json").write_text(json.dumps({**settings, "benchmarks": found}, indent=1) + "\n", "utf-8")
    page = TEXT.format(**settings) + "".join(section(one) for one in found)
    (RESULTS / "input_size.md").write_text(page, "utf-8")


def scored(sample: Sample, work: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(n,) scores by name of the sample's architectures at the small and at the own size, failed ones NaN."""
    torch.set_num_threads(1)
    own = SMALL
    if not sample.space.searches_resolution:
        own = replace(SMALL, largest_side=max(sample.space.input_shape))
    found = []
    for size, settings in ((SMALL.largest_side, SMALL), (max(sample.space.input_shape), own)):
        path = work / f"{sample.table}-{sample.dataset}-{size}.jsonl"
        space = shrinking(sample.space) if size == SMALL.largest_side else sample.space
        scorer = Scorer(space, NAMES, seed=SEED, **settings.as_dict())
        done = {tuple(row["choices"]): row["scores"] for row in rows_of(path)}
        for architecture in sample.distinct:
            if architecture.choices not in done:
                scores = {name: estimate.value for name, estimate in scorer.score(architecture).items()}
                done[architecture.choices] = scores
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"choices": architecture.choices, "scores": scores}) + "\n")
        rows = [done[sample.distinct[i].choices] for i in sample.owner]
        found.append({name: np.array([row[name] for row in rows], dtype=float) for name in NAMES})
    return found[0], found[1]


class Shrinking(TransNASMacro):
    """The macro space whose networks are shown smaller images all the same."""

    searches_resolution = False


def shrinking(space: Space) -> Space:
    """The space, shown smaller images whatever it searches."""
    return Shrinking(space.input_shape, space.num_outputs) if space.searches_resolution else space


def judged(sample: Sample, small: dict[str, np.ndarray], own: dict[str, np.ndarray]) -> dict[str, Any]:
    """What the smaller size costs each proxy on one benchmark."""
    rng, n = np.random.default_rng(SEED), len(sample.truth)
    draws = rng.integers(n, size=(RESAMPLES, n))
    rows = []
    for name in NAMES:
        at_small, at_own = (last_where_missing(scores[name]) for scores in (small, own))
        differences = [tau(at_small[d], sample.truth[d]) - tau(at_own[d], sample.truth[d]) for d in draws]
        low, high = np.nanquantile(differences, (0.025, 0.975))
        taus = {"small": tau(at_small, sample.truth), "own": tau(at_own, sample.truth)}
        rho = float(spearmanr(at_small, at_own).statistic)
        rows.append({"name": name, "rho": rho, **taus, "low": float(low), "high": float(high)})
    pixels = max(sample.space.input_shape)
    return {"table": sample.table, "dataset": sample.dataset, "n": n, "pixels": pixels, "rows": rows}


def tau(scores: np.ndarray, truth: np.ndarray) -> float:
    return float(kendalltau(scores, truth).statistic)


def section(found: dict[str, Any]) -> str:
    """One benchmark in Markdown."""
    lines = [
        f"\n## {found['table']} {found['dataset']}, {found['pixels']} pixels\n",
        f"| proxy | rho of the two | tau, {SMALL.largest_side} pixels | tau, {found['pixels']} pixels | difference |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in found["rows"]:
        difference = f"{row['small'] - row['own']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        lines.append(f"| `{row['name']}` | {row['rho']:.3f} | {row['small']:.3f} | {row['own']:.3f} | {difference} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
