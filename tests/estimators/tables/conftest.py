"""A NAS-Bench-201 table of five rows, made by hand."""

import os
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

# A chain through node 1, the same through node 2, a deeper cell, the identity, and nothing at all.
CHAIN = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
SAME_CHAIN = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
DEEP = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
IDENTITY = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two encodings of one network, and gaps."""
    columns = {
        "arch_str": [CHAIN, SAME_CHAIN, DEEP, IDENTITY, DEAD],
        "cifar10_test_acc_200": [90.0, 92.0, 94.0, 80.0, None],
        "cifar10_valid_acc_200": [89.0, 91.0, 93.0, 79.0, 10.0],
        "cifar10_test_acc_12": [70.0, 72.0, 74.0, 60.0, float("nan")],
        "cifar100_test_acc_200_seed777": [60.0, 62.0, 70.0, None, None],
        "cifar100_test_acc_200_seed888": [64.0, 62.0, 74.0, 50.0, None],
        "params_cifar10_M": [0.1, 0.1, 0.2, 0.05, 0.05],
        "cifar10_train_time_all_epochs_s_200": [3000.0, 3200.0, None, None, None],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "nasbench201.parquet")
    scores = {
        "arch_str": [CHAIN, SAME_CHAIN, DEEP, CHAIN],
        "dataset": ["cifar10", "cifar10", "cifar10", "cifar100"],
        "synflow": [1.0, 3.0, 9.0, 100.0],
        "epe_nas": [-1e8, 4.0, None, 100.0],
        "fisher": [None, None, None, 1.0],
        "time_synflow": [0.5, 0.5, 2.0, 7.0],
    }
    parquet.write_table(pyarrow.table(scores), tmp_path / "nasbench201_zc_proxies.parquet")
    return tmp_path


@pytest.fixture
def published() -> Path:
    """The folder of published tables; the test is skipped where it is not set."""
    if not os.environ.get("NASSAY_DATA"):
        pytest.skip("NASSAY_DATA is not set: the published tables are not at hand")
    return Path(os.environ["NASSAY_DATA"]) / "tables"
