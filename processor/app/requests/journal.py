"""What `request --now` has begun: a file for each while its process lives; what is left over was killed.

There is no log that would tell the next process. A lock says whether the owner lives, and the
kernel takes it back when he dies, however he dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from handlers.events import Begun, Requested
from processor.errors import RetryableError


@dataclass(frozen=True, slots=True)
class Left:
    """A request that nobody carries out any more, and what its first try found and meant."""

    asked: Requested
    begun: Begun


@dataclass(slots=True)
class Journal:
    """`folder` holds one file for each request, named by its id."""

    folder: Path
    _held: dict[str, int] = field(default_factory=dict)
    """By request id, the locked files of this process."""

    def note(self, asked: Requested, begun: Begun) -> None:
        """On the disk when it returns, before anything is changed. Raises `RetryableError` when it cannot be."""
        line = orjson.dumps({"asked": asked.model_dump(mode="json"), "begun": begun.model_dump(mode="json")})
        path = self._path(asked.id)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{path.name}")  # whoever looks sees it whole and locked
            file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
            self._held[asked.id] = file
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(file, line)
            os.fsync(file)
            unfinished.rename(path)
            self._fsync_folder()
        except OSError as error:
            raise RetryableError(f"the journal {self.folder} cannot be written: {error.strerror}") from error

    def over(self, request_id: str) -> None:
        """It has its end in the audit file."""
        self._path(request_id).unlink(missing_ok=True)
        self.release(request_id)

    def release(self, request_id: str) -> None:
        """For the next process to look at."""
        if (file := self._held.pop(request_id, None)) is not None:
            os.close(file)

    def left(self) -> Iterator[Left]:
        """Each that was begun by a process that is gone; held from now on, until it is over or released."""
        for path in sorted(self.folder.glob("[!.]*")):
            with contextlib.suppress(OSError):  # another process was faster
                if (found := self._taken(path)) is not None:
                    yield found

    def _taken(self, path: Path) -> Left | None:
        file = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(file).st_nlink:
                raise FileNotFoundError(path)
            told = orjson.loads(path.read_bytes())
            left = Left(Requested.model_validate(told["asked"]), Begun.model_validate(told["begun"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            os.close(file)
            if isinstance(error, OSError):
                raise
            return None  # not ours
        self._held[left.asked.id] = file
        return left

    def _path(self, request_id: str) -> Path:
        return self.folder / request_id

    def _fsync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
