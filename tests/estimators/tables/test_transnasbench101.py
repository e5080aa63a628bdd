"""TransNAS-Bench-101: two spaces in one file, seven tasks in four units."""

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from nassay.estimators.tables import open_table
from nassay.estimators.tables.base import tables

# "Global best" in tables 3 and 4 of arXiv:2105.11871; losses there are positive.
BEST = {
    "transnas_micro": {
        "class_object": 46.32,
        "class_scene": 54.94,
        "room_layout": -0.5938,
        "jigsaw": 95.37,
        "autoencoder": 0.5772,
        "normal": 0.5962,
        "segmentsemantic": 26.27,
    },
    "transnas_macro": {
        "class_object": 47.96,
        "class_scene": 57.48,
        "room_layout": -0.5628,
        "jigsaw": 97.02,
        "autoencoder": 0.7688,
        "normal": 0.6435,
        "segmentsemantic": 29.66,
    },
}


@pytest.fixture
def file(published: Path) -> Path:
    if not (published / "transnasbench101.parquet").is_file():
        pytest.skip(f"{published}/transnasbench101.parquet is missing")
    return published


@pytest.mark.parametrize("name", BEST)
def test_the_best_of_every_task_is_that_of_the_paper(name: str, file: Path) -> None:
    table = open_table(name, file)
    assert set(table.datasets) == set(BEST[name])
    for task, best in BEST[name].items():
        values = table.values(task, merge=False)
        assert len(values) == {"transnas_micro": 4096, "transnas_macro": 3255}[name]
        assert max(values.values()) == pytest.approx(best, abs=0.006 if abs(best) > 1 else 6e-5)


def test_the_two_spaces_are_kept_apart_and_the_unit_is_named(tmp_path: Path) -> None:
    columns = {
        "space": ["micro", "macro"],
        "arch_str": ["64-41414-1_02_333", "64-1234-basic"],
        "room_layout": [-0.7, -0.6],
        "room_layout_test": [-0.75, -0.65],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "transnasbench101.parquet")
    micro, macro = (open_table(f"transnas_{level}", tmp_path) for level in ("micro", "macro"))
    assert list(micro.values("room_layout").values()) == [-0.7]
    assert list(macro.values("room_layout").values()) == [-0.6]
    assert list(macro.values("room_layout", "test").values()) == [-0.65]
    assert micro.metric("room_layout") == ("negative_loss", "loss")


def test_only_its_own_rows_of_the_file_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tables").mkdir()
    columns = {"space": ["micro", "macro", "micro"], "arch_str": ["a", "b", "c"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "tables" / "transnasbench101.parquet")
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    counted = {name: tables[name].target.rows_here() for name in ("transnas_micro", "transnas_macro")}
    assert counted == {"transnas_micro": 2, "transnas_macro": 1}


def test_published_scores_name_macro_structures_with_and_without_zeros(tmp_path: Path) -> None:
    columns = {"space": ["macro"], "arch_str": ["64-1234-basic"], "normal": [0.5]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "transnasbench101.parquet")
    scores = {
        "search_space": ["transbench101_macro", "transbench101_macro", "transbench101_micro"],
        "dataset": ["normal"] * 3,
        "arch": ["(1, 2, 3, 4, 0, 0)", "(1, 2, 3, 4)", "(1, 0, 0, 2, 1, 0)"],
        "zen": [2.0, 4.0, 100.0],
    }
    parquet.write_table(pyarrow.table(scores), tmp_path / "transnasbench101_zc_proxies.parquet")
    table = open_table("transnas_macro", tmp_path)
    assert table.published_scores("normal")["zen"].values == {next(iter(table.values("normal"))): 3.0}
