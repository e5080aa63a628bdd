"""What every import does: checksum, checks, a whole file or none, and a report."""

import hashlib
import json
from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.estimators.tables.importers import importers, run_import
from nassay.estimators.tables.importers.base import sha256_of, table_of

FACTS = {"test_acc": [90.0, 91.0, 92.0], "mean_acc": 91.0, "std": 0.8, "params": 1000, "flops": 50_000}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "nas-bench-macro_cifar10.json"
    path.write_text(json.dumps({"00000000": FACTS, "11111111": FACTS | {"params": 3000}}))
    return path


def test_the_report(source: Path, tmp_path: Path) -> None:
    report = run_import("nasbench_macro", source, tmp_path / "made" / "tables")
    assert json.loads(json.dumps(report)) == report
    assert report["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert report["checksum"] == "none is published for a file of this name"
    assert (report["rows"], report["expected_rows"], report["missing"]) == (2, 6561, {})
    assert report["ranges"]["params"] == [1000, 3000]
    assert [p.name for p in (tmp_path / "made" / "tables").iterdir()] == ["nasbench_macro.parquet"]


def test_the_folder_of_the_environment_is_the_default(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path / "data"))
    assert run_import("nasbench_macro", source)["table"] == str(tmp_path / "data" / "tables" / "nasbench_macro.parquet")
    monkeypatch.delenv("NASSAY_DATA")
    with pytest.raises(UserError, match="--out FOLDER, or set NASSAY_DATA"):
        run_import("nasbench_macro", source)


@pytest.mark.parametrize("value", [100.5, -1.0, float("nan"), float("inf")])
def test_values_out_of_range_leave_no_table(value: float, source: Path, tmp_path: Path) -> None:
    source.write_text(json.dumps({"00000000": FACTS | {"test_acc": [90.0, value, 92.0]}}))
    with pytest.raises(UserError, match=r"test_acc_seed1 must lie in 0\.\.100.*No table was made"):
        run_import("nasbench_macro", source, tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


def test_one_nan_among_numbers_is_out_of_range_too(source: Path, tmp_path: Path) -> None:
    bad = FACTS | {"test_acc": [90.0, float("nan"), 92.0]}
    source.write_text(json.dumps({"00000000": FACTS, "11111111": bad}))
    with pytest.raises(UserError, match=r"test_acc_seed1 must lie in 0\.\.100, found nan"):
        run_import("nasbench_macro", source, tmp_path / "tables")


def test_nan_where_any_number_would_do_is_missing(source: Path, tmp_path: Path) -> None:
    # a spread has no bounds; neither the row nor the other spread is lost
    source.write_text(json.dumps({"00000000": FACTS | {"std": float("nan")}, "11111111": FACTS}))
    report = run_import("nasbench_macro", source, tmp_path / "tables")
    assert (report["rows"], report["missing"], report["ranges"]["std"]) == (2, {"std": 1}, [0.8, 0.8])


def test_a_folder_where_a_file_is_needed_is_told(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    for name in ("nasbench101", "nasbench_macro", "transnasbench101"):
        with pytest.raises(UserError, match=r"release (cannot be read|is not laid out|was not read)"):
            run_import(name, tmp_path / "release", tmp_path / "tables")


def test_more_rows_than_the_benchmark_has_leave_no_table(source: Path, tmp_path: Path) -> None:
    source.write_text(json.dumps({str(i): FACTS for i in range(6562)}))
    with pytest.raises(UserError, match="has 6,561 rows, found 6,562"):
        run_import("nasbench_macro", source, tmp_path / "tables")


def test_a_table_that_cannot_be_written_leaves_nothing(source: Path, tmp_path: Path) -> None:
    (tmp_path / "tables" / "nasbench_macro.parquet").mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be written"):
        run_import("nasbench_macro", source, tmp_path / "tables")
    assert [p.name for p in (tmp_path / "tables").iterdir()] == ["nasbench_macro.parquet"]


def test_a_missing_source_and_an_unknown_name_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nasbench_full\.tfrecord .* github\.com/google-research/nasbench"):
        run_import("nasbench101", tmp_path / "absent", tmp_path)
    with pytest.raises(UserError, match="Did you mean nasbench101"):
        run_import("nasbench10", tmp_path, tmp_path)


def test_a_folder_s_checksum_knows_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = sha256_of(tmp_path)
    digest = hashlib.sha256(b"1").hexdigest()
    assert first == hashlib.sha256(f"a {digest}\n".encode()).hexdigest()
    (tmp_path / "a").rename(tmp_path / "b")
    assert sha256_of(tmp_path) != first


def test_rows_may_lack_columns() -> None:
    assert table_of([{"a": 1}, {"b": 2.0}]).to_pydict() == {"a": [1, None], "b": [None, 2.0]}


def test_every_importer_says_where_its_source_is_found() -> None:
    for entry in importers:
        assert entry.target.found_at.startswith("github.com/")
        assert entry.target.file.endswith(".parquet")
