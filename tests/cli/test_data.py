"""`nassay data`: what is here, and official files made into tables."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

FACTS = {"test_acc": [90.0, 91.0, 92.0], "mean_acc": 91.0, "std": 0.8, "params": 1000, "flops": 50_000}

Nassay = Callable[..., tuple[int, str, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "macro.json").write_text(json.dumps({"00000000": FACTS}))
    return tmp_path / "macro.json"


def test_the_list_has_every_table_and_where_it_is_found(
    nassay: Nassay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    code, out, _ = nassay("data", "list", "--json")
    found = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert {"embedded", "nasbench101", "nasbench201", "nds", "transnas_macro", "transnas_micro"} < set(found)
    assert found["embedded"]["official"] is None
    assert found["nasbench101"]["rows"] is None
    assert found["transnas_micro"]["import_as"] == "transnasbench101"
    assert found["nasbench201"]["found_at"] == "github.com/D-X-Y/NATS-Bench"


def test_an_imported_table_is_in_the_list(
    nassay: Nassay, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    code, out, _ = nassay("data", "import", "nasbench_macro", source)
    assert code == 0
    assert "1 rows of 6,561 in the complete release" in " ".join(out.split())
    assert "SHA-256" in out
    assert "test_acc_seed2" in out
    _, out, _ = nassay("data", "list", "--json")
    (row,) = [r for r in json.loads(out) if r["name"] == "nasbench_macro"]
    assert (row["rows"], row["path"]) == (1, str(tmp_path / "tables" / "nasbench_macro.parquet"))


def test_the_list_for_people(nassay: Nassay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    code, out, _ = nassay("data", "list")
    assert code == 0
    assert "part of nassay" in out
    assert "nasbench_only108.tfrecord" in out


def test_a_damaged_table_does_not_hide_the_others(
    nassay: Nassay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    (tmp_path / "tables").mkdir()
    for name in ("nasbench_macro.parquet", "transnasbench101.parquet"):
        (tmp_path / "tables" / name).write_bytes(b"PAR1 cut off")
    code, out, _ = nassay("data", "list", "--json")
    found = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert found["embedded"]["rows"] == 1011
    for name in ("nasbench_macro", "transnas_micro", "transnas_macro"):
        assert found[name]["rows"] is None
        assert found[name]["path"].startswith(str(tmp_path))
    code, out, _ = nassay("data", "list")
    assert code == 0
    assert out.count("damaged") == 3


def test_the_report_as_json_and_the_folder_by_option(nassay: Nassay, source: Path, tmp_path: Path) -> None:
    code, out, _ = nassay("data", "import", "nasbench_macro", source, "--out", tmp_path / "here", "--json")
    assert code == 0
    assert json.loads(out)["ranges"]["mean_acc"] == [91.0, 91.0]
    assert (tmp_path / "here" / "nasbench_macro.parquet").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nasbench_makro", "macro.json"), "Did you mean nasbench_macro"),
        (("nasbench_macro", "absent.json"), "There is no absent.json"),
        (("nds", "macro.json"), "not laid out like NDS"),
        (("nasbench101", "."), "cannot be read"),
    ],
)
def test_bad_input_is_one_message_and_code_two(
    words: tuple[str, str], message: str, nassay: Nassay, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    code, out, err = nassay("data", "import", *words, "--out", "tables")
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not Path("tables").exists()
