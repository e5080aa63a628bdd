"""NAS-Bench-201: all 15,625 cells on three data sets, Dong & Yang 2020, arXiv:2001.00326, and NATS-Bench 2009.00437.

Accuracies in percent. On CIFAR-10, `valid` is measured on networks trained on half of the training images, `test` on
networks trained on all of them (the benchmark's data sets cifar10-valid and cifar10); on the other two both are
measured on the same networks.
"""

import re
from collections.abc import Iterable, Sequence

import pyarrow
from pyarrow import compute

from nassay.estimators.tables.base import Table, tables
from nassay.estimators.tables.files import find_file, read_columns
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Space

PREFIXES = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16_120"}
SHAPES = {"cifar10": (3, 32, 32), "cifar100": (3, 32, 32), "ImageNet16-120": (3, 16, 16)}
CLASSES = {"cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}
ACCURACY = re.compile(r"(?P<split>valid|test)_acc_(?P<epochs>\d+)(?:_seed(?P<seed>\d+))?")
SECONDS = re.compile(r"train_time_all_epochs_s_(?P<epochs>\d+)")


@tables.register("nasbench201", space="nb201", paper="Dong & Yang 2020, arXiv:2001.00326")
class NASBench201(Table):
    """NAS-Bench-201 and NATS-Bench's topology space: 15,625 cells, CIFAR-10, CIFAR-100, ImageNet16-120."""

    name = "nasbench201"
    datasets = tuple(PREFIXES)
    files = ("nasbench201.parquet",)

    def space(self, dataset: str | None = None) -> Space:
        """`nb201`, 16 channels and five cells in each third; see `Table.space`."""
        from nassay.spaces.nb201 import NB201

        name = self.dataset(dataset)
        return NB201(SHAPES[name], CLASSES[name])

    def _series(self, dataset: str) -> Iterable[Series]:
        prefix = f"{PREFIXES[dataset]}_"
        for column in self.columns:
            rest = column.removeprefix(prefix)
            if column.startswith(prefix) and (match := ACCURACY.fullmatch(rest)):
                seed = None if match["seed"] is None else int(match["seed"])
                yield Series(dataset, "accuracy", "percent", column, match["split"], int(match["epochs"]), seed)
            elif column.startswith(prefix) and (match := SECONDS.fullmatch(rest)):
                yield Series(dataset, "train_seconds", "seconds", column, epochs=int(match["epochs"]))
        yield Series(dataset, "params", "count", f"params_{PREFIXES[dataset]}_M", scale=1e6)
        counts = (f"flops_naslib_{PREFIXES[dataset]}_M", f"flops_nb201_{PREFIXES[dataset]}_M")
        yield from [Series(dataset, "macs", "count", c, scale=1e6) for c in counts if c in self.columns][:1]

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        texts: list[str] = rows["arch_str"].to_pylist()
        return texts

    def _published(self, dataset: str) -> tuple[pyarrow.Table, Sequence[str], str]:
        rows = read_columns(find_file(["nasbench201_zc_proxies.parquet"], self.folder))
        rows = rows.filter(compute.equal(rows["dataset"], dataset))
        return rows, self._texts(rows), ""
