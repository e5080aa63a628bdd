"""Full disks and folders that cannot be written: a clear message, exit code 4, and the same command goes on."""

import resource

import pytest


@pytest.fixture
def small_files(tools):
    """small_files(n): runs in the child; no file may grow beyond n bytes, as on a disk that is full."""

    def limited(limit):
        def before():
            tools.one_core()
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

        return before

    return limited


def test_a_disk_that_is_full_of_checkpoints_stops_it_and_the_same_command_goes_on(images, nassay, tools, small_files):
    words = ("search", images, *tools.search, "--out", "run")
    code, out, err = nassay(*words, before=small_files(300_000))  # less than a checkpoint, more than the ledger
    assert (code, out) == (4, "")
    assert "nassay: A worker could not go on: OSError" in err
    assert "can be resumed" in err
    assert "Traceback" not in err
    run = nassay.folder / "run"
    kept = tools.rows_of(run)
    assert all(row[5] is None for row in kept)  # no candidate was blamed
    again = nassay.start(*words)
    assert again.wait_for(lambda: sum(row[2] == "training" for row in tools.rows_of(run)) >= 2)
    again.kill()
    assert tools.rows_of(run)[: len(kept)] == kept


@pytest.mark.parametrize(
    "limit",
    [
        20_000,  # the data fit, the ledger does not
        pytest.param(1_000, marks=pytest.mark.slow),  # not even the data fit
    ],
)
def test_a_disk_that_is_full_from_the_start(images, nassay, tools, small_files, limit):
    code, out, err = nassay("search", images, *tools.search, "--out", "run", before=small_files(limit))
    assert (code, out) == (4, "")
    assert "nassay: " in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_disk_that_was_full_from_the_start_and_has_room_again(images, nassay, tools, small_files):
    words = ("search", images, *tools.search, "--out", "run")
    assert nassay(*words, before=small_files(1_000))[0] == 4
    assert nassay(*words, before=small_files(20_000))[0] == 4
    assert nassay(*words)[0] == 0
