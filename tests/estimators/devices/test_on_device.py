import numpy as np

from nassay.estimators.devices import on_device


def test_slow_bursts_leave_the_latency_alone():
    quiet, burst = np.full(10, 2.0), np.full(10, 50.0)
    assert on_device.central([quiet, burst, quiet, burst]) == 2.0
    assert on_device.central([quiet, np.array([2.0] * 6 + [50.0] * 4)]) == 2.0


def test_rounds_stop_when_stable(monkeypatch):
    clock = iter(np.arange(0, 1000, 0.05))
    monkeypatch.setattr(on_device.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(on_device, "run_ms", lambda *_: 3.0)
    rounds = on_device.timed_rounds(None, 1000)
    assert len(rounds) == on_device.STABLE_ROUNDS


def test_rounds_stop_at_the_deadline_when_unstable(monkeypatch):
    clock, times = iter(np.arange(0, 1000, 0.05)), iter(1.5 ** -np.arange(1000.0))
    monkeypatch.setattr(on_device.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(on_device, "run_ms", lambda *_: next(times))
    rounds = on_device.timed_rounds(None, 1000)
    assert on_device.STABLE_ROUNDS < len(rounds) <= on_device.SECONDS_MAX / 0.05 + 1


def test_the_last_round_may_be_short(monkeypatch):
    monkeypatch.setattr(on_device, "run_ms", lambda *_: 1.0)
    assert [len(r) for r in on_device.timed_rounds(None, 13)] == [10, 3]
