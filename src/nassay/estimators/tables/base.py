"""Tabular benchmarks: measurements of whole search spaces, looked up by architecture.

Every table answers by canonical architecture, never by row number. Where a table holds several encodings of one network
(isomorphic cells, trained separately), the answer is the mean over its rows; `merge=False` keeps the encodings apart.
Higher is always better: errors are turned into accuracies, losses are negated.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow
from pyarrow import compute

from nassay.errors import UserError
from nassay.estimators.tables.files import column_names, find_file, read_columns, row_count
from nassay.estimators.tables.published import Scores, rows_of, scores_of
from nassay.estimators.tables.series import COSTS, QUALITY, Measurement, Series
from nassay.registry import Registry, unknown_name
from nassay.spaces.base import Architecture, Space

Values = dict[Architecture, float]


class Table(ABC):
    """A tabular benchmark.

    Args:
        folder: where its Parquet files lie; None for `$NASSAY_DATA/tables`.

    Raises:
        UserError: the file is not there.

    Attributes:
        name: as in `open_table`.
        datasets: what networks were trained on (tasks, families), the first one the default.
        files: names of the file, the preferred one first.
        default_splits: the first of them that a data set has is what `values` answers with.
        text_columns: the columns that name the architecture.
    """

    name: ClassVar[str]
    datasets: tuple[str, ...]
    files: ClassVar[tuple[str, ...]]
    default_splits: ClassVar[tuple[str, ...]] = ("test", "valid", "unstated")
    text_columns: ClassVar[tuple[str, ...]] = ("arch_str",)

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.path = self.locate(folder)
        self.series = cache(self._checked_series)
        self._index = cache(self._row_index)

    @classmethod
    def locate(cls, folder: Path | None = None) -> Path:
        """Where the table's file is.

        Raises:
            UserError: it is not there; the text says what to do.
        """
        return find_file(cls.files, folder)

    @classmethod
    def rows_here(cls) -> int:
        """How many rows of the table's file, in the default folder, are this table's.

        Raises:
            UserError: the file is not there, or is damaged.
        """
        return row_count(cls.locate())

    # What a table must say

    @abstractmethod
    def space(self, dataset: str | None = None) -> Space:
        """The search space with the data set's input shape and number of outputs, as the networks were trained."""

    @abstractmethod
    def _series(self, dataset: str) -> Iterable[Series]:
        """What the file may hold of a data set; series whose column is not there are left out."""

    @abstractmethod
    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        """The architecture of every row, as `Space.from_string` reads it."""

    def _rows(self, dataset: str, columns: Sequence[str]) -> pyarrow.Table:
        """The rows of a data set with these columns."""
        del dataset  # all rows, where data sets are columns
        return read_columns(self.path, list(dict.fromkeys([*self.text_columns, *columns])))

    # What users ask

    def metric(self, dataset: str | None = None) -> tuple[str, str]:
        """Metric and unit of `values`; higher is better."""
        first = self._quality(self.dataset(dataset))[0]
        return first.metric, first.unit

    def dataset(self, name: str | None) -> str:
        """The data set's name as this table spells it; capitals, `-` and `_` do not matter; None is the first.

        Raises:
            UserError: there is no such data set.
        """
        known = {_plain(d): d for d in self.datasets}
        if name is None:
            return self.datasets[0]
        if _plain(name) not in known:
            raise UserError(unknown_name(f"data set of {self.name}", name, self.datasets))
        return known[_plain(name)]

    def values(
        self,
        dataset: str | None = None,
        split: str | None = None,
        epochs: int | None = None,
        seed: int | None = None,
        *,
        merge: bool = True,
    ) -> Values:
        """How good each architecture is; higher is better.

        Args:
            dataset: one of `datasets`.
            split: what the metric was measured on; None for the first of `default_splits` that there is.
            epochs: length of the training; None for the longest one.
            seed: of the training; None for the mean over all seeds of the table.
            merge: one value for each network, by canonical architecture, the mean where the table holds several
                encodings of it; else one for each encoding, as it stands in the table.

        Raises:
            UserError: the table has no such measurement; the text says what it has.
        """
        return self._combined(self.select(dataset, split, epochs, seed), merge=merge)

    def select(
        self, dataset: str | None = None, split: str | None = None, epochs: int | None = None, seed: int | None = None
    ) -> tuple[Series, ...]:
        """The series that `values` averages: one, or one for each seed; see there."""
        dataset = self.dataset(dataset)
        every = self._quality(dataset)
        split = split or next(d for d in self.default_splits if any(s.split == d for s in every))
        found = _latest([s for s in every if s.split == split], epochs, seed)
        if not found:
            wish = Series(dataset, "", "", "", split, epochs, seed).query
            known = "; ".join(s.query for s in every[:40])
            raise UserError(f"{self.name} has no measurement of {dataset} on {wish}. It has: {known}.")
        return found

    def costs(
        self, metric: str, dataset: str | None = None, epochs: int | None = None, *, merge: bool = True
    ) -> Values:
        """Parameters, multiply-accumulates or training seconds as published.

        Args:
            metric: `params`, `macs` or `train_seconds`.
            dataset: one of `datasets`.
            epochs: length of the training, for `train_seconds`; None for the longest one.
            merge: see `values`.

        Raises:
            UserError: the table does not have them.
        """
        dataset = self.dataset(dataset)
        found = _latest([s for s in self.series(dataset) if s.metric == metric], epochs, None)
        if metric not in COSTS or not found:
            known = sorted({s.metric for s in self.series(dataset)} & set(COSTS))
            raise UserError(f"{self.name} has no {metric} of {dataset}; it has {', '.join(known) or 'no costs'}.")
        return self._combined(found, merge=merge)

    def measurements(self, architecture: Architecture, dataset: str | None = None) -> list[Measurement]:
        """Everything the table holds of an architecture on a data set, or on all of them; empty if it has no row.

        Raises:
            UserError: no such data set, or it is one of another space than the architecture's.
        """
        found = []
        for name in self._datasets_of(architecture.space) if dataset is None else [self.dataset(dataset)]:
            rows = self._index(name, True).get(self.space(name).canonical(architecture), [])
            cells = self._rows(name, [s.column for s in self.series(name)]).take(rows) if rows else None
            for series in self.series(name) if cells else ():
                values = self._column(series, cells)
                if np.isfinite(values).any():
                    found.append(Measurement(series, float(np.nanmean(values)), int(np.isfinite(values).sum())))
        return found

    def _datasets_of(self, space: str) -> list[str]:
        """The data sets whose networks are of a space; those whose space is not built here are of none."""
        found = []
        for name in self.datasets:
            try:
                of_it = self.space(name).name == space
            except UserError:
                continue
            found += [name] * of_it
        return found

    def published_scores(self, dataset: str | None = None, *, merge: bool = True) -> dict[str, Scores]:
        """Scores of zero-cost proxies as others published them, by the name they gave the proxy.

        Args:
            dataset: one of `datasets`.
            merge: see `values`.

        Raises:
            UserError: none are known for this table, or their file is not there.
        """
        dataset = self.dataset(dataset)
        published = self._published(dataset)
        if published is None:
            raise UserError(f"No published zero-cost scores are known for {self.name}.")
        rows, texts, prefix = published
        return scores_of(rows, self._architectures(texts, dataset, merge), prefix)

    def _published(self, dataset: str) -> tuple[pyarrow.Table, Sequence[str], str] | None:
        """Rows with published scores of a data set, their architectures, and the prefix of their columns."""
        del dataset
        return None

    # How

    @cached_property
    def columns(self) -> list[str]:
        """Names of the file's columns."""
        return column_names(self.path)

    def _checked_series(self, dataset: str) -> tuple[Series, ...]:
        return tuple(s for s in self._series(self.dataset(dataset)) if s.column in self.columns)

    def _quality(self, dataset: str) -> list[Series]:
        found = [s for s in self.series(dataset) if s.metric in QUALITY]
        if not found:
            raise UserError(f"{self.path} has no measurements of {dataset}.")
        return found

    def _combined(self, found: Sequence[Series], *, merge: bool) -> Values:
        """Mean over series (seeds) of the mean over rows (encodings); architectures without a value are left out."""
        sums: dict[Architecture, list[float]] = {}
        for series in found:
            column = self._column(series, self._rows(series.dataset, [series.column]))
            for architecture, rows in self._index(series.dataset, merge).items():
                values = column[rows][np.isfinite(column[rows])]
                if len(values):
                    sums.setdefault(architecture, []).append(float(values.mean()))
        return {architecture: float(np.mean(means)) for architecture, means in sums.items()}

    @staticmethod
    def _column(series: Series, rows: pyarrow.Table) -> np.ndarray:
        """(rows,) float64 values of a series in its unit; NaN where there is none."""
        column = rows[series.column]
        if series.position is not None:
            column = compute.list_element(column, series.position)
        return series.offset + series.scale * column.cast(pyarrow.float64()).to_numpy()

    def _row_index(self, dataset: str, merge: bool) -> dict[Architecture, list[int]]:
        """The rows of each architecture, in the order of `_rows`."""
        return rows_of(self._architectures(self._texts(self._rows(dataset, [])), dataset, merge))

    def _architectures(self, texts: Sequence[str], dataset: str, merge: bool) -> list[Architecture]:
        space = self.space(dataset)
        encodings = map(space.from_string, texts)
        return [space.canonical(encoding) if merge else encoding for encoding in encodings]


def _latest(series: Sequence[Series], epochs: int | None, seed: int | None) -> tuple[Series, ...]:
    """Those of the longest training, or of these epochs; of a seed, else the mean, else all seeds."""
    if epochs is None:
        epochs = max((s.epochs for s in series if s.epochs is not None), default=None)
    here = [s for s in series if s.epochs == epochs]
    if seed is not None:
        return tuple(s for s in here if s.seed == seed)
    return tuple(s for s in here if s.seed is None) or tuple(here)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


tables: Registry[type[Table]] = Registry(
    "table",
    tuple(
        f"nassay.estimators.tables.{module}"
        for module in ("nasbench201", "nasbench101", "transnasbench101", "nasbench_macro", "nds", "embedded")
    ),
)


def open_table(name: str, folder: Path | None = None) -> Table:
    """A tabular benchmark by its name; see `nassay data list`.

    Args:
        name: such as `nasbench201`; `embedded` is part of nassay.
        folder: where the Parquet files lie; None for `$NASSAY_DATA/tables`.

    Raises:
        UserError: there is no such table, or its file is not there.
    """
    return tables[name].target(folder)
