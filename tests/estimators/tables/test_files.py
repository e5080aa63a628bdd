"""Where tables are looked for, and what is said when they are not there."""

from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.estimators.tables.files import column_names, find_file, read_columns, tables_folder


def test_the_first_file_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "partial.parquet").touch()
    assert find_file(["whole.parquet", "partial.parquet"], tmp_path).name == "partial.parquet"
    (tmp_path / "whole.parquet").touch()
    assert find_file(["whole.parquet", "partial.parquet"], tmp_path).name == "whole.parquet"


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.parquet").touch()
    assert find_file(["a.parquet"]) == tmp_path / "tables" / "a.parquet"
    with pytest.raises(UserError, match=r"no b\.parquet and no c\.parquet in .*nassay data list"):
        find_file(["b.parquet", "c.parquet"])


def test_without_a_folder_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASSAY_DATA", raising=False)
    assert tables_folder() is None
    with pytest.raises(UserError, match=r"NASSAY_DATA is not set.*tables/a\.parquet.*nassay data import"):
        find_file(["a.parquet"])


def test_damaged_files_and_missing_columns_are_named(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 and nothing else")
    for read in (read_columns, column_names):
        with pytest.raises(UserError, match=r"damaged\.parquet cannot be read"):
            read(damaged)
