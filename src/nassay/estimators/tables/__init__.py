"""Tabular benchmarks: look it up instead of training it."""

from nassay.estimators.tables.base import Scores, Table, open_table, tables
from nassay.estimators.tables.series import Measurement, Series
from nassay.estimators.tables.tabular import Tabular

__all__ = ["Measurement", "Scores", "Series", "Table", "Tabular", "open_table", "tables"]
