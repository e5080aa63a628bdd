import pytest

from nassay.cli import tables
from nassay.cli.runs import read_status, rewrite_report


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def cells(text, start):
    """The cells of the line that starts with a text."""
    (line,) = [line for line in text.splitlines() if line.strip(" │┃").startswith(start)]
    return [cell.strip() for cell in line.strip()[1:-1].replace("┃", "│").split("│")]


def test_a_status_tells_counts_and_the_best(run_folder, capsys):
    tables.print_status(read_status(run_folder))
    out = capsys.readouterr().out
    assert cells(out, "Space, strategy")[1] == "resnet, random"
    assert cells(out, "Limits")[1] == "max_params 50,000"
    assert cells(out, "Architecture")[1] == "net-b"
    assert cells(out, "training")[1] == "2 done, 1 failed"
    assert cells(out, "Resumed")[1] == "0 times"


def test_a_status_without_a_result_yet(run_folder, capsys):
    found = read_status(run_folder) | {"best": None, "evaluations": {}, "constraints": {"max_params": None}}
    tables.print_status(found)
    out = capsys.readouterr().out
    assert cells(out, "Limits")[1] == "none"
    assert cells(out, "Best so far")[1] == cells(out, "Architecture")[1] == tables.DASH


def test_a_result_of_an_unfinished_search_can_be_printed(run_folder, capsys):
    _, summary = rewrite_report(run_folder)
    tables.print_result(run_folder, summary)
    out = capsys.readouterr().out
    assert "net-b" in out
    assert "1 min 15 s" in out.replace("\N{NO-BREAK SPACE}", " ")


def spread(n=3):
    return {"n": n, "min": 1e3, "p10": 2e3, "median": 3e3, "p90": 4e3, "max": 5e3}


def test_a_profile_is_a_row_for_each_cost(capsys):
    costs = {"params": 1234, "macs": 5_000_000, "peak_memory_bytes": 2048, "latency_ms": 0.5}
    tables.print_profile(
        {
            "space": "resnet",
            "input_shape": [3, 32, 32],
            "classes": 10,
            "size": 15625,
            "smallest": {"architecture": "a", **costs},
            "random": {key: spread() for key in costs},
            "samples": 3,
            "share_inside_analytic_limits": 0.5,
            "latency_device": "my board",
        }
    )
    out = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")
    assert "resnet for 3x32x32, 10 classes" in out
    assert cells(out, "peak_memory_bytes")[1] == "2.00 KiB"
    assert cells(out, "params")[-1] == "3"
    assert "50.0 % of 3 random networks" in out
    assert "Latencies are those of my board, modelled and not measured." in out


def test_scores_tell_direction_and_reason(capsys):
    scores = {
        "synflow": {"value": 12.5, "reason": None, "seconds": 0.25, "direction": 1},
        "snip": {"value": None, "reason": "no [gradient] here", "seconds": 0.1, "direction": -1},
    }
    tables.print_scores({"model": "m.py:f", "params": 10, "macs": 20, "peak_memory_bytes": 30, "scores": scores})
    out = capsys.readouterr().out
    assert cells(out, "synflow")[1:3] == ["12.500", "higher"]
    assert cells(out, "snip")[1:] == [tables.DASH, "lower", "0.100", "no [gradient] here"]


def test_entries_have_a_column_for_every_fact_of_any(capsys):
    entries = [{"name": "a", "needs": ["data", "labels"]}, {"name": "b", "paper": "arXiv:1 [v2]"}]
    tables.print_entries("proxies", entries)
    out = capsys.readouterr().out
    assert cells(out, "name") == ["name", "needs", "paper"]
    assert cells(out, "a") == ["a", "data, labels", ""]
    assert cells(out, "b") == ["b", "", "arXiv:1 [v2]"]
