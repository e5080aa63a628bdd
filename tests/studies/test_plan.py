import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from nassay.errors import StudyBusyError, StudyStoppedError, UserError
from nassay.strategies.problem import Constraints
from nassay.studies.plan import PLAN, Plan, claim, locked, read_plan, save_task, write_atomically
from nassay.tasks.base import task_from
from nassay.tasks.classification import Classification

HOLD = """
import sys, time
from pathlib import Path
from filelock import FileLock
lock = FileLock(Path(sys.argv[1]) / ".lock")
lock.acquire(timeout=0)
print("held", flush=True)
time.sleep(60)
"""


def held_by_another(folder):
    """A process that holds the lock of `folder`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


# Settings ----------------------------------------------------------------------------------------------------------


def test_settings_survive_json(plan):
    whole = replace(plan, minutes=2.5, constraints=Constraints(4.0, 10, 20, 30), image_shape=(3, 32, 32))
    assert Plan.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole
    assert Plan.from_dict(plan.to_dict()) == plan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "nb210"}, "There is no space called 'nb210'. Did you mean nb201"),
        ({"strategy": "cascaed"}, "There is no strategy called 'cascaed'. Did you mean cascade"),
        ({"evaluations": 0}, "evaluations must be positive, found 0"),
        ({"evaluations": 3}, "evaluations must be at least 4"),
        ({"minutes": -1.0}, "minutes must be positive, found -1.0"),
        ({"minutes": float("nan")}, "minutes must be positive, found nan"),
        ({"workers": 0}, "workers must be at least 1, found 0"),
    ],
)
def test_what_cannot_be_planned(plan, changes, message):
    with pytest.raises(UserError, match=message):
        replace(plan, **changes)


def test_the_same_settings_have_the_same_folder_and_others_another(plan, other_plans):
    folder = plan.default_folder()
    assert folder == replace(plan).default_folder()
    assert folder.parent.name == "runs"
    assert len({folder, *(other.default_folder() for _, other in other_plans)}) == 1 + len(other_plans)


@pytest.mark.parametrize(
    ("source", "name"), [("photos/my cats.npz", "my-cats"), ("/data/fruit/", "fruit"), ("..", "--"), ("", "images")]
)
def test_the_folder_is_called_after_data_and_space(plan, source, name):
    found = replace(plan, source=source).default_folder().name
    assert found.startswith(f"{name}-resnet-")


# The lock ------------------------------------------------------------------------------------------------------------


def test_a_folder_is_made_and_held(tmp_path):
    folder = tmp_path / "runs" / "a"
    with locked(folder):
        assert folder.is_dir()
        with pytest.raises(StudyBusyError, match=r"Another command is working on .*runs/a"), locked(folder):
            pytest.fail("two hold the folder")
    with locked(folder):
        pass


def test_an_error_within_gives_the_folder_free(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_gone(tmp_path):
    process = held_by_another(tmp_path)
    with pytest.raises(StudyBusyError) as error, locked(tmp_path):
        pytest.fail("two hold the folder")
    assert error.value.exit_code == 3
    process.kill()
    process.wait()
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyStoppedError, match=r"file/run cannot be written") as error, locked(tmp_path / "file/run"):
        pytest.fail("locked a folder that is none")
    assert error.value.exit_code == 4


# Whose folder it is ----------------------------------------------------------------------------------------------


def test_a_claimed_folder_keeps_plan_and_data(plan, task, tmp_path):
    claim(tmp_path, plan, task)
    assert read_plan(tmp_path) == plan
    assert Classification.load(tmp_path / "task").fingerprint() == task.fingerprint()
    before = (tmp_path / PLAN).stat().st_mtime_ns
    claim(tmp_path, plan, task)  # the same command again
    assert (tmp_path / PLAN).stat().st_mtime_ns == before


def test_another_command_is_told_what_differs(plan, other_plans, task, tmp_path):
    claim(tmp_path, plan, task)
    for name, other in other_plans:
        with pytest.raises(UserError, match=rf"another study \({name} was .*, now ") as error:
            claim(tmp_path, other, task)
        assert "--resume" in str(error.value)
    assert read_plan(tmp_path) == plan


def test_changed_data_is_refused(plan, task, make_images, tmp_path):
    claim(tmp_path, plan, task)
    x, y = make_images(60)
    x[0, 0, 0, 0] ^= 1  # a single bit
    with pytest.raises(UserError, match="The data has changed since"):
        claim(tmp_path, plan, task_from((x, y), seed=0))


@pytest.mark.parametrize("name", ["thesis.tex", "film.partial", "thesis.json.partial"])
def test_a_folder_of_other_things_is_refused_and_left_alone(name, plan, task, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(UserError, match=rf"not empty and holds no study \(found {re.escape(name)}\)"):
        claim(tmp_path, plan, task)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_a_killed_command_left_of_its_data_is_replaced(plan, task, tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / "task.partial").mkdir()
    (tmp_path / "task.partial" / "x_train.npy").write_bytes(b"half")
    claim(tmp_path, plan, task)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", PLAN, "task"]
    np.testing.assert_array_equal(Classification.load(tmp_path / "task").train.x, task.train.x)


def test_data_that_cannot_be_written_stops_before_there_is_a_plan(plan, task, tmp_path):
    (tmp_path / "task.partial").write_text("a file where a folder must be")
    with pytest.raises(StudyStoppedError, match="The data cannot be written"):
        save_task(tmp_path, task)
    assert not (tmp_path / PLAN).exists()


def test_what_a_kill_left_half_written_does_not_make_a_folder_foreign(tmp_path, plan, task):
    (tmp_path / "plan.json.partial").write_text('{"source"')
    claim(tmp_path, plan, task)
    assert read_plan(tmp_path) == plan


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    def full(self, *arguments):
        self.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_text", full)
    with pytest.raises(StudyStoppedError, match="No space left"):
        write_atomically(tmp_path / "plan.json", "whole")
    assert list(tmp_path.iterdir()) == []


def test_data_that_were_cut_on_a_full_disk_are_noticed(plan, task, tmp_path, monkeypatch):
    save = np.save

    def cut(path, array, **options):
        save(path, array, **options)
        path.write_bytes(path.read_bytes()[:-10])

    monkeypatch.setattr(np, "save", cut)
    with pytest.raises(StudyStoppedError, match="The data cannot be written"):
        claim(tmp_path, plan, task)
    assert not (tmp_path / "task").exists()
    monkeypatch.undo()
    claim(tmp_path, plan, task)
    assert Classification.load(tmp_path / "task").fingerprint() == task.fingerprint()


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no study: there is no plan\.json in it"):
        read_plan(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", '{"space": "mobile"}', '{"constraints": {"max_weight": 1}}'])
def test_a_plan_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / PLAN).write_text(text)
    with pytest.raises(UserError, match=r"plan\.json cannot be read"):
        read_plan(tmp_path)


def test_files_are_replaced_as_a_whole(tmp_path):
    path = tmp_path / "summary.json"
    write_atomically(path, "old")
    write_atomically(path, "größer")
    assert path.read_text("utf-8") == "größer"
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path):
    path = tmp_path / "summary.json"
    write_atomically(path, "old")
    (tmp_path / "summary.json.partial").mkdir()
    with pytest.raises(StudyStoppedError, match=r"summary\.json cannot be written"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
