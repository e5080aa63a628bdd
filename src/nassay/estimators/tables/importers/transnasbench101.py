"""TransNAS-Bench-101: `transnas-bench_v10141024.pth`.

Under `data`: search space (micro, macro), architecture, task, then `metrics`, a list over the epochs for each of names
such as `valid_top1`. The format was read in the benchmark's API and its copies in other projects
(yawen-d/TransNASBench, automl/NASLib); the file itself was not at hand. Sizes and times are left out: their units are
not documented.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow

from nassay.errors import UserError
from nassay.estimators.tables.importers.base import Importer, importers, table_of
from nassay.estimators.tables.importers.pickles import load_pth

METRICS = {
    "class_scene": "top1",
    "class_object": "top1",
    "jigsaw": "top1",
    "room_layout": "neg_loss",
    "segmentsemantic": "mIoU",
    "normal": "ssim",
    "autoencoder": "ssim",
}
SPLITS = {"valid": ("valid_", "val_"), "test": ("test_",)}


def read(path: Path) -> pyarrow.Table:
    """One row an architecture: the validation metric at its best and its last epoch, the test metric at that best one.

    Raises:
        UserError: the file is damaged, holds more than plain data, or is of another kind.
    """
    content = load_pth(path)
    try:
        return table_of(
            [
                {"space": space, "arch_str": text} | _columns(tasks)
                for space in ("micro", "macro")
                for text, tasks in content["data"][space].items()
            ]
        )
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not laid out like TransNAS-Bench-101: {type(error).__name__} {error}.") from error


def _columns(tasks: Mapping[str, Any]) -> dict[str, float]:
    columns: dict[str, float] = {}
    for task, metric in METRICS.items():
        curves = tasks[task]["metrics"]
        valid = _curve(curves, metric, "valid")
        best = max(range(len(valid)), key=valid.__getitem__)
        columns |= {task: valid[best], f"{task}_final": valid[-1], f"{task}_test": _curve(curves, metric, "test")[best]}
    return columns


def _curve(curves: Mapping[str, Sequence[float]], metric: str, split: str) -> list[float]:
    """Values by epoch, higher is better."""
    for prefix in SPLITS[split]:
        if prefix + metric in curves:
            return [float(v) for v in curves[prefix + metric]]
        if metric == "neg_loss" and f"{prefix}loss" in curves:
            return [-float(v) for v in curves[f"{prefix}loss"]]
    raise UserError(f"There is no {metric} of the {split} split among {', '.join(curves)}.")


importers.register("transnasbench101")(
    Importer(
        read,
        "transnasbench101.parquet",
        7_352,
        "transnas-bench_v10141024.pth",
        "github.com/yawen-d/TransNASBench",
        {
            r"(class_|jigsaw|segmentsemantic).*": (0.0, 100.0),
            r"(normal|autoencoder).*": (-1.0, 1.0),
            r"room_layout.*": (-1e6, 0.0),
        },
    )
)
