"""NDS, random samples of families of networks: Radosavovic et al. 2019, arXiv:1905.13214.

A family is a data set of this table, called like the source's file: `DARTS_in` was trained on ImageNet (`_in`), `DARTS`
on CIFAR-10. The source has top-1 errors on the test images of CIFAR-10 or the validation images of ImageNet after every
epoch; here they are accuracies, 100 minus the error, in percent, split `test`. Families differ in the length of their
training; in `lr-wd` families learning rate and weight decay are random, too, and trainings that diverged have an error
of 99.9 or 100 in the source. The paper takes the smallest error of all epochs; the last one, taken here, differs from
it by more than 1 in 8 of the 3,305 rows at hand. The files of reruns, two models trained a hundred times each, are left
out.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow
from pyarrow import compute

from nassay.estimators.tables.base import Table, tables
from nassay.estimators.tables.files import read_columns
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Space


@tables.register("nds", space="nds", paper="Radosavovic et al. 2019, arXiv:1905.13214")
class NDS(Table):
    """NDS: samples of families of networks on ImageNet and CIFAR-10, curves of every epoch."""

    name = "nds"
    files = ("nds.parquet", "nds_imagenet_and_reruns.parquet")
    text_columns = ("net_json",)

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        rows = read_columns(self.path, ["file", "epochs", "group"])
        once = rows.filter(compute.equal(rows["group"], ""))
        lengths = zip(once["file"].to_pylist(), once["epochs"].to_pylist(), strict=True)
        self._epochs: dict[str, int] = dict(sorted(lengths))
        self.datasets = tuple(self._epochs)

    def space(self, dataset: str | None = None) -> Space:
        """The family's space, for the images and classes it was trained on."""
        from nassay.spaces.nds import nds_space

        return nds_space(self.dataset(dataset))

    def _rows(self, dataset: str, columns: Sequence[str]) -> pyarrow.Table:
        rows = super()._rows(dataset, ["file", *columns])
        return rows.filter(compute.equal(rows["file"], dataset))

    def _series(self, dataset: str) -> Iterable[Series]:
        for i in range(self._epochs[dataset]):
            yield Series(
                dataset, "accuracy", "percent", "test_ep_top1_err", "test", i + 1, None, i, scale=-1.0, offset=100.0
            )
        yield Series(dataset, "params", "count", "params")
        yield Series(dataset, "macs", "count", "flops")

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        texts: list[str] = rows["net_json"].to_pylist()
        return texts
