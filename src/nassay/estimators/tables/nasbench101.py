"""NAS-Bench-101: 423,624 cells on CIFAR-10, Ying et al. 2019, arXiv:1902.09635.

`nassay data import nasbench101` makes the whole table from the official file: accuracies in percent on validation and
test images after 4, 12, 36 and 108 epochs, three trainings each, called seeds 0, 1 and 2 in the order of the file.

Where that is not there, a partial table is read, put together from the experiments of others: 2,663 cells with the
CIFAR-10 accuracy of one 108-epoch training (the source does not say whether on validation or test images: the split is
called `unstated`), 500 with NAS-Bench-Suite-Zero's validation accuracy, 500 with a top-1 accuracy on ImageNet.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow

from nassay.estimators.tables.base import Table, tables
from nassay.estimators.tables.files import read_columns
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Space

ACCURACY = re.compile(r"cifar10_(?P<split>valid|test)_acc_(?P<epochs>\d+)_seed(?P<seed>\d)")
SECONDS = re.compile(r"cifar10_train_s_(?P<epochs>\d+)_seed(?P<seed>\d)")


@tables.register("nasbench101", space="nb101", paper="Ying et al. 2019, arXiv:1902.09635")
class NASBench101(Table):
    """NAS-Bench-101: cells of up to seven vertices and nine edges, CIFAR-10; whole or partial."""

    name = "nasbench101"
    files = ("nasbench101.parquet", "nasbench101_partial.parquet")
    default_splits = ("test", "unstated", "valid")
    text_columns = ("adjacency", "ops")

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.datasets = ("cifar10", "imagenet") if "imagenet_top1" in self.columns else ("cifar10",)

    def space(self, dataset: str | None = None) -> Space:
        """`nb101`, for 32x32 images and ten classes, or 224x224 images and 1,000 classes."""
        from nassay.spaces.nb101 import NB101

        return NB101((3, 32, 32), 10) if self.dataset(dataset) == "cifar10" else NB101((3, 224, 224), 1000)

    def _series(self, dataset: str) -> Iterable[Series]:
        if dataset == "imagenet":
            yield Series(dataset, "accuracy", "percent", "imagenet_top1", "unstated")
            return
        for column in self.columns:
            if match := ACCURACY.fullmatch(column):
                epochs, seed = int(match["epochs"]), int(match["seed"])
                yield Series(dataset, "accuracy", "percent", column, match["split"], epochs, seed)
            elif match := SECONDS.fullmatch(column):
                epochs, seed = int(match["epochs"]), int(match["seed"])
                yield Series(dataset, "train_seconds", "seconds", column, epochs=epochs, seed=seed)
        yield Series(dataset, "accuracy", "percent", "cifar10_acc_108_single", "unstated", 108)
        yield Series(dataset, "accuracy", "percent", "cifar10_acc_36", "unstated", 36)
        yield Series(dataset, "accuracy", "percent", "cifar10_acc_12", "unstated", 12)
        yield Series(dataset, "accuracy", "percent", "cifar10_valid_acc_naslib", "valid", 108)
        yield Series(dataset, "params", "count", "params")
        yield Series(dataset, "params", "count", "params_M", scale=1e6)
        yield Series(dataset, "macs", "count", "flops_naslib_M", scale=1e6)

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        pairs = zip(rows["adjacency"].to_pylist(), rows["ops"].to_pylist(), strict=True)
        return [f"{adjacency} {ops}" for adjacency, ops in pairs]

    def _published(self, dataset: str) -> tuple[pyarrow.Table, Sequence[str], str] | None:
        if dataset != "cifar10" or "zc_snip" not in self.columns:
            return None
        rows = read_columns(self.path)
        return rows, self._texts(rows), "zc_"
