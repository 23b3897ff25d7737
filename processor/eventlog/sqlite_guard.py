"""Is the file that we write still the one at its path, and does its write-ahead file hold what was acknowledged?

SQLite trusts its open files. Somebody who removes, replaces or truncates them meanwhile would have us
acknowledge into a file that nobody will read again.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import struct
from pathlib import Path

INDEX_HEAD = struct.Struct("=14xHI76xI")
"""Of the `-shm` file: page size, frames in the write-ahead file, frames that the database holds already."""

WAL_HEAD_BYTES = 32
FRAME_HEAD_BYTES = 24


class Trouble(Exception):
    """Somebody did something to our files; the text says what."""


class Moved(Trouble):
    """Another file is at the path of one that we have open. Opening anew tells what is left."""


class Lost(Trouble):
    """Records that were acknowledged are no longer in the log. Only a fresh start may go on with what is left."""


class Truncated(Lost):
    """The write-ahead file was cut while only it held them."""


class Guard:
    """For one connection that has read something, so that all three files are open."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when a file is gone already."""
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        index = path.with_name(f"{path.name}-shm")
        self._index = os.open(index, os.O_RDONLY | os.O_CLOEXEC)
        self._files = {file: _identity(file.stat()) for file in (path, index, self._wal)}

    def close(self) -> None:
        """When its connection is closed."""
        os.close(self._index)

    def check(self) -> None:
        """Call it in a write transaction: then nobody of good will changes the files. Raises Moved or Truncated."""
        sizes = {}
        for file, known in self._files.items():
            try:
                found = file.stat()
            except FileNotFoundError:
                raise Moved(f"{file.name} was removed: put it back") from None
            if _identity(found) != known:
                raise (
                    Moved(f"{file.name} was replaced by another file")
                    if file != self._path
                    else Lost(
                        f"{file.name} was replaced by another file: stop, put the right one there without its -wal and "
                        "-shm, start"
                    )
                )
            sizes[file] = found.st_size
        page, frames, copied = INDEX_HEAD.unpack(os.pread(self._index, INDEX_HEAD.size, 0))
        needed = WAL_HEAD_BYTES + frames * (FRAME_HEAD_BYTES + (65536 if page == 1 else page))
        if frames > copied and sizes[self._wal] < needed:
            raise Truncated(
                f"{self._wal.name} was cut to {sizes[self._wal]} bytes of {needed} before they were copied: the newest "
                "records are lost; restart to go on with what is left"
            )


def never_close(connection: sqlite3.Connection) -> None:
    """Closing copies the write-ahead file into the database; of a truncated one that would be half a transaction.

    The kernel closes it with the process; the next one that opens the log reads the whole transactions that are left.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
