import csv
import json
from pathlib import Path
from typing import Any

import pytest

from nassay.errors import StudyStoppedError
from nassay.reports.arena_tables import COLUMNS
from nassay.studies import arena_files
from nassay.studies.arena_files import write_arena

LINES = {"mean": [8.5, 1 / 3], "median": [7.0, 0.0], "low": [4.0, 0.0], "high": [16.0, 2.5]}


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has tests of its own."""
    monkeypatch.setattr(arena_files, "render_arena", lambda summary: f"page of ü {summary['evaluations']}")


def summary_of(**changes: Any) -> dict[str, Any]:
    """A benchmark of one strategy, with two points of its budget."""
    curves = {"points": [1.0, 2.0], "by": {"random": LINES}}
    known = {"table": "tiny", "dataset": "pixels", "evaluations": 2, "curves": curves, "time_curves": None}
    return known | changes


def lines(folder: Path) -> list[list[str]]:
    with (folder / "curves.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_are_three_files_and_nothing_half_written(tmp_path: Path) -> None:
    write_arena(tmp_path, summary_of())
    assert set(content(tmp_path)) == {"summary.json", "curves.csv", "report.html"}
    assert json.loads((tmp_path / "summary.json").read_text("utf-8")) == summary_of()
    assert (tmp_path / "report.html").read_text("utf-8") == "page of ü 2"


def test_a_point_of_a_curve_is_a_line_with_all_its_digits(tmp_path: Path) -> None:
    write_arena(tmp_path, summary_of())
    assert lines(tmp_path) == [
        list(COLUMNS),
        ["tiny", "pixels", "evaluations", "1.0", "random", "8.5", "7.0", "4.0", "16.0"],
        ["tiny", "pixels", "evaluations", "2.0", "random", repr(1 / 3), "0.0", "0.0", "2.5"],
    ]


def test_curves_over_simulated_time_come_behind(tmp_path: Path) -> None:
    one = {"points": [60.0], "by": {name: {key: [1.0] for key in LINES} for name in ("random", "evolution")}}
    write_arena(tmp_path, summary_of(curves=one, time_curves=one | {"points": [3600.0]}))
    assert [line[2:5] for line in lines(tmp_path)[1:]] == [
        ["evaluations", "60.0", "random"],
        ["evaluations", "60.0", "evolution"],
        ["seconds", "3600.0", "random"],
        ["seconds", "3600.0", "evolution"],
    ]


def test_what_is_not_known_is_nothing_and_names_are_quoted(tmp_path: Path) -> None:
    """The mean has no interval yet where one seed was raced."""
    found = {"mean": [1.0], "median": [1.0], "low": [None], "high": [None]}
    write_arena(tmp_path, summary_of(dataset='a,"b"', curves={"points": [1.0], "by": {"optuna:tpe": found}}))
    assert lines(tmp_path)[1] == ["tiny", 'a,"b"', "evaluations", "1.0", "optuna:tpe", "1.0", "1.0", "", ""]


def test_another_benchmark_takes_the_place_of_the_files(tmp_path: Path) -> None:
    write_arena(tmp_path, summary_of())
    (tmp_path / "curves.csv.partial").write_text("of a killed process, longer than what is written now" * 100)
    write_arena(tmp_path, summary_of(evaluations=9, curves={"points": [], "by": {}}))
    assert set(content(tmp_path)) == {"summary.json", "curves.csv", "report.html"}
    assert lines(tmp_path) == [list(COLUMNS)]
    assert json.loads((tmp_path / "summary.json").read_text())["evaluations"] == 9


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_summary_that_is_no_json_is_not_written(tmp_path: Path, value: float) -> None:
    write_arena(tmp_path, summary_of())
    before = (tmp_path / "summary.json").read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_arena(tmp_path, summary_of(best_test=value))
    assert (tmp_path / "summary.json").read_bytes() == before


@pytest.mark.parametrize("name", ["curves.csv", "report.html", "summary.json"])
def test_a_file_that_cannot_be_written_is_named_and_what_it_held_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").write_text("kept")
    with pytest.raises(StudyStoppedError, match=rf"{name} cannot be written: "):
        write_arena(tmp_path, summary_of())
    assert (tmp_path / name / "mine").read_text() == "kept"
    assert not list(tmp_path.glob("*.partial"))


def test_the_summary_is_written_last(tmp_path: Path) -> None:
    """Who finds it finds the other two, and of the same benchmark."""
    (tmp_path / "report.html").mkdir()
    with pytest.raises(StudyStoppedError):
        write_arena(tmp_path, summary_of())
    assert not (tmp_path / "summary.json").exists()


def test_a_folder_that_is_gone_stops_the_study(tmp_path: Path) -> None:
    with pytest.raises(StudyStoppedError, match=r"curves\.csv cannot be written: .*No such file"):
        write_arena(tmp_path / "gone", summary_of())
    assert not (tmp_path / "gone").exists()
