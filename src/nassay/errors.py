"""What can go wrong, and the exit code the command line gives it.

| code | class | meaning |
|---|---|---|
| 2 | `UserError` | the input is wrong or the limit cannot be met: what is wrong, what was found, what to do |
| 3 | `StudyBusyError` | another command is working on this run folder |
| 4 | `StudyStoppedError` | the system stopped the study (full disk, read-only folder); it can be resumed |
"""


class NassayError(Exception):
    """Base of every error that nassay raises on purpose; its text is for the user."""

    exit_code = 1


class UserError(NassayError, ValueError):
    """The input is wrong: the text says what is wrong, what was found and what to do."""

    exit_code = 2


class InfeasibleError(UserError):
    """No architecture of the space meets the limits; the text says what is reachable."""


class StudyBusyError(NassayError):
    """Another process holds the run folder."""

    exit_code = 3


class StudyStoppedError(NassayError):
    """The system, not the user, stopped the study; the same command continues it."""

    exit_code = 4
