"""Scores of sampled architectures of every table by this library, at fast settings; what `score_study.py` reads.

One file of JSON lines for each benchmark, in a working folder, so that collecting goes on where it was stopped. The
benchmarks take turns, so that a stopped run has about as many architectures of each.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.estimators.proxies.settings import ProbeSettings
from nassay.estimators.tables import open_table
from nassay.spaces.base import Architecture
from nassay.studies.bench_worker import Scorer

COUNTS = ("params", "macs", "sed", "paths")
CHEAP = (*COUNTS, "naswot", "jacob_cov")  # one pass, where nobody published its scores
NAMES = (*CHEAP, "synflow", "az_expressivity", "az_progressivity", "az_trainability")
TURN = 10  # architectures of a benchmark that are scored at a time
SEED = 0
TRANSNAS_TASKS = ("class_scene", "class_object", "jigsaw", "normal", "segmentsemantic", "room_layout", "autoencoder")
NDS = ("DARTS_in", "ENAS_in", "PNAS_in", "Amoeba_in", "NASNet_in", "ResNeXt-A_in", "ResNeXt-B_in")


@dataclass(frozen=True)
class Source:
    """Networks of a table that are scored once, for all data sets that differ by the head alone.

    Attributes:
        family: the search space, or group of them, that is left out together.
        table: name of the table.
        datasets: the first one says how the networks are built.
        share: of the sample that the others have.
        names: what is scored.
    """

    family: str
    table: str
    datasets: tuple[str, ...]
    share: float = 1.0
    names: tuple[str, ...] = NAMES

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.table}-{self.datasets[0]}"


SOURCES = (
    Source("nb201", "nasbench201", ("cifar10", "cifar100")),
    Source("nb_macro", "nasbench_macro", ("cifar10",), names=CHEAP),
    *(Source("nds", "nds", (family,), 0.3, CHEAP) for family in NDS),
)


def collect(work: Path, sample: int, sources: Sequence[Source] = SOURCES) -> None:
    """Score a sample of every benchmark, as far as that is missing.

    Args:
        work: folder of the files.
        sample: architectures of each benchmark, times its share.
        sources: what is scored.
    """
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    waiting = [_scored(source, work, round(sample * source.share)) for source in sources]
    while waiting:
        waiting = [turns for turns in waiting if len(list(islice(turns, TURN)))]


def _scored(source: Source, work: Path, count: int) -> Iterator[None]:
    """Score one architecture after the other."""
    path = work / f"{source.name}.jsonl"
    table = open_table(source.table)
    dataset = table.dataset(source.datasets[0])
    space = table.space(dataset)
    done = {tuple(row["choices"]) for row in rows_of(path)}
    wanted = [a for a in drawn(source, count) if a.choices not in done]
    scorer = Scorer(space, source.names, seed=SEED, **ProbeSettings.fast().as_dict())
    for architecture in wanted:
        began = time.process_time()
        found = {name: e.value for name, e in scorer.score(architecture).items()}
        row = {"choices": architecture.choices, "cpu_seconds": round(time.process_time() - began, 3), "scores": found}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        yield


def drawn(source: Source, count: int) -> list[Architecture]:
    """Random encodings of a table; a larger draw begins with the smaller one."""
    every = sorted(open_table(source.table).values(source.datasets[0], merge=False))
    order = np.random.default_rng(SEED).permutation(len(every))
    return [every[i] for i in order[:count]]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What a file holds; a line that was cut off when the run was stopped is left out."""
    if not path.exists():
        return []
    text = path.read_text("utf-8")
    if not text.endswith("\n"):
        path.write_text(text := text[: text.rfind("\n") + 1], "utf-8")
    return [json.loads(line) for line in text.splitlines()]
