"""NAS-Bench-101's columns, whole and partial."""

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from nassay.estimators.tables import open_table

CHAIN = ("010001000", "input,conv3x3-bn-relu,output")


def write(path: Path, columns: dict[str, list[float | None]]) -> None:
    text = {"adjacency": [CHAIN[0]], "ops": [CHAIN[1]]}
    parquet.write_table(pyarrow.table(text | columns), path)


def test_the_whole_table_is_preferred_and_has_repeats(tmp_path: Path) -> None:
    write(tmp_path / "nasbench101_partial.parquet", {"cifar10_acc_108_single": [50.0]})
    repeats = {f"cifar10_test_acc_108_seed{seed}": [value] for seed, value in enumerate((90.0, 92.0, 94.0))}
    write(tmp_path / "nasbench101.parquet", repeats | {"cifar10_train_s_108_seed0": [1000.0], "params": [8]})
    table = open_table("nasbench101", tmp_path)
    chain = table.space().canonical(table.space().from_string(" ".join(CHAIN)))
    assert table.datasets == ("cifar10",)
    assert table.values() == {chain: 92.0}
    assert table.values(seed=2) == {chain: 94.0}
    assert table.costs("train_seconds") == {chain: 1000.0}
    assert table.costs("params") == {chain: 8.0}


def test_the_partial_table_s_split_is_unstated_unless_the_source_says_more(tmp_path: Path) -> None:
    columns = {"cifar10_acc_108_single": [90.0], "cifar10_valid_acc_naslib": [91.0], "imagenet_top1": [30.0]}
    write(tmp_path / "nasbench101_partial.parquet", columns)
    table = open_table("nasbench101", tmp_path)
    assert [s.query for s in table.select()] == ["unstated after 108 epochs"]
    assert list(table.values().values()) == [90.0]
    assert list(table.values(split="valid").values()) == [91.0]
    assert list(table.values("imagenet").values()) == [30.0]


def test_the_partial_table_as_it_was_put_together(published: Path) -> None:
    if not (published / "nasbench101_partial.parquet").is_file():
        pytest.skip(f"{published}/nasbench101_partial.parquet is missing")
    table = open_table("nasbench101", published)
    assert len(table.values("imagenet")) == 500
    assert 2600 < len(table.values()) <= 2663
    assert len(table.published_scores()["synflow"].values) == 292
