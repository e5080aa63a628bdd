"""`nassay bench proxies` by the real command and real worker processes, on a small table of NAS-Bench-201."""

import json

import psutil
import pytest

BENCH = ("bench", "proxies", "--table", "nasbench201", "--dataset", "cifar10", "--workers", "1")


def essence(summary):
    """What no clock gives."""
    rows = [{key: value for key, value in row.items() if key != "milliseconds"} for row in summary["rows"]]
    return {
        **{key: value for key, value in summary.items() if key not in ("seconds", "finished", "folder")},
        "rows": rows,
    }


def test_killed_and_continued_it_says_the_same(cells, nassay, tools):
    words = (*BENCH, "--proxies", "synflow,sed", "--json")
    code, out, err = nassay(*words, "--out", "straight")
    assert code == 0, err
    straight = tools.strict(out)

    run = nassay.folder / "run"
    command = nassay.start(*words, "--out", "run")
    command.wait_for(lambda: len(tools.rows_of(run)) > 0)
    workers = psutil.Process(command.process.pid).children()
    command.kill()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    kept = tools.rows_of(run)
    assert 0 < len(kept) < len(tools.rows_of(nassay.folder / "straight"))
    assert not (run / "summary.json").exists()

    code, out, err = nassay(*words, "--out", "run")
    assert code == 0, err
    assert tools.rows_of(run)[: len(kept)] == kept
    assert len(tools.rows_of(run)) == len(tools.rows_of(nassay.folder / "straight"))
    assert essence(tools.strict(out)) == essence(straight)
    assert json.loads((run / "summary.json").read_text())["rows"] == tools.strict(out)["rows"]


def test_the_table_in_the_terminal(cells, nassay):
    code, out, err = nassay(*BENCH, "--proxies", "sed", "--sample", "20", "--seed", "3")
    assert code == 0, err
    assert "20 of 24 architectures, seed 3" in out
    assert all(f"│ {name} " in out for name in ("sed", "params", "macs", "random"))
    assert "Gaussian noise" in " ".join(out.split())
    assert (nassay.folder / "runs" / "bench-nasbench201-cifar10" / "report.html").is_file()
    assert "nasbench201 cifar10" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--table", "nasbench2001"), "Did you mean nasbench201"),
        (("--table", "nasbench201", "--proxies", "zenn"), "Did you mean zen"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(cells, nassay, words, message):
    code, out, err = nassay("bench", "proxies", *words)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert not (nassay.folder / "runs").exists()
