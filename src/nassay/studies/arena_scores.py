"""Zero-cost scores for races: published ones, and those of a run folder of `nassay bench proxies`."""

import csv
import json
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.estimators.proxies import proxies
from nassay.estimators.tables.base import Table
from nassay.estimators.tables.published import Scores
from nassay.estimators.topology import topologies
from nassay.spaces.base import Architecture
from nassay.studies.bench_files import SCORES, SUMMARY

COUNTS = ("params", "macs", "peak_memory_bytes")
NAMES = {"nwot": "naswot", "jacov": "jacob_cov"}  # NAS-Bench-Suite-Zero's name: ours, where they differ
NOT_COMPARABLE = ("flops", "params", "naswot_original")  # counted here; an earlier form of naswot


class ArenaScores:
    """Zero-cost scores of a table's architectures.

    Args:
        table: the benchmark.
        dataset: one of its data sets.
        folder: of `nassay bench proxies` on this data set; its scores come before published ones; None for none.

    Raises:
        UserError: the folder holds no such benchmark.
    """

    def __init__(self, table: Table, dataset: str, folder: Path | None = None) -> None:
        self._table, self._dataset = table, dataset
        self._folder, self._measured = folder, {} if folder is None else _measured(table, dataset, folder)

    def estimate(self, architecture: Architecture, name: str) -> Estimate:
        """The score of a canonical architecture, or why there is none.

        Raises:
            UserError: it is no zero-cost score.
        """
        found = self._measured.get(name) or self._published.get(name)
        if found is not None and architecture in found.values:
            return Estimate.of(found.values[architecture], seconds=found.seconds or 0.0)
        plain = name.partition(":")[0]
        if plain not in proxies and plain not in topologies:
            raise UserError(f"it asks for {name}, which a table cannot answer: it answers trainings and proxies.")
        where = "published" if self._folder is None else f"published or in {self._folder}"
        return Estimate.failed(f"no {name} score of this architecture is {where}; see `nassay bench proxies`, --scores")

    @cached_property
    def digest(self) -> str:
        """Names what can be seen here: the measured scores themselves, and which are published."""
        found = sha256(b"" if self._folder is None else (self._folder / SCORES).read_bytes())
        for source in (self._measured, self._published):
            for name, scores in source.items():
                found.update(f"{name} {len(scores.values)} {scores.seconds}\n".encode())
        return found.hexdigest()[:16]

    @cached_property
    def _published(self) -> dict[str, Scores]:
        try:
            found = self._table.published_scores(self._dataset)
        except UserError:  # none are known for this table, or their file is not there: every score says so
            return {}
        return {NAMES.get(name, name): scores for name, scores in found.items() if name not in NOT_COMPARABLE}


def _measured(table: Table, dataset: str, folder: Path) -> dict[str, Scores]:
    """The scores of a run folder, by name.

    Raises:
        UserError: it holds no benchmark of proxies on this data set.
    """
    advice = f"Make one by `nassay bench proxies --table {table.name} --dataset {dataset} --out {folder}`."
    try:
        summary = json.loads((folder / SUMMARY).read_text("utf-8"))
        found = (summary["table"], summary["dataset"])
        prices = {row["name"]: row["milliseconds"] for row in summary["rows"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} holds no finished benchmark of proxies ({error}). {advice}") from error
    if found != (table.name, dataset):
        raise UserError(f"{folder} is a benchmark of {' '.join(found)}. {advice}")
    space = table.space(dataset)
    values: dict[str, dict[Architecture, float]] = {name: {} for name in prices}
    with (folder / SCORES).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            architecture = space.canonical(space.from_string(row["architecture"]))
            for name, column in values.items():
                if row.get(name):
                    column[architecture] = float(row[name])
    return {name: Scores(column, (prices[name] or 0.0) / 1e3) for name, column in values.items()}
