"""The estimator that looks it up."""

from collections.abc import Sequence
from typing import Any

from nassay.errors import UserError
from nassay.estimators.base import Estimate, Estimator
from nassay.estimators.tables.base import Table
from nassay.spaces.base import Architecture


class Tabular(Estimator):
    """A tabular benchmark's answer; higher is better.

    Details of an estimate name the table, data set, metric, unit, split, epochs and seed, and, where the table knows
    it, what the training had cost: `train_seconds`.

    Args:
        table: the benchmark.
        dataset: one of its data sets; None for its first.
        split: see `Table.values`.
        epochs: see `Table.values`.
        seed: see `Table.values`.

    Raises:
        UserError: the table has no such measurement.
    """

    def __init__(
        self,
        table: Table,
        dataset: str | None = None,
        *,
        split: str | None = None,
        epochs: int | None = None,
        seed: int | None = None,
    ) -> None:
        dataset = table.dataset(dataset)
        chosen = table.select(dataset, split, epochs, seed)[0]
        self.name = f"{table.name}/{dataset} {chosen.split} {chosen.metric} ({chosen.unit})"
        self.space = table.space(dataset)
        self._values = table.values(dataset, split, epochs, seed)
        self._seconds = _train_seconds(table, dataset, chosen.epochs)
        self._details: dict[str, Any] = {
            "table": table.name,
            "dataset": dataset,
            "metric": chosen.metric,
            "unit": chosen.unit,
            "split": chosen.split,
            "epochs": chosen.epochs,
            "seed": seed,
        }

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """The table's values, in order; a reason where it has no row."""
        return [self._look_up(self.space.canonical(architecture)) for architecture in architectures]

    def _look_up(self, architecture: Architecture) -> Estimate:
        if architecture not in self._values:
            return Estimate.failed(f"{self.name}: the table has no value of this architecture", **self._details)
        details = dict(self._details)
        if architecture in self._seconds:
            details["train_seconds"] = self._seconds[architecture]
        return Estimate.of(self._values[architecture], **details)


def _train_seconds(table: Table, dataset: str, epochs: int | None) -> dict[Architecture, float]:
    """What each training took; empty where the table does not say."""
    try:
        return table.costs("train_seconds", dataset, epochs)
    except UserError:
        return {}
