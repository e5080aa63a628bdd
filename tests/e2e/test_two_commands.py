"""Two commands on one run folder: the second leaves the first alone."""

import pytest

from nassay.cli.runs import read_status


def test_the_second_command_is_refused_and_the_first_goes_on(images, nassay, tools):
    words = ("search", images, *tools.search, "--out", "run")
    run = nassay.folder / "run"
    first = nassay.start(*words)
    first.wait_for(lambda: (run / "study.sqlite").exists())
    code, out, err = nassay(*words, "--json")
    assert (code, out) == (3, "")
    assert "nassay: Another command is working on run." in err
    assert "Traceback" not in err
    assert read_status(run)["status"] == "running"
    assert first.wait_for(lambda: any(row[2] == "training" for row in tools.rows_of(run)))
    first.kill()
    assert read_status(run)["status"] == "interrupted"


@pytest.mark.slow
def test_both_folders_of_two_commands_end_alike(images, nassay, finished, tools):
    both = [nassay.start("search", images, *tools.search, "--out", f"run{i}", "--json") for i in range(2)]
    for command in both:
        code, out, err = command.end()
        assert code == 0, err
        assert tools.essence(tools.strict(out)) == tools.essence(finished.summary)
