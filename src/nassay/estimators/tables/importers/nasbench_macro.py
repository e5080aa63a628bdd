"""NAS-Bench-Macro: `nas-bench-macro_cifar10.json`, {architecture: {test_acc, mean_acc, std, params, flops}}.

The format is in the benchmark's README (xiusu/NAS-Bench-Macro); the values of this project's table agree with it.
"""

import json
from pathlib import Path

import pyarrow

from nassay.errors import UserError
from nassay.estimators.tables.importers.base import Importer, importers, table_of


def read(path: Path) -> pyarrow.Table:
    """One row an architecture: the test accuracies of three trainings, their mean and spread, costs.

    Raises:
        UserError: the file is damaged, or is of another kind.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return table_of(
            [
                {
                    "arch": text,
                    **{f"test_acc_seed{seed}": float(facts["test_acc"][seed]) for seed in range(3)},
                    "mean_acc": float(facts["mean_acc"]),
                    "std": float(facts["std"]),
                    "params": int(facts["params"]),
                    "flops": int(facts["flops"]),
                }
                for text, facts in content.items()
            ]
        )
    except (OSError, KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not laid out like NAS-Bench-Macro: {type(error).__name__} {error}.") from error


importers.register("nasbench_macro")(
    Importer(
        read,
        "nasbench_macro.parquet",
        6_561,
        "nas-bench-macro_cifar10.json",
        "github.com/xiusu/NAS-Bench-Macro",
        {r"test_acc_seed.|mean_acc": (0.0, 100.0), r"params|flops": (1, 1e9)},
    )
)
