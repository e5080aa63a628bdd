"""`nassay bench` within this process: what it accepts and prints; the engine has tests of its own."""

import json

import pytest

from nassay.cli.bench import bench
from nassay.studies.bench_folder import BenchResult

PROXIES = ("bench", "proxies", "--table", "nasbench201", "--proxies", "sed")


@pytest.fixture(autouse=True)
def here(bench_workers, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_one_json_document(cells, nassay):
    code, out, err = nassay(*PROXIES, "--sample", "20", "--out", "run", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["folder"], found["n"], found["dataset"]) == ("run", 20, "cifar10")
    assert {row["name"] for row in found["rows"]} == {"params", "macs", "random", "sed"}
    assert "nasbench201 cifar10" in err


def test_the_table_for_people(cells, nassay):
    code, out, _ = nassay(*PROXIES, "--out", "run")
    assert code == 0
    assert "nasbench201, cifar10: all 24 architectures" in out
    assert "run/report.html" in out


def test_all_tables_at_hand(cells, nassay, monkeypatch):
    monkeypatch.setattr("nassay.studies.zero_shot.tables.names", lambda: ["nasbench201"])
    monkeypatch.setattr("nassay.studies.zero_shot.FEWEST", 24)
    code, out, _ = nassay("bench", "zero-shot", "--proxies", "sed", "--out", "run")
    assert code == 0
    assert "Proxies over all benchmarks" in out
    assert "Left out: nasbench201 cifar100" in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("proxies", "--table", "nasbench2001"), "Did you mean nasbench201"),
        (("proxies", "--table", "nasbench201", "--dataset", "cifar"), "Did you mean cifar10"),
        (("proxies", "--table", "nasbench201", "--proxies", "zenn"), "Did you mean zen"),
        (("proxies", "--table", "nasbench101"), "nasbench101.parquet"),
        (("proxies", "--table", "nasbench201", "--sample", "2"), "--sample"),
        (("proxies", "--table", "nasbench201", "--workers", "0"), "--workers"),
        (("proxies",), "--table"),
        (("zero-shot", "--proxies", "zenn"), "Did you mean zen"),
    ],
)
def test_bad_input_leaves_nothing(cells, nassay, tmp_path, words, message):
    code, out, err = nassay("bench", *words)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert not (tmp_path / "runs").exists()


def test_the_commands_are_the_three():
    assert [command.name or command.callback.__name__ for command in bench.registered_commands] == [
        "proxies",
        "zero-shot",
        "search",
    ]


def test_a_benchmark_of_strategies_is_asked_for_as_it_was_given(nassay, monkeypatch, tmp_path):
    asked = {}

    def benched(*names, **settings):
        asked.update(settings, names=names)
        return BenchResult(tmp_path / "run", {"table": "nasbench201", "rows": []})

    monkeypatch.setattr("nassay.studies.arena_bench.bench_search", benched)
    words = ("--table", "nasbench201", "--dataset", "cifar10", "--strategies", "random,optuna:tpe", "--seeds", "3")
    code, out, _ = nassay("bench", "search", *words, "--evaluations", "9", "--simulate-time", "--json")
    assert code == 0
    assert json.loads(out) == {"folder": str(tmp_path / "run"), "table": "nasbench201", "rows": []}
    assert asked["names"] == ("nasbench201", "cifar10")
    assert (asked["strategies"], asked["seeds"], asked["evaluations"]) == ("random,optuna:tpe", 3, 9)
    assert (asked["simulate_time"], asked["scores"], asked["out"], asked["workers"]) == (True, None, None, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--table", "nasbench2001"), "Did you mean nasbench201"),
        (("--table", "nasbench201", "--strategies", "evolutio"), "Did you mean evolution"),
        (("--table", "nasbench201", "--strategies", "optuna:tp"), "Did you mean tpe"),
        (("--table", "nasbench201", "--seeds", "0"), "--seeds"),
        (("--table", "nasbench201", "--evaluations", "3"), "--evaluations"),
        (("--table", "nasbench201", "--scores", "nowhere"), "no finished benchmark of proxies"),
        ((), "--table"),
    ],
)
def test_bad_input_to_a_benchmark_of_strategies_leaves_nothing(cells, nassay, tmp_path, words, message):
    code, out, err = nassay("bench", "search", *words)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert not (tmp_path / "runs").exists()
