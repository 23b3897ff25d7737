"""The garbage collector of a process that runs for months: it looks seldom at what will stay anyway."""

from __future__ import annotations

import gc

YOUNG = 20_000
"""New objects before the youngest are looked at; Python's own 700 costs a tenth of what an event costs (docs/adr/0003).
What is in no circle is freed at once all the same, and we make few circles."""


def look_seldom() -> None:
    """For the process that calls it, once, at its start."""
    gc.set_threshold(YOUNG, 20, 100)
