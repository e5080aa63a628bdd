"""TransNAS-Bench-101: 4,096 cells and 3,255 macro structures on seven tasks, Duan et al. 2021, arXiv:2105.11871.

Every value is the validation metric of the training's best epoch (the benchmark API's `mode="best"`): accuracy in
percent, SSIM, negative loss, mean IoU in percent; higher is better. `test`, where the official file was imported, is
the test metric of that same epoch. The epochs are those of the benchmark's training configurations.
"""

import ast
from collections.abc import Iterable, Sequence
from typing import ClassVar

import pyarrow
from pyarrow import compute

from nassay.estimators.tables.base import Table, tables
from nassay.estimators.tables.files import find_file, read_columns
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Space

# task: (metric, unit, epochs, outputs)
TASKS = {
    "class_scene": ("accuracy", "percent", 25, 47),
    "class_object": ("accuracy", "percent", 25, 75),
    "jigsaw": ("accuracy", "percent", 10, 1000),
    "room_layout": ("negative_loss", "loss", 25, 9),
    "segmentsemantic": ("mean_iou", "percent", 30, 17),
    "normal": ("ssim", "fraction", 30, 3),
    "autoencoder": ("ssim", "fraction", 30, 3),
}
INPUT_SHAPE = (3, 256, 256)


class TransNASBench101(Table):
    """What the two spaces of TransNAS-Bench-101 share."""

    structures: ClassVar[str]
    datasets = tuple(TASKS)
    files = ("transnasbench101.parquet",)
    default_splits = ("valid", "test")

    @classmethod
    def rows_here(cls) -> int:
        """See `Table.rows_here`; the file holds both spaces."""
        column = read_columns(cls.locate(), ["space"])["space"]
        return int(compute.sum(compute.equal(column, cls.structures)).as_py() or 0)

    def _rows(self, dataset: str, columns: Sequence[str]) -> pyarrow.Table:
        rows = super()._rows(dataset, ["space", *columns])
        return rows.filter(compute.equal(rows["space"], self.structures))

    def _series(self, dataset: str) -> Iterable[Series]:
        metric, unit, epochs, _ = TASKS[dataset]
        yield Series(dataset, metric, unit, dataset, "valid", epochs)
        yield Series(dataset, metric, unit, f"{dataset}_test", "test", epochs)

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        texts: list[str] = rows["arch_str"].to_pylist()
        return texts

    def _published(self, dataset: str) -> tuple[pyarrow.Table, Sequence[str], str]:
        rows = read_columns(find_file(["transnasbench101_zc_proxies.parquet"], self.folder))
        same = compute.equal(rows["search_space"], f"transbench101_{self.structures}")
        rows = rows.filter(compute.and_(same, compute.equal(rows["dataset"], dataset)))
        return rows, self._published_texts(rows), ""

    def _published_texts(self, rows: pyarrow.Table) -> Sequence[str]:
        return self._texts(rows)


@tables.register("transnas_micro", space="transnas_micro", paper="Duan et al. 2021, arXiv:2105.11871")
class TransNASMicro(TransNASBench101):
    """TransNAS-Bench-101, cell level: 4,096 cells, seven tasks."""

    name = "transnas_micro"
    structures = "micro"

    def space(self, dataset: str | None = None) -> Space:
        """`transnas_micro` for 256x256 images, with as many outputs as the task has classes or channels."""
        from nassay.spaces.transnas_micro import TransNASMicro as Micro

        return Micro(INPUT_SHAPE, TASKS[self.dataset(dataset)][3])


@tables.register("transnas_macro", space="transnas_macro", paper="Duan et al. 2021, arXiv:2105.11871")
class TransNASMacro(TransNASBench101):
    """TransNAS-Bench-101, macro level: 3,255 chains of four to six modules, seven tasks."""

    name = "transnas_macro"
    structures = "macro"

    def space(self, dataset: str | None = None) -> Space:
        """`transnas_macro` for 256x256 images, with as many outputs as the task has classes or channels."""
        from nassay.spaces.transnas_macro import TransNASMacro as Macro

        return Macro(INPUT_SHAPE, TASKS[self.dataset(dataset)][3])

    def _published_texts(self, rows: pyarrow.Table) -> Sequence[str]:
        """The scores name a structure by its modules, some with zeros at the end: `(2, 3, 3, 1, 0, 0)`."""
        modules = (ast.literal_eval(text) for text in rows["arch"].to_pylist())
        return ["64-" + "".join(str(m) for m in structure if m) + "-basic" for structure in modules]
