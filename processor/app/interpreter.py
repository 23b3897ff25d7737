"""A process that runs for months: when it looks for garbage, how soon its threads take turns, how much it may open."""

from __future__ import annotations

import gc
import os
import resource
import sys
from contextlib import suppress

YOUNG = 100_000
"""New objects before the youngest are looked at. With Python's own 700, or with fewer than a round of records makes,
what will soon be freed anyway is looked at again and again (docs/adr/0003). Only circles wait, and we make few."""

TURN_SECONDS = 0.0005
"""How long a thread waits for a busy one. Python's own 5 ms begin anew whenever the event loop asks for news, so beside
a loop that works the threads of the log would wait until it has nothing left to do."""

GIVING_WAY = 5
"""Steps of niceness: about a third of the share of those beside it, where there is not enough for all."""


def settle() -> None:
    """For the process that calls it, once, at its start."""
    gc.set_threshold(YOUNG, 20, 100)
    sys.setswitchinterval(TURN_SECONDS)
    _open_many()


def _open_many() -> None:
    """As many files as we may have: most systems begin with 1,024, which is as many callers.

    The lower limit is for programs that call select(2), which cannot count further. We do not.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has no number for "no limit"
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def give_way() -> None:
    """For a process that answers no callers, once, before it has threads: those that do, and the broker, go first.

    It only counts on a machine that is short of processors. Whom it starts inherits it; it cannot be taken back.
    """
    os.nice(GIVING_WAY)
