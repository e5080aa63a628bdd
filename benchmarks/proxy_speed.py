"""CPU time of each proxy, alone and together, on NAS-Bench-201 networks, beside published implementations.

    NASSAY_REFERENCE=nb201_scores.json python benchmarks/proxy_speed.py --architectures 30

The reference file holds architectures and, for each published implementation, its median milliseconds with two threads
on two cores, of the cells as they are written down: operations that lead nowhere are built, and take their time. So
are they here, though `nassay` itself builds networks without them. Every score runs in one thread, as when all cores
score: a two-core machine does two networks at a time, so that a network takes half of its CPU time there, which is what
the factor compares. Without the file, random networks are scored and there is no factor. The least of `--repeats` times
counts; other load on the machine makes CPU time longer too, so the load is written down with the rest in
`benchmarks/results/proxy_speed.md`.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from as_written import AsWritten
from nassay.estimators.proxies import Batch, ProxyScorer, proxies
from nassay.estimators.proxies.az_nas import PARTS
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.spaces.base import Architecture

RESULTS = Path(__file__).parent / "results"
SPACE = AsWritten((3, 32, 32), 10)
LEFT_OUT = ("grasp", "ntk_condition", "grad_sign")  # far dearer than the others, by their definition
ALL = "all but " + ", ".join(LEFT_OUT)
CORES = 2  # of the machine that the references were timed on
# Our row: (implementation, its proxy), where one was timed.
PUBLISHED = {
    "az_nas": ("AZ-NAS", "az_nas"),
    "naswot": ("AZ-NAS", "naswot"),
    "grad_norm": ("AZ-NAS", "gradnorm"),
    "snip": ("AZ-NAS", "snip"),
    "zen": ("AZ-NAS", "zen"),
    "zico": ("AZ-NAS", "zico"),
    "synflow": ("AZ-NAS", "synflow"),
    "fisher": ("zero-cost-nas", "fisher"),
    "jacob_cov": ("zero-cost-nas", "jacob_cov"),
    "epe_nas": ("NASLib", "epe_nas"),
}
EPROXY_MS = 1374.0  # of GenNAS-Zero's Eproxy, of which the file has no time
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--architectures", type=int, default=30, help="number of networks")
    parser.add_argument("--repeats", type=int, default=2, help="times that each score is taken")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reference = _reference()
    networks = _architectures(reference, args.architectures)
    facts = {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "networks": len(networks),
        "repeats": args.repeats,
        "matrix product, GFLOP/s, one thread": round(gigaflops(), 1),
        "torch": torch.__version__,
    }
    before = os.getloadavg()[0]
    scorers()[ALL].score_all(networks[:1])
    rows = [timed(name, scorer, networks, args.repeats, reference) for name, scorer in scorers().items()]
    facts["load before and after, cores"] = f"{before:.1f}, {os.getloadavg()[0]:.1f}, {os.cpu_count()}"
    write(facts, rows)


def _reference() -> dict[str, Any]:
    path = Path(os.environ.get("NASSAY_REFERENCE", ""))
    return json.loads(path.read_text()) if path.is_file() else {"architectures": [], "runs": []}


def _architectures(reference: dict[str, Any], count: int) -> list[Architecture]:
    """Those of the reference, spread over its list, or random ones."""
    rng = np.random.default_rng(0)
    known = [SPACE.from_string(text) for text in reference["architectures"]]
    known = known or [SPACE.sample(rng) for _ in range(count)]
    return [known[i] for i in np.linspace(0, len(known) - 1, min(count, len(known))).astype(int)]


def scorers() -> dict[str, ProxyScorer]:
    """What is timed, by name: AZ-NAS both ways, all at once, each proxy alone."""
    full, fast = ProbeSettings(), ProbeSettings.fast()
    batch, small = (Batch.noise(SPACE.input_shape, SPACE.num_outputs, s.batch_size) for s in (full, fast))
    every = [name for name in proxies.names() if name not in LEFT_OUT]
    groups = {"nothing (building alone)": (), "az_nas": PARTS, ALL: tuple(every)}
    groups |= {name: (name,) for name in every if name not in PARTS}
    made = {name: ProxyScorer(SPACE, batch, members) for name, members in groups.items()}
    made["az_nas, fast settings"] = ProxyScorer(SPACE, small, PARTS, depth_percent=fast.depth_percent)
    return made


def timed(
    name: str, scorer: ProxyScorer, networks: Sequence[Architecture], repeats: int, reference: dict[str, Any]
) -> Row:
    """Median and mean over the networks, and how many times faster than the published implementation that is."""
    cpu_ms = [min(_cpu_ms(scorer.score_all, [a]) for _ in range(repeats)) for a in networks]
    median = statistics.median(cpu_ms)
    theirs = published_ms(name.partition(",")[0], reference)
    factor = theirs / (median / CORES) if theirs else None
    return {"name": name, "median": median, "mean": statistics.mean(cpu_ms), "published": theirs, "factor": factor}


def _cpu_ms(job: Callable[[Sequence[Architecture]], object], networks: Sequence[Architecture]) -> float:
    began = time.process_time()
    job(networks)
    return 1e3 * (time.process_time() - began)


def published_ms(name: str, reference: dict[str, Any]) -> float | None:
    """Median milliseconds of the published implementation, two threads."""
    if name == "eproxy" and reference["runs"]:
        return EPROXY_MS
    wanted = PUBLISHED.get(name)
    runs = [run for run in reference["runs"] if (run["implementation"], run["proxy"]) == wanted]
    return runs[0]["ms_per_architecture_median"] if runs else None


def gigaflops(size: int = 1024) -> float:
    """The best of ten large matrix products in float32: how fast this core is now."""
    x = torch.randn(size, size)
    return max(2e-6 * size**3 / _cpu_ms(lambda _: x @ x, []) for _ in range(10))


def write(facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Print the table, and keep it."""
    lines = [
        "# Speed of the proxies",
        "",
        "`NASSAY_REFERENCE=... python benchmarks/proxy_speed.py`: NAS-Bench-201 networks of 16 channels and 5 cells a",
        "stage, cells as they are written down, with what leads nowhere, for us as for the published implementations;",
        f"batch 64, 32x32; fast: {ProbeSettings.fast()}. CPU milliseconds of one thread, building included;",
        f"published: milliseconds with two threads, without building; factor: published over CPU time / {CORES}.",
        "",
        *(f"- {key}: {value}" for key, value in facts.items()),
        "",
        "| score | median CPU ms | mean | published ms | times faster |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        theirs = f"{row['published']:.0f} | {row['factor']:.1f}" if row["published"] else " | "
        lines.append(f"| {row['name']} | {row['median']:.0f} | {row['mean']:.0f} | {theirs} |")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "proxy_speed.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "proxy_speed.json").write_text(json.dumps({"facts": facts, "rows": rows}, indent=1) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
