"""Scores of a benchmark's architectures: drawn once, paid for once, kept in the ledger, read back in columns.

Encodings of one network are scored once. Jobs are made, and scores read, as they are needed: beside the architectures
and one number for each score, memory does not grow with their number.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import numpy as np

from nassay.errors import UserError
from nassay.estimators.base import Estimate
from nassay.estimators.tables import open_table
from nassay.spaces.base import Architecture, Space
from nassay.studies.executors import ATTEMPTS, Executor
from nassay.studies.ledger import Key, Ledger

JOB, WINDOW = 4, 64  # architectures of a job; jobs that are made at a time
PHASE = "score"
LOST = f"its worker process was killed {ATTEMPTS} times (out of memory?); the same command tries again"


@dataclass(frozen=True)
class Sample:
    """Architectures of a benchmark and how good they are.

    Attributes:
        table: name of the table.
        dataset: data set of the table, as it is spelt there.
        space: of the architectures.
        metric: (metric, unit) of the truth.
        size: number of architectures in the table.
        architectures: the n drawn ones, encodings of one network apart.
        truth: (n,) true values, larger is better.
        distinct: the networks among them, canonical, in the order in which they were drawn.
        owner: (n,) index of each architecture's network in `distinct`.
    """

    table: str
    dataset: str
    space: Space
    metric: tuple[str, str]
    size: int
    architectures: Sequence[Architecture]
    truth: np.ndarray
    distinct: Sequence[Architecture]
    owner: np.ndarray


def draw(table: str, dataset: str | None, size: int | None, seed: int) -> Sample:
    """A random sample of a benchmark; a larger one of the same seed begins with the smaller one.

    Args:
        table: its name.
        dataset: one of its data sets; None for the first.
        size: number of architectures; None, or more than there are, for all.
        seed: of the draw.

    Raises:
        UserError: no such table or data set, or its file is not there.
    """
    opened = open_table(table)
    dataset = opened.dataset(dataset)
    values = opened.values(dataset, merge=False)
    every = sorted(values)
    if len(every) < 3:
        raise UserError(f"The table {table} has {len(every)} architectures for {dataset}; a ranking needs three.")
    order = np.random.default_rng(seed).permutation(len(every))[:size]
    chosen = [every[i] for i in order]
    space = opened.space(dataset)
    places: dict[Architecture, int] = {}
    owner = [places.setdefault(space.canonical(a), len(places)) for a in chosen]
    truth = np.array([values[a] for a in chosen])
    return Sample(
        table, dataset, space, opened.metric(dataset), len(every), chosen, truth, list(places), np.array(owner)
    )


@dataclass
class Columns:
    """What the ledger holds of a sample.

    Attributes:
        names: scores, by name.
        values: (names, networks) values, NaN where there is none.
        known: (names, networks) whether it was paid for, with a value or not.
        seconds: by name, the sum over networks.
        reasons: by name, how often a reason stood in place of a value; `LOST` for what was not paid for.
    """

    names: tuple[str, ...]
    values: np.ndarray
    known: np.ndarray
    seconds: np.ndarray
    reasons: dict[str, Counter[str]] = field(default_factory=dict)

    def milliseconds(self, name: str) -> float | None:
        """Mean price of a score."""
        i = self.names.index(name)
        count = int(self.known[i].sum())
        return 1e3 * float(self.seconds[i]) / count if count else None


class Scores:
    """The scores of a sample, in a ledger.

    Args:
        ledger: one that does not remember.
        sample: what is scored.
        names: by what.
        inputs: short name of the inputs that networks are shown.
        settings: of the workers' scorers.
    """

    def __init__(
        self, ledger: Ledger, sample: Sample, names: Sequence[str], inputs: str, settings: dict[str, int]
    ) -> None:
        self._ledger, self._sample, self._names, self._settings = ledger, sample, tuple(names), settings
        space = sample.space
        shape = "x".join(map(str, space.input_shape))
        told = ",".join(f"{key}={value}" for key, value in settings.items())
        self._fidelity = f"{sample.table},{space.name},{shape},outputs={space.num_outputs},{inputs},{told}"
        self._texts = [space.to_string(a) for a in sample.distinct]

    def read(self) -> Columns:
        """Everything that was paid for."""
        shape = (len(self._names), len(self._texts))
        found = Columns(self._names, np.full(shape, np.nan), np.zeros(shape, dtype=bool), np.zeros(len(self._names)))
        rows, columns = ({name: i for i, name in enumerate(names)} for names in (self._names, self._texts))
        for text, name, value, reason, seconds in self._ledger.stream(self._fidelity):
            if name not in rows or text not in columns:
                continue
            i, j = rows[name], columns[text]
            found.known[i, j] = True
            found.seconds[i] += seconds
            if value is None:
                found.reasons.setdefault(name, Counter())[reason or ""] += 1
            else:
                found.values[i, j] = value
        for name, lost in zip(self._names, (~found.known).sum(1), strict=True):
            if lost:
                found.reasons.setdefault(name, Counter())[LOST] = int(lost)
        return found

    def pay(self, executor: Callable[[], Executor], progress: Callable[[int, int], None]) -> None:
        """Have what is missing computed; every finished job is in the ledger before the next is counted.

        A job that its workers did not survive leaves nothing there, so that it is tried again the next time.

        Args:
            executor: makes the workers, where anything is missing.
            progress: hears how many of all networks are done.
        """
        known = self.read().known
        total = known.shape[1]
        done = int(known.all(0).sum())
        progress(done, total)
        jobs = self._jobs(known)
        while window := list(islice(jobs, WINDOW)):
            for index, answer in executor().run([self._specification(job) for job in window]):
                if answer is not None:
                    self._ledger.add(self._rows(window[index], answer), PHASE)
                done += len(window[index][1])
                progress(done, total)

    def _jobs(self, known: np.ndarray) -> Iterator[tuple[tuple[str, ...], list[int]]]:
        """What is missing, as (names, indices of networks)."""

        def missing(j: int) -> tuple[str, ...]:
            return tuple(name for name, there in zip(self._names, known[:, j], strict=True) if not there)

        for names, run in groupby(range(known.shape[1]), key=missing):
            while names and (chunk := list(islice(run, JOB))):
                yield names, chunk

    def _specification(self, job: tuple[tuple[str, ...], list[int]]) -> dict[str, Any]:
        names, indices = job
        return {
            "table": self._sample.table,
            "dataset": self._sample.dataset,
            "names": list(names),
            "choices": [list(self._sample.distinct[j].choices) for j in indices],
            "settings": self._settings,
        }

    def _rows(self, job: tuple[tuple[str, ...], list[int]], answer: Any) -> Iterator[tuple[Key, Estimate]]:
        """What the ledger keeps of an answer."""
        names, indices = job
        for place, j in enumerate(indices):
            for name in names:
                yield (self._texts[j], name, self._fidelity), Estimate(**answer[place][name])
