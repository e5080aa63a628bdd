"""What a study tells while it runs; the command line draws it, a script may ignore it."""


class Listener:
    """Receives a study's progress; every method does nothing unless overridden."""

    def phase(self, name: str, remaining_seconds: float | None) -> None:
        """A phase begins; seconds left in the budget, None without a time budget."""

    def progress(self, done: int, total: int, best: float | None, remaining_seconds: float | None) -> None:
        """Some of the phase's current evaluations are done; the best validation metric so far."""

    def message(self, text: str) -> None:
        """A sentence for the user."""
