import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from nassay.cli import display as display_module
from nassay.cli.display import QUIET_SECONDS, Display


@pytest.fixture
def hand(monkeypatch):
    """The clock's hand, moved by the test."""
    hand = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(display_module, "time", SimpleNamespace(monotonic=lambda: hand.now))
    return hand


@pytest.fixture
def shown(hand):
    """A display that writes into a text, without a terminal."""
    display = Display()
    display.console = Console(file=io.StringIO(), highlight=False, width=100)
    return display


def lines(display):
    return [line.rstrip() for line in display.console.file.getvalue().splitlines()]


def test_a_phase_is_a_line_with_the_time_left(shown):
    shown.phase("search", 125.0)
    shown.phase("search", 100.0)  # the same one goes on
    shown.phase("finish", None)
    assert lines(shown) == ["search (2:05 left)", "finish"]


def test_no_time_left_is_not_negative(shown):
    shown.phase("finish", -3.0)
    assert lines(shown) == ["finish (0:00 left)"]


def test_progress_is_a_line_now_and_then(shown, hand):
    shown.phase("search", None)
    shown.progress(0, 9, None, None)
    hand.now += QUIET_SECONDS - 1
    shown.progress(1, 9, 0.5, None)
    hand.now += 2
    shown.progress(2, 9, 0.8125, 61.0)
    assert lines(shown) == ["search", "  search 0/9", "  search 2/9 best 81.25% (1:01 left)"]


def test_a_new_phase_shows_its_first_progress(shown, hand):
    shown.phase("search", None)
    shown.progress(0, 9, None, None)
    shown.phase("finish", None)
    shown.progress(0, 3, None, None)
    assert lines(shown)[-1] == "  finish 0/3"


def test_sentences_are_shown_as_they_are(shown):
    shown.message("kept [bold]as it is[/bold] [1/2]")
    assert lines(shown) == ["kept [bold]as it is[/bold] [1/2]"]


def test_everything_goes_to_standard_error(capsys):
    with Display() as display:
        display.phase("search", None)
        display.progress(1, 2, 0.5, None)
        display.message("said")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.split() == ["search", "search", "1/2", "best", "50.00%", "said"]


def test_on_a_terminal_one_bar_follows_the_phases():
    display = Display()
    display.console = display._progress.live.console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with display:
        display.phase("search", 60.0)
        display.progress(1, 4, 0.25, 60.0)
        display.phase("finish", 30.0)
        display.progress(2, 3, 0.5, 30.0)
        (bar,) = display._progress.tasks
        assert (bar.description, bar.completed, bar.total) == ("finish", 2, 3)
        assert (bar.fields["best"], bar.fields["left"]) == ("best 50.00%", "(0:30 left)")
