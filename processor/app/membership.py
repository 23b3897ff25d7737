"""Under which name a process is a member of its pure groups: one that it finds again after a restart.

Kafka keeps a static member's partitions over its restart, and hands everything to both of two
processes that share a name. So processes of one host number themselves, each number held by a lock
that the kernel gives back when its holder dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from processor.app.roles import Role
from processor.settings import Settings

MOST = 256
"""Processes of one host with the same roles."""

log = logging.getLogger("processor.app")


@contextmanager
def member_id(settings: Settings, roles: Sequence[Role], folder: Path | None = None) -> Iterator[str]:
    """`KAFKA_MEMBER_ID` as it is; else `<host>.<roles>.<n>`, n the first that no process of these roles has.

    Processes of the same roles do the same work, so it does not matter which of them gets which
    number back. Where no lock can be kept the process's own number is the name: partitions of pure
    groups then wait for the session's end after each restart.
    """
    if "kafka_member_id" in settings.model_fields_set:
        yield settings.kafka_member_id
        return
    name = re.sub(r"[^\w.-]", "_", ".".join([socket.gethostname(), *sorted({str(role) for role in roles})]))[:200]
    held = _first_free(folder or _folder(), hashlib.sha256(f"{settings.log} {name}".encode()).hexdigest()[:16])
    if held is None:
        yield f"{name}.pid{os.getpid()}"
        return
    descriptor, number = held
    try:
        yield f"{name}.{number}"
    finally:
        os.close(descriptor)


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"genesys-processor-{os.getuid()}"


def _first_free(folder: Path, name: str) -> tuple[int, int] | None:
    """The lock's descriptor and its number, from 1."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to somebody else")
        for number in range(1, MOST + 1):
            descriptor = os.open(folder / f"{name}.{number}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
            else:
                return descriptor, number
    except OSError as error:
        log.warning("no-member-number", extra={"error": str(error)})
    return None
