"""NAS-Bench-Macro: three seeds in three columns."""

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from nassay.estimators.tables import open_table


def test_values_are_the_mean_of_the_seeds(tmp_path: Path) -> None:
    columns = {"arch": ["11111111"], "params": [1000], "flops": [5000]}
    columns |= {f"test_acc_seed{seed}": [value] for seed, value in enumerate((90.0, 91.0, 92.0))}
    parquet.write_table(pyarrow.table(columns), tmp_path / "nasbench_macro.parquet")
    table = open_table("nasbench_macro", tmp_path)
    assert list(table.values().values()) == [91.0]
    assert list(table.values(seed=2).values()) == [92.0]
    assert list(table.costs("macs").values()) == [5000.0]


def test_the_published_table_is_complete_and_its_means_agree(published: Path) -> None:
    path = published / "nasbench_macro.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    table, space = open_table("nasbench_macro", published), open_table("nasbench_macro", published).space()
    rows = parquet.read_table(path, columns=["arch", "mean_acc"]).to_pydict()
    values = table.values(merge=False)
    assert len(values) == 6561
    for text, mean in list(zip(rows["arch"], rows["mean_acc"], strict=True))[::500]:
        assert values[space.from_string(text)] == pytest.approx(mean, abs=1e-4)
