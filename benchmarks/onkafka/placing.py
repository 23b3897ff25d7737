"""Which process has which processors: as Linux shares them, or each its own, as an operator can arrange.

In production the broker has a machine of its own, and the normaliser a processor (`CPUAffinity=` of systemd, a
cpuset, Kubernetes' static CPU manager). Two processors give that only in part: the normaliser keeps the last one,
broker and receiver go ahead of everything else (`SCHED_RR`) on the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

EVERY = os.sched_getaffinity(0)
LAST = {max(EVERY)}
AHEAD = 10
"""A priority of the class for real time."""


def possible() -> bool:
    """There are two processors at least, and we may decide who goes first."""
    if len(EVERY) < 2:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(AHEAD))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def _threads(pid: int, change: Callable[[int], None]) -> None:
    """Those that come later take after the one that starts them. Of a process that has ended there are none."""
    with suppress(FileNotFoundError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                change(int(thread.name))


def alone(pid: int) -> None:
    """The last processor is this process's."""
    _threads(pid, lambda thread: os.sched_setaffinity(thread, LAST))


@contextmanager
def elsewhere(ahead: tuple[int, ...], others: tuple[int, ...]) -> Iterator[None]:
    """Inside, these share the processors but the last, and the first of them need not wait for the second."""
    for pid in (*ahead, *others):
        _threads(pid, lambda thread: os.sched_setaffinity(thread, EVERY - LAST))
    for pid in ahead:
        _threads(pid, lambda thread: os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(AHEAD)))
    try:
        yield
    finally:
        for pid in ahead:
            _threads(pid, lambda thread: os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0)))
        for pid in (*ahead, *others):
            _threads(pid, lambda thread: os.sched_setaffinity(thread, EVERY))
