"""NAS-Bench-Macro's JSON file."""

import json
from pathlib import Path
from typing import Any

import pytest

from nassay.errors import UserError
from nassay.estimators.tables import open_table
from nassay.estimators.tables.importers import run_import
from nassay.estimators.tables.importers.nasbench_macro import read

FACTS = {"test_acc": [90.0, 91.0, 92.0], "mean_acc": 91.0, "std": 0.8, "params": 1000, "flops": 50_000}


def test_the_table_answers_what_the_file_said(tmp_path: Path) -> None:
    (tmp_path / "macro.json").write_text(json.dumps({"11112222": FACTS, "22221111": FACTS | {"test_acc": [1, 2, 3]}}))
    run_import("nasbench_macro", tmp_path / "macro.json", tmp_path)
    table = open_table("nasbench_macro", tmp_path)
    assert table.values()[table.space().from_string("11112222")] == 91.0
    assert table.values(seed=2)[table.space().from_string("22221111")] == 3.0


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"1": {}}', '{"1": {"test_acc": [1, 2]}}'])
def test_another_layout_is_refused(content: Any, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(UserError, match="not laid out like NAS-Bench-Macro|holds no architectures"):
        read(tmp_path / "other.json")
