import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from nassay.errors import UserError
from nassay.studies import gap_folder
from nassay.studies.gap_folder import claim, default_folder, opened, pay, source_of

PLAN = {"study": "fidelity", "source": "photos/my cats.npz", "space": "nb201", "seed": 0}


def task(mark=1):
    return SimpleNamespace(fingerprint=lambda: {"images": mark})


@pytest.fixture(autouse=True)
def saving(monkeypatch):
    """Of a task only its fingerprint is saved."""

    def save(folder, of):
        (folder / "task").mkdir()
        (folder / "task" / "fingerprint.json").write_text(json.dumps(of.fingerprint()))

    monkeypatch.setattr(gap_folder, "save_task", save)


def test_what_a_plan_calls_the_images():
    assert [source_of(data) for data in ("a/b", Path("a"), ([], []))] == ["a/b", "a", "arrays"]


def test_a_folder_belongs_to_a_plan_whatever_the_order_of_its_keys():
    folder = default_folder(PLAN)
    assert folder.as_posix().startswith("runs/gap-my-cats-nb201-")
    assert default_folder(dict(reversed(PLAN.items()))) == folder != default_folder({**PLAN, "seed": 1})
    assert default_folder({**PLAN, "source": ""}).name.startswith("gap-images-nb201-")


def test_a_claimed_folder_is_the_same_studys_again(tmp_path):
    claim(tmp_path, PLAN, task())
    claim(tmp_path, PLAN, task())
    assert json.loads((tmp_path / "gap.json").read_text()) == PLAN


def test_what_a_kill_left_half_written_does_not_make_a_folder_foreign(tmp_path):
    (tmp_path / "gap.json.partial").write_text('{"stu')
    claim(tmp_path, PLAN, task())
    assert json.loads((tmp_path / "gap.json").read_text()) == PLAN


@pytest.mark.parametrize(
    ("plan", "mark", "found"),
    [({**PLAN, "seed": 3}, 1, r"\(seed was 0, now 3\)"), ({**PLAN, "x": 1}, 2, r"x was None, now 1; the images have")],
)
def test_another_study_is_refused_and_told_what_differs(tmp_path, plan, mark, found):
    claim(tmp_path, PLAN, task())
    with pytest.raises(UserError, match=found):
        claim(tmp_path, plan, task(mark))


def test_a_search_is_refused(tmp_path):
    (tmp_path / gap_folder.PLAN).write_text("{}")
    with pytest.raises(UserError, match="holds a search"):
        claim(tmp_path, PLAN, task())
    assert not (tmp_path / "gap.json").exists()


def test_workers_are_closed_where_the_study_fails(tmp_path, workers, nb201):
    made = workers()
    study = opened(tmp_path / "new", PLAN, task(), nb201, lambda: made)
    evaluator, _ = study.__enter__()
    assert (evaluator.executor, made.closed) == (made, False)
    study.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert made.closed


class Heard(list):
    """A listener; also an evaluator that counts to three, and a clock that stands where it is told."""

    now = 0.0

    def phase(self, name, total):
        self.append(("phase", name))

    def progress(self, done, total, best, left):
        self.append((done, left))

    def message(self, text):
        self.append(text)

    def enter(self, name):
        self.append(("enter", name))

    def touch(self, *, every):
        pass

    def elapsed(self):
        return self.now

    def evaluate(self, requests, phase, progress):
        for done in range(4):
            progress(done, 3)
            self.now += 40.0


def paid(minutes, monkeypatch):
    hand = Heard()
    monkeypatch.setattr(gap_folder, "time", SimpleNamespace(perf_counter=lambda: hand.now))
    pay(hand, [], hand, minutes, hand)
    assert hand[:2] == [("phase", "train"), ("enter", "train")]
    return hand[2:]


def test_without_a_limit_all_is_paid_and_the_pace_says_what_is_left(monkeypatch):
    assert paid(None, monkeypatch) == [(0, None), (1, 80.0), (2, 40.0), (3, 0.0)]


def test_no_training_is_begun_after_the_time(monkeypatch):
    *heard, message = paid(1.0, monkeypatch)
    assert heard == [(0, 60.0), (1, 20.0), (2, 0.0)]
    assert message.startswith("The time is over; what was trained is compared.")


def test_time_that_ends_with_the_last_training_is_no_stop(monkeypatch):
    assert [done for done, _ in paid(2.0, monkeypatch)] == [0, 1, 2, 3]
