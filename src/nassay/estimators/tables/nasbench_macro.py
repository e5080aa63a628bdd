"""NAS-Bench-Macro: 6,561 chains of eight MobileNetV2 blocks on CIFAR-10, Su et al. 2021, arXiv:2103.11922.

Test accuracies in percent of three trainings; the README of the benchmark does not say how many epochs they took.
"""

from collections.abc import Iterable, Sequence

import pyarrow

from nassay.estimators.tables.base import Table, tables
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Space


@tables.register("nasbench_macro", space="nb_macro", paper="Su et al. 2021, arXiv:2103.11922")
class NASBenchMacro(Table):
    """NAS-Bench-Macro: 6,561 chains of eight blocks, CIFAR-10, three seeds."""

    name = "nasbench_macro"
    datasets = ("cifar10",)
    files = ("nasbench_macro.parquet",)
    text_columns = ("arch",)

    def space(self, dataset: str | None = None) -> Space:
        """`nb_macro` for 32x32 images and ten classes."""
        from nassay.spaces.nb_macro import NBMacro

        self.dataset(dataset)
        return NBMacro((3, 32, 32), 10)

    def _series(self, dataset: str) -> Iterable[Series]:
        for seed in range(3):
            yield Series(dataset, "accuracy", "percent", f"test_acc_seed{seed}", "test", seed=seed)
        yield Series(dataset, "params", "count", "params")
        yield Series(dataset, "macs", "count", "flops")

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        texts: list[str] = rows["arch"].to_pylist()
        return texts
