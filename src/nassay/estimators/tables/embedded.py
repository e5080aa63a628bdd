"""The benchmarks that are part of nassay: two spaces whose every network was trained on scikit-learn's digits.

`embedded` has all 1,011 networks of `tiny201` and was made by `benchmarks/make_embedded_table.py`, which has the
recipe. The 1,797 digits are cut into three equal parts, drawn by class: train, valid and test. Every network is trained
three times (seeds 0, 1, 2: initialisation and order of the images) with one schedule, and looked at after every epoch.

`embedded_cell64` has the 64 networks of the weight-sharing study, with two cells of four channels, trained alone five
times by `benchmarks/weight_sharing.py`, which holds super-networks against it. Accuracies in percent.
"""

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

import pyarrow

from nassay.estimators.tables.base import Table, tables
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Space
from nassay.spaces.cell64 import Cell64
from nassay.spaces.tiny201 import Tiny201

EPOCHS = 12
SEEDS = (0, 1, 2)
ITEMS = 599  # images of each part; the file holds how many were right
CELL64_CHANNELS, CELL64_CELLS, CELL64_EPOCHS = 4, 2, 12
CELL64_SEEDS = (0, 1, 2, 3, 4)
CELL64_ITEMS = {"test": 359, "valid": 287}  # of the task's splits with seed 0


class Packaged(Table):
    """What the tables of the package share: where they are, their images, the names of their networks."""

    datasets = ("digits",)

    @classmethod
    def locate(cls, folder: Path | None = None) -> Path:
        """Where the table's file is: in the package, unless a folder is given."""
        return super().locate(folder or Path(str(resources.files("nassay") / "data")))

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        texts: list[str] = rows["arch_str"].to_pylist()
        return texts


@tables.register("embedded", space="tiny201", paper="nassay")
class Embedded(Packaged):
    """Ours, part of nassay: 1,011 cells of tiny201 on digits, three seeds, curves of every epoch."""

    name = "embedded"
    files = ("embedded.parquet",)

    def space(self, dataset: str | None = None) -> Space:
        """`tiny201` for 8x8 grey images and ten classes."""
        self.dataset(dataset)
        return Tiny201((1, 8, 8), 10)

    def _series(self, dataset: str) -> Iterable[Series]:
        for epochs in range(EPOCHS, 0, -1):
            for split in ("test", "valid"):
                for seed in SEEDS:
                    column = f"{split}_right_seed{seed}"
                    yield Series(
                        dataset, "accuracy", "percent", column, split, epochs, seed, epochs - 1, scale=100 / ITEMS
                    )
        for epochs in range(1, EPOCHS + 1):
            for seed in SEEDS:
                column = f"train_loss_seed{seed}"
                yield Series(dataset, "train_loss", "nats", column, "train", epochs, seed, epochs - 1)
        for seed in SEEDS:
            yield Series(dataset, "train_seconds", "seconds", f"train_s_seed{seed}", epochs=EPOCHS, seed=seed)
        yield Series(dataset, "params", "count", "params")
        yield Series(dataset, "macs", "count", "macs")


@tables.register("embedded_cell64", space="cell64", paper="nassay")
class EmbeddedCell64(Packaged):
    """Ours, part of nassay: the 64 networks of the weight-sharing study on digits, five seeds alone."""

    name = "embedded_cell64"
    files = ("embedded_cell64.parquet",)

    def space(self, dataset: str | None = None) -> Space:
        """`cell64` with two cells of four channels for 8x8 grey images and ten classes."""
        self.dataset(dataset)
        return Cell64((1, 8, 8), 10, channels=CELL64_CHANNELS, cells=CELL64_CELLS)

    def _series(self, dataset: str) -> Iterable[Series]:
        for split, items in CELL64_ITEMS.items():
            for seed in CELL64_SEEDS:
                column = f"{split}_right_seed{seed}"
                yield Series(dataset, "accuracy", "percent", column, split, CELL64_EPOCHS, seed, scale=100 / items)
        yield Series(dataset, "params", "count", "params")
        yield Series(dataset, "macs", "count", "macs")
