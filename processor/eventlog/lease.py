"""One owner process for each consumer group: a lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from pathlib import Path

from processor.errors import FatalError


class Lease:
    """An exclusive lock on a small file beside the log, which names the holder for people to read."""

    def __init__(self, log: Path, group: str) -> None:
        """Take it at once. Raises `FatalError` naming the holder when somebody has it, this process included."""
        name = re.sub(r"[^\w.-]", "_", group)
        self._descriptor = _lock(log.with_name(f"{log.name}-lease-{name}"), group)

    def release(self) -> None:
        """Give it back; the file stays, since removing it could leave two holders of two files."""
        os.close(self._descriptor)


def _lock(path: Path, group: str) -> int:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FatalError(f"group {group} cannot be held: {error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip() or "another process"
        os.close(descriptor)
        raise FatalError(f"group {group} is held by {holder}; one process at a time may be it") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"pid {os.getpid()} ({_command()})".encode(), 0)
    return descriptor


def _command() -> str:
    """The program and its first words; what follows them may be private."""
    return " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:3]]) if sys.argv else "python"
