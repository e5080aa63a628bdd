"""The benchmark that is part of nassay: all 1,011 networks of `tiny201`, trained on scikit-learn's digits.

Made by `benchmarks/make_embedded_table.py`, which has the recipe. The 1,797 digits are cut into three equal parts,
drawn by class: train, valid and test. Every network is trained three times (seeds 0, 1, 2: initialisation and order of
the images) with one schedule, and looked at after every epoch. Accuracies in percent.
"""

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

import pyarrow

from nassay.estimators.tables.base import Table, tables
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Space
from nassay.spaces.tiny201 import Tiny201

EPOCHS = 12
SEEDS = (0, 1, 2)
ITEMS = 599  # images of each part; the file holds how many were right


@tables.register("embedded", space="tiny201", paper="nassay")
class Embedded(Table):
    """Ours, part of nassay: 1,011 cells of tiny201 on digits, three seeds, curves of every epoch."""

    name = "embedded"
    datasets = ("digits",)
    files = ("embedded.parquet",)

    @classmethod
    def locate(cls, folder: Path | None = None) -> Path:
        """Where the table's file is: in the package, unless a folder is given."""
        return super().locate(folder or Path(str(resources.files("nassay") / "data")))

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

    def _texts(self, rows: pyarrow.Table) -> Sequence[str]:
        texts: list[str] = rows["arch_str"].to_pylist()
        return texts
