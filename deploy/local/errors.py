"""The errors of the local stack: sentences for people."""

from pathlib import Path


class StackError(Exception):
    """Something could not be started; the message says what, why, and what to do about it."""


class LogUnknown(StackError):
    """No part of this name has a log."""


class AlreadyRunning(StackError):
    """Another supervisor holds this home."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"The stack in {home} is already running (or just stopping). "
            "`./mailings status` shows it, `./mailings down` stops it."
        )
