"""The benchmark in this process: workers answer here; `tests/e2e/test_bench.py` runs the real command."""

import csv
import json

import pytest

from nassay.errors import StudyBusyError, UserError
from nassay.studies.listener import Listener
from nassay.studies.plan import locked
from nassay.studies.proxy_bench import bench_proxies

CHEAP = "sed,paths"


@pytest.fixture(autouse=True)
def here(bench_workers):
    return bench_workers


def bench(out, **changes):
    return bench_proxies("nasbench201", "cifar10", out=out, **({"proxies": CHEAP, "workers": 1} | changes))


def test_everything_is_written(cells, tmp_path):
    result = bench(tmp_path / "run", sample=20)
    assert result.folder == tmp_path / "run"
    assert {p.name for p in result.folder.iterdir()} >= {
        *("summary.json", "proxies.csv", "scores.csv", "report.html", "study.sqlite")
    }
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary == json.loads(json.dumps(result.summary))
    assert (summary["n"], summary["table_size"], summary["metric"], summary["unit"]) == (20, 24, "accuracy", "percent")
    assert {row["name"] for row in summary["rows"]} == {"params", "macs", "random", "sed", "paths"}
    assert summary["inputs"].startswith("64 inputs of Gaussian noise")
    with (result.folder / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["truth"]) for line in lines] == [60.0 + cells.index(line["architecture"]) for line in lines]
    best = max(lines, key=lambda line: float(line["truth"]))
    assert summary["best"] == {"architecture": best["architecture"], "value": float(best["truth"])}
    dead = [line for line in lines if line["architecture"] == cells[0]]
    assert all(line["sed"] == "" and line["params"] for line in dead)


def test_the_same_command_pays_for_nothing_and_says_the_same(cells, tmp_path, here):
    first = bench(tmp_path / "run")
    assert len(here.started) == 1
    again = bench(tmp_path / "run")
    assert len(here.started) == 1
    assert again.summary == first.summary
    _, _, threads, device, program = here.started[0]
    assert (threads, device, program) == (1, "cpu", "nassay.studies.bench_process")


def test_another_proxy_joins_the_same_folder(cells, tmp_path):
    bench(tmp_path / "run", proxies="sed", sample=15)
    joined, fresh = bench(tmp_path / "run"), bench(tmp_path / "fresh")
    assert without_prices(joined.summary) == without_prices(fresh.summary)


def without_prices(summary):
    return [{key: value for key, value in row.items() if key != "milliseconds"} for row in summary["rows"]]


def test_progress_is_told(cells, tmp_path):
    class Heard(Listener):
        lines: list = []

        def phase(self, name, remaining_seconds):
            self.lines.append(name)

        def progress(self, done, total, best, remaining_seconds):
            self.lines.append((done, total))

    bench(tmp_path / "run", listener=Heard())
    assert Heard.lines[0] == "nasbench201 cifar10"
    assert Heard.lines[1][0] == 0
    assert Heard.lines[-1][0] == Heard.lines[-1][1] == 23  # two of the 24 cells are one network


def test_networks_are_shown_what_the_settings_say(cells, tmp_path):
    small = bench(tmp_path / "run", proxies="synflow", sample=3, batch_size=2, largest_side=8).summary
    assert (small["input_shape"], small["seen_shape"]) == ([3, 32, 32], [3, 8, 8])
    assert small["batch_size"] == 2


def test_a_foreign_folder_is_refused(cells, tmp_path):
    search, other = tmp_path / "search", tmp_path / "other"
    search.mkdir()
    (search / "plan.json").write_text("{}")
    gap = tmp_path / "gap"
    gap.mkdir()
    (gap / "gap.json").write_text("{}")
    (gap / "study.sqlite").touch()  # such a study has a ledger, too
    other.mkdir()
    (other / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="holds a search"):
        bench(search)
    with pytest.raises(UserError, match="holds a study of a gap"):
        bench(gap)
    with pytest.raises(UserError, match=r"thesis\.tex"):
        bench(other)


def test_a_busy_folder_is_refused(cells, tmp_path):
    bench(tmp_path / "run")
    with locked(tmp_path / "run"), pytest.raises(StudyBusyError):
        bench(tmp_path / "run")


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"batch_size": 1}, {"largest_side": 0}])
def test_settings_that_make_no_sense(cells, tmp_path, wrong):
    with pytest.raises(UserError, match="needed, found"):
        bench(tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


def test_the_default_folder_belongs_to_the_benchmark(cells, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(bench(None).folder) == "runs/bench-nasbench201-cifar10"
