import csv
import json

import numpy as np
import pytest

from nassay.errors import StudyStoppedError
from nassay.reports.bench_tables import COLUMNS
from nassay.studies import bench_files
from nassay.studies.bench_files import write_bench

TRUTH = np.array([90.5, 1 / 3])


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """The page has tests of its own."""
    monkeypatch.setattr(bench_files, "render_bench", lambda summary, drawn: f"page {summary['n']} {drawn['d']}")


def write(folder, architectures=("a", "b"), scores=None, **summary):
    write_bench(folder, {"rows": [], "n": 2, **summary}, {"d": 7}, architectures, TRUTH, scores or {})


def lines(path):
    return list(csv.reader(path.read_text("utf-8").splitlines()))


def test_a_missing_folder_is_made_and_holds_four_files(tmp_path):
    write(tmp_path / "x" / "y")
    assert {p.name for p in (tmp_path / "x" / "y").iterdir()} == {
        *("summary.json", "proxies.csv", "scores.csv", "report.html")
    }
    assert (tmp_path / "x" / "y" / "report.html").read_text() == "page 2 7"
    assert json.loads((tmp_path / "x" / "y" / "summary.json").read_text()) == {"rows": [], "n": 2}
    assert lines(tmp_path / "x" / "y" / "proxies.csv") == [list(COLUMNS)]


def test_scores_are_exact_and_none_is_nothing(tmp_path):
    write(tmp_path, ("|a,b|", "ü"), {"p": np.array([np.nan, 0.1]), "q": np.array([-np.inf, 1e-300])})
    assert lines(tmp_path / "scores.csv") == [
        ["architecture", "truth", "p", "q"],
        ["|a,b|", "90.5", "", "-inf"],
        ["ü", repr(1 / 3), "0.1", "1e-300"],
    ]


def test_scores_are_whole_or_not_there(tmp_path):
    write(tmp_path)
    before = (tmp_path / "scores.csv").read_bytes()

    def broken():
        yield "c"
        raise OSError("disk full")

    with pytest.raises(StudyStoppedError, match=r"cannot be written: disk full\. The same command goes on"):
        write(tmp_path, broken())
    assert (tmp_path / "scores.csv").read_bytes() == before


def test_a_file_in_the_way_of_the_folder_stops_the_study(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(StudyStoppedError, match="x cannot be written"):
        write(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "mine"


def test_a_summary_with_nan_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path, mean=float("nan"))
    assert not (tmp_path / "summary.json").exists()
