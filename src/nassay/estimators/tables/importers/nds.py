"""NDS: the JSON files of `nds_data`, one for each family, such as `DARTS_in.json`; a folder of them, or one.

A file is a list of trained networks: `net` and `optim` (settings), `job_id`, `rng_seed`, `params`, `flops`, `act_mem`,
`iter_time`, and curves of `test_ep_top1` and `train_ep_top1` errors in percent and of `train_ep_loss`; the files of
reruns are dictionaries of such lists. The names are those of the notebooks of facebookresearch/nds.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow

from nassay.errors import UserError
from nassay.estimators.tables.importers.base import Importer, importers, table_of


def read(path: Path) -> pyarrow.Table:
    """One row a trained network.

    Raises:
        UserError: a file is damaged, or is of another kind.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"There is no JSON file in {path}.")
    return table_of([row for file in files for row in _rows_of(file)])


def _rows_of(file: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(file.read_text("utf-8"))
        groups = content if isinstance(content, dict) else {"": content}
        return [_row(file.stem, name, i, job) for name, jobs in groups.items() for i, job in enumerate(jobs)]
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{file} is not laid out like NDS: {type(error).__name__} {error}.") from error


def _row(family: str, group: str, number: int, job: dict[str, Any]) -> dict[str, Any]:
    errors = [float(v) for v in job["test_ep_top1"]]
    return {
        "file": family,
        "dataset": "imagenet" if family.endswith("_in") else "cifar10",
        "group": group,
        "i": number,
        "job_id": str(job["job_id"]),
        "rng_seed": int(job["rng_seed"]),
        "params": int(job["params"]),
        "flops": int(job["flops"]),
        "act_mem": float(job["act_mem"]),
        "iter_time": float(job["iter_time"]),
        "min_test_top1_err": float(job["min_test_top1"]),
        "epochs": len(errors),
        "test_ep_top1_err": errors,
        "train_ep_top1_err": [float(v) for v in job["train_ep_top1"]],
        "train_ep_loss": [float(v) for v in job["train_ep_loss"]],
        "net_json": json.dumps(job["net"], sort_keys=True),
        "optim_json": json.dumps(job["optim"], sort_keys=True),
    }


importers.register("nds")(
    Importer(
        read,
        "nds.parquet",
        None,
        "the folder nds_data with DARTS_in.json, NASNet_in.json, ...",
        "github.com/facebookresearch/nds",
        {r".*_err": (0.0, 100.0)},
    )
)
