import os
import subprocess
import sys
from pathlib import Path

import pytest

from nassay.errors import StudyStoppedError, UserError
from nassay.estimators.base import Estimate, Fidelity
from nassay.spaces.base import Architecture
from nassay.strategies.base import Request
from nassay.studies.ledger import Ledger, by_estimator, key_of

A, B = ("net-a", "training", "epochs=4"), ("net-b", "training", "epochs=4")


def test_an_evaluation_is_found_again_by_another_ledger_on_the_file(ledger, tmp_path):
    estimate = Estimate(0.75, None, 1.5, {"curve": [{"epoch": 4, "seconds": 1.5}]})
    ledger.add([(A, estimate)], "search")
    assert ledger.find(A) == estimate
    again = Ledger.in_folder(tmp_path)
    assert again.find(A) == estimate
    assert again.find(B) is None


def test_a_failure_keeps_its_reason(ledger, tmp_path):
    ledger.add([(A, Estimate.failed("the loss became nan", seconds=2.0))], "search")
    (row,) = Ledger.in_folder(tmp_path).records()
    assert (row["value"], row["reason"], row["seconds"], row["phase"]) == (None, "the loss became nan", 2.0, "search")


def test_records_are_in_the_order_in_which_they_were_finished(ledger):
    ledger.add([(B, Estimate.of(1.0))], "search")
    ledger.add([(A, Estimate.of(2.0))], "search")
    assert [r["architecture"] for r in ledger.records()] == ["net-b", "net-a"]


def test_rows_of_one_call_are_kept_together_or_not_at_all(ledger, tmp_path):
    ledger.add([(B, Estimate.of(0.5))], "search")
    with pytest.raises(StudyStoppedError):
        ledger.add([(A, Estimate.of(0.6)), (B, Estimate.of(0.7))], "search")  # B is already paid for
    assert ledger.find(A) is None
    assert [(r["architecture"], r["value"]) for r in Ledger.in_folder(tmp_path).records()] == [("net-b", 0.5)]


def test_adding_nothing_is_nothing(ledger):
    ledger.add([], "search")
    assert ledger.records() == []


def test_a_reader_sees_what_a_writer_at_work_has_finished(ledger, tmp_path):
    reader = Ledger.in_folder(tmp_path)
    ledger.add([(A, Estimate.of(0.5))], "search")
    assert len(reader.records()) == 1


def test_a_process_killed_within_a_transaction_leaves_the_ledger_as_before(ledger, tmp_path):
    ledger.add([(A, Estimate.of(0.5))], "search")
    script = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute('DELETE FROM evaluations')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path / "study.sqlite"], check=False).returncode == -9
    assert [r["value"] for r in Ledger.in_folder(tmp_path).records()] == [0.5]


def test_settings_are_json_and_can_be_replaced(ledger):
    assert ledger.get("rows") is None
    ledger.put("rows", {"net": [1, 2.5, None]})
    assert ledger.get("rows") == {"net": [1, 2.5, None]}
    ledger.put("rows", "new")
    assert ledger.get("rows") == "new"


def test_a_decision_is_made_once_and_replayed(ledger, tmp_path):
    first = ledger.decide("fidelity", lambda: {"seconds": 12.5, "sizes": (1, 2)})
    assert first == {"seconds": 12.5, "sizes": [1, 2]}  # as it will be read back, also the first time
    assert Ledger.in_folder(tmp_path).decide("fidelity", lambda: pytest.fail("decided again")) == first


def test_a_decision_that_fails_is_not_kept(ledger):
    with pytest.raises(ZeroDivisionError):
        ledger.decide("share", lambda: 1 / 0)
    assert ledger.decide("share", lambda: 0.5) == 0.5


def test_sessions_keep_their_time_by_phase(ledger):
    first, second = ledger.open_session(), ledger.open_session()
    ledger.touch_session(second, 3.5, {"search": 3.0, "start": 0.5})
    sessions = ledger.sessions()
    assert [s["id"] for s in sessions] == [first, second]
    assert [s["seconds"] for s in sessions] == [0.0, 3.5]
    assert sessions[1]["phases"] == {"search": 3.0, "start": 0.5}


def test_openings_of_sealed_things_are_written_down(ledger):
    assert ledger.audits() == []
    ledger.audit("test split", "final table")
    assert [(a["what"], a["why"]) for a in ledger.audits()] == [("test split", "final table")]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "study.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(UserError, match=r"study\.sqlite is damaged: file is not a database. Put back") as error:
        Ledger.in_folder(tmp_path)
    assert error.value.exit_code == 2


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StudyStoppedError, match=r"gone/study\.sqlite cannot be used.*write permission"):
        Ledger.in_folder(tmp_path / "gone")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_error_that_says_what_to_do(tmp_path):
    os.symlink("/dev/full", tmp_path / "study.sqlite")
    with pytest.raises(StudyStoppedError, match="Check free space"):
        Ledger.in_folder(tmp_path)


def test_closing_leaves_one_file(tmp_path):
    ledger = Ledger.in_folder(tmp_path)
    ledger.add([(A, Estimate.of(0.5))], "search")
    ledger.close()
    assert [p.name for p in tmp_path.iterdir()] == ["study.sqlite"]


def test_an_evaluation_is_filed_under_architecture_estimator_and_fidelity():
    architecture = Architecture("toy", (1, 2))
    assert key_of("toy:12", Request(architecture, "synflow")) == ("toy:12", "synflow", "")
    trained = Request(architecture, "training", Fidelity(epochs=2, samples=0.5))
    assert key_of("toy:12", trained) == ("toy:12", "training", "epochs=2,samples=0.5")


def test_counts_by_estimator_and_outcome():
    rows = [("params", 1.0), ("training", 0.5), ("training", None), ("training", 0.6)]
    assert by_estimator([{"estimator": e, "value": v} for e, v in rows]) == {
        "params": {"ok": 1, "failed": 0},
        "training": {"ok": 2, "failed": 1},
    }
