"""`nassay bench` within this process: what it accepts and prints; the engine has tests of its own."""

import json

import pytest

from nassay.cli.bench import bench

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


def test_the_commands_are_the_two():
    assert [command.name or command.callback.__name__ for command in bench.registered_commands] == [
        "proxies",
        "zero-shot",
    ]
