"""What a table holds: series of measurements, one for each architecture, and single measurements."""

from dataclasses import dataclass

QUALITY = ("accuracy", "ssim", "negative_loss", "mean_iou")
COSTS = ("params", "macs", "train_seconds")


@dataclass(frozen=True, slots=True)
class Series:
    """One column of a table, or one position of a column of lists, and what it means.

    Attributes:
        dataset: what the networks were trained on.
        metric: one of `QUALITY`, where higher is better, one of `COSTS`, or `train_loss`.
        unit: of the values ("percent", "fraction", "loss", "count", "seconds").
        column: the column's name in the file.
        split: what the metric was measured on: test, valid, or unstated where the source does not say; None for costs.
        epochs: length of the training after which it was measured; None if that is unknown or does not apply.
        seed: the training's seed; None for a mean over the table's seeds, or where the source does not say.
        position: index into the lists of the column; None where it holds numbers.
        scale: what the column's numbers are multiplied by.
        offset: what is then added; an error in percent has scale -1 and offset 100.
    """

    dataset: str
    metric: str
    unit: str
    column: str
    split: str | None = None
    epochs: int | None = None
    seed: int | None = None
    position: int | None = None
    scale: float = 1.0
    offset: float = 0.0

    @property
    def query(self) -> str:
        """The series in words, such as `test after 200 epochs, seed 777`."""
        epochs = "" if self.epochs is None else f" after {self.epochs} epochs"
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.split or self.metric}{epochs}{seed}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number that a table holds of an architecture.

    Attributes:
        series: what was measured.
        value: in the unit of the series; the mean where the table has several encodings of the network.
        rows: how many rows of the table it is the mean of.
    """

    series: Series
    value: float
    rows: int
