"""NAS-Bench-101: `nasbench_full.tfrecord` or `nasbench_only108.tfrecord`.

A record is a JSON list [hash, epochs, adjacency, operations, metrics]; metrics is a base64 text of the message
`ModelMetrics`: field 1 repeated `EvaluationData` (at the start, half-way and at the end of the training), field 2 the
number of parameters. `EvaluationData` has doubles: 1 epoch, 2 training seconds, 3 training, 4 validation and 5 test
accuracy, fractions. The format was read in google-research/nasbench (`api.py`, `model_metrics.proto`); the files
themselves were not at hand. The full file takes some minutes: every record's checksum is verified.
"""

import base64
import json
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from nassay.errors import UserError
from nassay.estimators.tables.importers.base import Importer, importers
from nassay.estimators.tables.importers.protobuf import fields
from nassay.estimators.tables.importers.tfrecord import read_records

REPEATS = 3
# column: (field of EvaluationData, factor)
MEASURED = {"valid_acc": (4, 100.0), "test_acc": (5, 100.0), "train_s": (2, 1.0)}


class _Columns:
    """Columns that grow with the cells; numbers are kept as arrays, for there are millions."""

    def __init__(self) -> None:
        self.cells: dict[str, int] = {}
        self.texts: dict[str, list[Any]] = {
            n: [] for n in ("hash", "adjacency", "ops", "n_vertices", "n_edges", "params")
        }
        self.numbers: dict[str, array[float]] = {}
        self.repeats: dict[tuple[int, int], int] = {}

    def cell(self, key: str, adjacency: str, ops: str, params: int) -> int:
        """The row of a cell; a new one where it was not seen before."""
        if key not in self.cells:
            self.cells[key] = len(self.cells)
            row = (key, adjacency, ops, ops.count(",") + 1, adjacency.count("1"), params)
            for values, value in zip(self.texts.values(), row, strict=True):
                values.append(value)
            for column in self.numbers.values():
                column.append(np.nan)
        return self.cells[key]

    def put(self, name: str, row: int, value: float) -> None:
        """Set a number."""
        if name not in self.numbers:
            self.numbers[name] = array("d", [np.nan] * len(self.cells))
        self.numbers[name][row] = value

    def table(self) -> pyarrow.Table:
        """All columns, those of numbers sorted by name; what was never set is null."""
        numbers = {n: pyarrow.array(np.frombuffer(self.numbers[n]), from_pandas=True) for n in sorted(self.numbers)}
        return pyarrow.table({**self.texts, **numbers})


def read(path: Path) -> pyarrow.Table:
    """One row a cell: accuracies in percent and training seconds by epochs and repeat.

    Raises:
        UserError: the file is damaged, or is of another kind.
    """
    columns = _Columns()
    for number, record in enumerate(read_records(path)):
        try:
            _add(columns, record)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise UserError(f"{path}: record {number} is not one of NAS-Bench-101: {error}.") from error
    if not columns.cells:
        raise UserError(f"{path} holds no records.")
    return columns.table()


def _add(columns: _Columns, record: bytes) -> None:
    key, epochs, adjacency, ops, metrics = json.loads(record)
    message = fields(base64.b64decode(metrics, validate=True))
    vertices = ops.count(",") + 1
    if len(adjacency) != vertices**2 or len(message[1]) != 3:
        raise ValueError(f"{len(adjacency)} entries for {vertices} vertices, {len(message[1])} evaluations")
    row = columns.cell(key, adjacency, ops, message[2][0])
    repeat = columns.repeats.get((row, epochs), 0)
    columns.repeats[row, epochs] = repeat + 1
    if repeat >= REPEATS:
        raise ValueError(f"a cell has more than {REPEATS} trainings of {epochs} epochs")
    last = fields(message[1][-1])
    for name, (number, factor) in MEASURED.items():
        columns.put(f"cifar10_{name}_{epochs}_seed{repeat}", row, factor * last[number][0])


importers.register("nasbench101")(
    Importer(
        read,
        "nasbench101.parquet",
        423_624,
        "nasbench_full.tfrecord or nasbench_only108.tfrecord",
        "github.com/google-research/nasbench",
        {r".*_acc_.*": (0.0, 100.0), r"n_vertices": (2, 7), r"n_edges": (1, 9), r".*_train_s_.*": (0.0, 1e6)},
        {
            "nasbench_full.tfrecord": "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c",
            "nasbench_only108.tfrecord": "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
        },
    )
)
