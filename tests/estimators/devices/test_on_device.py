import time

import numpy as np
import pytest

from nassay.estimators.devices import on_device


def test_slow_bursts_leave_the_latency_alone():
    quiet, burst = np.full(10, 2.0), np.full(10, 50.0)
    assert on_device.central([quiet, burst, quiet, burst]) == 2.0
    assert on_device.central([quiet, np.array([2.0] * 6 + [50.0] * 4)]) == 2.0


def test_rounds_stop_when_stable(monkeypatch):
    clock = iter(range(0, 10**12, 50_000_000))
    monkeypatch.setattr(on_device, "run_ms", lambda *_: 3.0)
    rounds = on_device.timed_rounds(None, 1000, lambda: next(clock))
    assert len(rounds) == on_device.STABLE_ROUNDS


def test_rounds_stop_at_the_deadline_when_unstable(monkeypatch):
    clock, times = iter(range(0, 10**12, 50_000_000)), iter(1.5 ** -np.arange(1000.0))
    monkeypatch.setattr(on_device, "run_ms", lambda *_: next(times))
    rounds = on_device.timed_rounds(None, 1000, lambda: next(clock))
    assert on_device.STABLE_ROUNDS < len(rounds) <= on_device.SECONDS_MAX / 0.05 + 1


def test_the_last_round_may_be_short(monkeypatch):
    monkeypatch.setattr(on_device, "run_ms", lambda *_: 1.0)
    assert [len(r) for r in on_device.timed_rounds(None, 13)] == [10, 3]


def test_a_run_takes_what_the_clock_says():
    now = iter([5_000_000, 7_500_000])
    assert on_device.run_ms(lambda: None, lambda: next(now)) == 2.5


def test_several_threads_are_timed_by_the_wall():
    assert on_device.clock_for(2) is time.perf_counter_ns


def test_waiting_is_not_counted_for_one_thread():
    if on_device.clock_for(1) is time.perf_counter_ns:
        pytest.skip("the processor time of a thread is not counted finely here")
    assert on_device.run_ms(lambda: time.sleep(0.05), on_device.clock_for(1)) < 40
