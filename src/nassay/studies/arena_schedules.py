"""How long a table's networks were trained, what a strategy may see of it, and what it would have taken.

Training seconds are the recorded ones. Where a table has them for some networks only, the others' are a line in their
multiply-accumulates, fitted by least squares to the recorded ones; where a table has none, there are none.
"""

from dataclasses import dataclass

import numpy as np

from nassay.errors import UserError
from nassay.estimators.tables.base import Table, Values
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Architecture

FEWEST_TIMES = 10  # recorded trainings that a line is fitted to


@dataclass(frozen=True)
class Schedule:
    """One length of training.

    Attributes:
        epochs: of the training; None where the table does not say.
        share: of the epochs of the table's longest schedule.
        values: the metric that strategies see, by canonical architecture.
        seconds: what each training took; empty where that is not known.
        on_curve: whether it is a point of one training, as others are: a longer schedule goes on where it ends.
    """

    epochs: int | None
    share: float
    values: Values
    seconds: dict[Architecture, float]
    on_curve: bool = False


def schedules_of(table: Table, dataset: str) -> tuple[tuple[Schedule, ...], Values, tuple[str, ...]]:
    """What a table shows to strategies, and by what they are judged.

    Args:
        table: the benchmark.
        dataset: one of its data sets, as it is spelt there.

    Returns:
        The schedules, the shortest first; the test metric after the longest one, by canonical architecture; and
        sentences on both. Only architectures with a test metric are there.
    """
    shown, test, sentence = _shown_and_judged(table, dataset)
    curves = {s.epochs for s in _quality(table, dataset) if s.position is not None}
    longest = max((e for e in shown if e is not None), default=None)
    rules = [sentence]
    schedules = []
    for epochs in sorted(shown, key=lambda e: e or 0):
        seconds, told = training_seconds(table, dataset, epochs)
        values = {a: v for a, v in shown[epochs].items() if a in test}
        share = 1.0 if epochs is None or longest is None else epochs / longest
        schedules.append(Schedule(epochs, share, values, seconds, epochs in curves))
    rules.append(f"Simulated seconds: {told}.")
    if len(schedules) > 1:
        one = any(s.on_curve for s in schedules)
        told = "; points of one training, of which only what is new is paid for" if one else ""
        rules.append(f"Schedules: {', '.join(str(s.epochs) for s in schedules)} epochs{told}.")
    return tuple(schedules), test, tuple(rules)


def _shown_and_judged(table: Table, dataset: str) -> tuple[dict[int | None, Values], Values, str]:
    """Values by epochs that strategies see; the values that they are judged by; a sentence on both."""
    quality = _quality(table, dataset)
    epochs = {split: {s.epochs for s in quality if s.split == split} for split in ("valid", "test")}
    if epochs["valid"]:
        shown = {e: table.values(dataset, "valid", e) for e in epochs["valid"]}
        if epochs["test"]:
            return shown, table.values(dataset, "test"), "Strategies see the validation split, the test split judges."
        test = shown[max(shown, key=lambda e: e or 0)]
        return shown, test, "The table has no test split: strategies see, and are judged by, its validation split."
    split = quality[0].split
    seeds = sorted({s.seed for s in quality if s.seed is not None})
    if len(seeds) < 2:
        values = table.values(dataset, split)
        return {None: values}, values, f"The table has one measurement ({split}): it is seen, and it judges."
    others = [table.values(dataset, split, seed=seed) for seed in seeds[1:]]
    test = {a: float(np.mean([v[a] for v in others])) for a in others[0] if all(a in v for v in others)}
    told = f"The table has no validation split: strategies see seed {seeds[0]}, the mean of the other seeds judges."
    return {None: table.values(dataset, split, seed=seeds[0])}, test, told


def _quality(table: Table, dataset: str) -> list[Series]:
    """The series of the metric that architectures are judged by."""
    return [s for s in table.series(dataset) if s.split is not None and s.metric == table.metric(dataset)[0]]


def training_seconds(table: Table, dataset: str, epochs: int | None) -> tuple[dict[Architecture, float], str]:
    """Seconds that each training took, recorded or modelled, and how they are known.

    Args:
        table: the benchmark.
        dataset: one of its data sets.
        epochs: length of the training.

    Returns:
        Seconds by canonical architecture, empty where the table has too few; and a phrase.
    """
    recorded, scale = _recorded(table, dataset, epochs)
    every = table.values(dataset)
    if len(recorded) >= len(every):
        return {a: scale * v for a, v in recorded.items()}, "as recorded for every network"
    if len(recorded) < FEWEST_TIMES:
        return {}, "the table has no training times"
    macs = table.costs("macs", dataset)
    both = [a for a in recorded if a in macs]
    x, y = np.array([macs[a] for a in both]), np.array([recorded[a] for a in both])
    slope, intercept = np.polyfit(x, y, 1)
    error = float(np.median(np.abs(intercept + slope * x - y) / y))
    modelled = {a: float(intercept + slope * macs[a]) for a in every if a in macs}
    seconds = {a: scale * v for a, v in (modelled | recorded).items()}
    told = (
        f"as recorded for {len(recorded):,} of {len(every):,} networks; the others' are a line in their "
        f"multiply-accumulates (median error {100 * error:.0f} % on the recorded ones)"
    )
    return seconds, told


def _recorded(table: Table, dataset: str, epochs: int | None) -> tuple[dict[Architecture, float], float]:
    """Recorded seconds of a schedule, or of the longest one and the share of its epochs."""
    times = [s for s in table.series(dataset) if s.metric == "train_seconds"]
    longest = max((s.epochs for s in times if s.epochs is not None), default=None)
    try:
        if epochs is None or any(s.epochs == epochs for s in times):
            return table.costs("train_seconds", dataset, epochs), 1.0
        return table.costs("train_seconds", dataset), epochs / longest if longest else 1.0
    except UserError:  # it has none
        return {}, 1.0
