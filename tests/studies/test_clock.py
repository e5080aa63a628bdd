from pathlib import Path
from types import SimpleNamespace

import pytest

from nassay.studies import clock as clock_module
from nassay.studies.clock import Clock
from nassay.studies.ledger import Ledger


@pytest.fixture
def hand(monkeypatch):
    """A clock's hand that moves when the test says so."""
    hand = SimpleNamespace(now=100.0)
    monkeypatch.setattr(clock_module, "time", SimpleNamespace(perf_counter=lambda: hand.now))
    return hand


def test_phases_add_up_to_the_time_spent(ledger, hand):
    clock = Clock(ledger, started=98.0)  # the command began before its clock existed
    clock.enter("feasible")
    hand.now += 3
    clock.enter("search")
    hand.now += 5
    assert clock.phases() == {"start": 2.0, "feasible": 3.0, "search": 5.0}
    assert clock.elapsed() == 10.0


def test_a_phase_within_a_phase_goes_back_to_it(ledger, hand):
    clock = Clock(ledger)
    clock.enter("finish")
    with clock.phase("test"):
        hand.now += 2
    hand.now += 1
    assert clock.phases() == {"start": 0.0, "finish": 1.0, "test": 2.0}


def test_a_phase_ends_where_it_raises(ledger, hand):
    clock = Clock(ledger)
    clock.enter("finish")

    def export():
        with clock.phase("export"):
            hand.now += 2
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        export()
    hand.now += 1
    assert clock.phases()["export"] == 2.0


def test_sessions_add_up(ledger, hand):
    first = Clock(ledger)
    first.enter("search")
    hand.now += 7
    first.touch()
    second = Clock(ledger)
    assert second.resumes == 1
    second.enter("search")
    hand.now += 2
    second.enter("finish")
    hand.now += 1
    assert second.elapsed() == 10.0
    assert second.phases() == {"start": 0.0, "search": 9.0, "finish": 1.0}
    second.touch()
    assert [s["seconds"] for s in ledger.sessions()] == [7.0, 3.0]


def test_what_was_not_written_before_a_kill_is_lost_and_nothing_else(ledger, hand):
    first = Clock(ledger)
    first.enter("search")
    hand.now += 4
    first.touch()
    hand.now += 3  # killed here
    assert Clock(ledger).elapsed() == 4.0


def test_the_time_is_written_at_most_so_often(ledger, hand):
    clock = Clock(ledger)
    clock.enter("search")
    hand.now += 1
    clock.touch(every=2.0)
    assert ledger.sessions()[0]["seconds"] == 0.0
    hand.now += 1
    clock.touch(every=2.0)
    assert ledger.sessions()[0]["seconds"] == 2.0
    assert ledger.sessions()[0]["phases"] == {"start": 0.0, "search": 2.0}


def test_a_stopped_clock_writes_no_more(tmp_path: Path) -> None:
    ledger = Ledger.in_folder(tmp_path)
    clock = Clock(ledger)
    clock.stop()
    written = ledger.sessions()
    clock.touch()
    assert ledger.sessions() == written
