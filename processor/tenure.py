"""May we still act outside for this record? Asked before each request, where another process may have its partition.

A process that was stopped (SIGSTOP, a frozen machine) or cut off from Kafka goes on where it was, with records that
others have long had in hand. No condition at the far side helps against that: told that somebody was quicker,
it would read what is there now, and put its old state over it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta

from processor.errors import FarSideDown

Holds = Callable[[], bool]
"""Whether nobody else can have the partition yet."""

AGAIN = timedelta(seconds=6)
"""Longer than clients wait by themselves: the wait is the lane's, which ends when the partition leaves."""

_holds: ContextVar[Holds | None] = ContextVar("holds", default=None)


def act_while(holds: Holds) -> None:
    """What this task does outside from now on, it does while that holds."""
    _holds.set(holds)


def check() -> None:
    """Raises `FarSideDown` when it is not known to hold: to wait until it is known costs the record no attempt."""
    holds = _holds.get()
    if holds is not None and not holds():
        raise FarSideDown("nothing is changed outside while another process may have the partition", AGAIN)
