"""Whether memory grows with the number of scored architectures: in a worker that scores, and in the process that keeps.

    python benchmarks/memory_growth.py --networks 4000 --kept 100000

The worker scores random cells of a tiny NAS-Bench-201 space. The keeper runs a whole benchmark's bookkeeping (jobs,
ledger, columns) with workers that answer at once. Resident memory is printed as they go, and written, with its growth,
to `benchmarks/results/memory_growth.md`.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from nassay.estimators.base import Estimate
from nassay.spaces.base import Architecture
from nassay.spaces.mobile import Mobile
from nassay.spaces.nb201 import NB201
from nassay.studies.bench_worker import Scorer
from nassay.studies.ledger import Ledger
from nassay.studies.proxy_scores import Sample, Scores

RESULTS = Path(__file__).parent / "results" / "memory_growth.md"
NAMES = ("params", "macs", "sed", "synflow", "snip", "naswot", "az_expressivity", "az_progressivity", "az_trainability")
LOOKS = 8
Look = tuple[int, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--networks", type=int, default=4000, help="networks that the worker scores")
    parser.add_argument("--kept", type=int, default=100_000, help="architectures whose scores are kept")
    args = parser.parse_args()
    torch.set_num_threads(1)
    lines = [
        "# Memory while scoring",
        "",
        "| process | architectures | resident MB | MB for 1,000 more |",
        "|---|---|---|---|",
    ]
    for name, looks in (("worker", list(scored(args.networks))), ("keeper", list(kept(args.kept)))):
        lines += [f"| {name} | {count:,} | {megabytes:.0f} | |" for count, megabytes in looks[:-1]]
        count, megabytes = looks[-1]
        lines.append(f"| {name} | {count:,} | {megabytes:.0f} | {slope(looks):+.2f} |")
    RESULTS.write_text("\n".join([*lines, "", "The growth is that of the second half.", ""]))
    print(RESULTS.read_text())


def scored(networks: int) -> Iterator[Look]:
    """Score random cells."""
    space, rng = NB201((3, 8, 8), 10, channels=4, cells=1), np.random.default_rng(0)
    scorer = Scorer(space, NAMES, seed=0, batch_size=4, largest_side=8)
    for i in range(1, networks + 1):
        scorer.score(Architecture(space.name, tuple(int(n) for n in rng.integers(5, size=6))))
        if i % (networks // LOOKS) == 0:
            yield i, resident_megabytes()


class Instant:
    """Workers that answer at once."""

    def run(self, jobs: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
        """An answer for each job, in order."""
        for index, job in enumerate(jobs):
            one = {name: asdict(Estimate.of(0.5, seconds=0.1)) for name in job["names"]}
            yield index, [one] * len(job["choices"])


def kept(count: int) -> Iterator[Look]:
    """Keep scores of random networks."""
    space, rng = Mobile(), np.random.default_rng(0)
    drawn = list(dict.fromkeys(space.sample(rng) for _ in range(count)))
    truth, owner = np.zeros(len(drawn)), np.arange(len(drawn))
    sample = Sample("instant", "none", space, ("accuracy", "%"), len(drawn), drawn, truth, drawn, owner)
    workers = Instant()
    looks: list[Look] = []

    def progress(done: int, total: int) -> None:
        if done >= (len(looks) + 1) * total // LOOKS:
            looks.append((done, resident_megabytes()))

    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.in_folder(Path(folder), remember=False)
        scores = Scores(ledger, sample, NAMES, "noise", {"batch_size": 64, "largest_side": 64, "seed": 0})
        scores.pay(lambda: workers, progress)  # type: ignore[arg-type, return-value]
        scores.read()
        looks.append((len(drawn), resident_megabytes()))
        ledger.close()
    yield from looks


def resident_megabytes() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


def slope(looks: Sequence[Look]) -> float:
    """Megabytes that a thousand architectures add, over the second half."""
    late = looks[len(looks) // 2 :]
    x, y = np.array(late).T
    return float(1000 * np.polyfit(x, y, 1)[0])


if __name__ == "__main__":
    main()
