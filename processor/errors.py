"""What may go wrong, sorted by what happens next.

    ProcessorError
    ├── RetryableError   wait, then the same again; others pass meanwhile
    │   ├── FarSideDown  the far side as a whole is down: wait without counting attempts
    │   └── Revoked      the partition is no longer ours: drop the work, somebody else does it
    ├── PoisonError      no repeat will help: to the dead letters at once
    ├── RefusedError     the far side or a person said no: an outcome, not a dead letter
    │   ├── ConflictError  what is there is not what we left there
    │   ├── NotValid       the far side says that what it was sent is wrong, or names nothing that is there
    │   └── UnknownEnd     an effect was tried and nobody can say whether it is there: a person decides
    └── FatalError       the process must stop: exit 1, commit nothing past it
        └── SettingsError  what it was told is not usable: exit 2

Anything else that is raised is a bug: three attempts, then a dead letter.
Errors are translated once, at the edge where they arise; nobody above looks at a status code.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta


class ProcessorError(Exception):
    """The root of everything this product raises on purpose."""


class RetryableError(ProcessorError):
    """It may succeed later. `retry_after`: how long the far side asked us to wait, if it did."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FarSideDown(RetryableError):
    """Nothing of this far side answers. Waiting for it never exhausts a record."""


class Revoked(RetryableError):
    """The partition has passed to another owner; what was asked for was not done."""


class PoisonError(ProcessorError):
    """The record itself is the trouble. `field` names the place, for the dead letter's reader."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class RefusedError(ProcessorError):
    """The far side understood and said no. `remedy` says what a person can do about it."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class NotValid(RefusedError):
    """What was sent is wrong, says the far side, or names what is not there. `places`: (where, what) of each fault."""

    def __init__(self, message: str, remedy: str | None = None, *, places: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message, remedy)
        self.places = tuple(places)


class ConflictError(RefusedError):
    """What is there is not what we expected. `found` is what is there, `retries` how often it was read again."""

    def __init__(self, message: str, found: object = None, remedy: str | None = None, *, retries: int = 0) -> None:
        super().__init__(message, remedy)
        self.found = found
        self.retries = retries


class UnknownEnd(RefusedError):
    """An effect was tried that cannot be made conditional and cannot be searched for."""


class FatalError(ProcessorError):
    """The process cannot go on: wrong settings, a log that is not ours, too many bugs."""


class SettingsError(FatalError):
    """The settings are not usable; the message names each that is wrong, and never shows a secret."""
