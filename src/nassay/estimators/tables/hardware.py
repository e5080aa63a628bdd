"""Tables of what NAS-Bench-201's networks cost on devices: HW-NAS-Bench and the latencies of HELP.

HW-NAS-Bench (Li et al. 2021, arXiv:2103.10584): latency on six devices and energy on three, for three data sets. HELP
(Lee et al. 2021, arXiv:2106.08630): latency on 27 devices, CIFAR-10 networks. Costs are `latency_ms` and `energy_mj`,
lower is better, and a network that a device does not support has no value. They say nothing of accuracy, so they are
no `Table`; join them with one by architecture.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from nassay.errors import UserError
from nassay.estimators.tables.files import column_names, find_file, read_columns
from nassay.estimators.tables.nasbench201 import CLASSES, PREFIXES, SHAPES
from nassay.estimators.tables.published import rows_of
from nassay.registry import unknown_name
from nassay.spaces.base import Architecture, Space
from nassay.spaces.nb201 import NB201

METRICS = {"latency": "latency_ms", "energy": "energy_mj"}
FILES = {"hwnasbench": "hwnasbench_nb201.parquet", "help": "help_nb201_latency.parquet"}
_HELP = re.compile(r"lat_ms_(?P<device>\w+)")
_HW = re.compile(r"(?P<prefix>\w+)__(?P<device>[a-z0-9]+)_(?P<metric>latency|energy)")


class HardwareTable:
    """Costs of NAS-Bench-201's networks by device.

    Args:
        name: `hwnasbench` or `help`.
        folder: where the Parquet file lies; None for `$NASSAY_DATA/tables`.

    Raises:
        UserError: there is no such table, or its file is not there.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        if name not in FILES:
            raise UserError(unknown_name("table of device costs", name, FILES))
        self.name = name
        self.path = find_file([FILES[name]], folder)
        self._columns = {key: column for column in column_names(self.path) if (key := _key(column))}
        self._index = cache(self._row_index)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that networks were built for, CIFAR-10 first."""
        return tuple(d for d in PREFIXES if any(d == dataset for dataset, _, _ in self._columns))

    def devices(self, metric: str = "latency_ms", dataset: str = "cifar10") -> tuple[str, ...]:
        """Names of the devices that the metric was measured on, sorted."""
        return tuple(sorted(d for s, d, m in self._columns if (s, m) == (dataset, metric)))

    def space(self, dataset: str = "cifar10") -> Space:
        """`nb201` with the data set's input shape and number of classes."""
        return NB201(SHAPES[dataset], CLASSES[dataset])

    def values(
        self, device: str, metric: str = "latency_ms", dataset: str = "cifar10", *, merge: bool = True
    ) -> Mapping[Architecture, float]:
        """The cost of each network on a device.

        Args:
            device: one of `devices`.
            metric: `latency_ms` or `energy_mj`.
            dataset: one of `datasets`.
            merge: one value for each network, by canonical architecture, the mean over its encodings, though dead
                edges may cost time on a device; else one for each encoding, as it stands in the table.

        Raises:
            UserError: the table does not have it; the text says what it has.
        """
        key = (dataset, device, metric)
        if key not in self._columns:
            known = ", ".join(" ".join(k) for k in sorted(self._columns))
            raise UserError(f"{self.name} has no {metric} of {device} for {dataset}. It has: {known}.")
        column = read_columns(self.path, [self._columns[key]]).column(0).to_numpy().astype(float)
        means = {a: column[rows][np.isfinite(column[rows])] for a, rows in self._index(merge).items()}
        return {a: float(found.mean()) for a, found in means.items() if len(found)}

    def _row_index(self, merge: bool) -> dict[Architecture, list[int]]:
        space = self.space()
        encodings = map(space.from_string, read_columns(self.path, ["arch_str"])["arch_str"].to_pylist())
        return rows_of([space.canonical(e) if merge else e for e in encodings])


def _key(column: str) -> tuple[str, str, str] | None:
    """(data set, device, metric) of a column; None for a column that holds no cost."""
    if match := _HELP.fullmatch(column):
        return "cifar10", match["device"], "latency_ms"
    if match := _HW.fullmatch(column):
        dataset = {prefix: name for name, prefix in PREFIXES.items()}[match["prefix"]]
        return dataset, match["device"], METRICS[match["metric"]]
    return None
