"""What an operator reads: every line of the log one JSON object, without a secret, and none of them without end."""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import quote

import orjson

LATER_AT_MOST = 200
"""Forms of secrets that came later (access tokens), the newest kept."""


class Redactor:
    """Takes known secret values out of text, also where they stand encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """As the settings have them: of `user:password`, `Header: value` and `whsec_…` the last part counts alone too.

        Values shorter than four characters are left: they would blot out ordinary words.
        """
        self._first = tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))
        self._later: deque[str] = deque(maxlen=LATER_AT_MOST)

    def add(self, secret: str) -> None:
        """A secret that came later."""
        self._later.extend(form for form in sorted(_forms(secret), key=len) if form not in self._later)

    def __call__(self, text: str) -> str:
        """The text with every known secret as `***`."""
        for form in (*self._first, *reversed(self._later)):
            if form in text:
                text = text.replace(form, "***")
        return text


def _forms(secret: str) -> set[str]:
    """How it may stand in a text: as it is, in JSON, in an address, in base64."""
    parts = {secret, *(part for part in re.split(r":\s*|^whsec_", secret)[-1:] if len(part) >= 8)}
    forms: set[str] = set()
    for part in parts:
        packed = base64.b64encode(part.encode()).decode()
        shown = (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])
        forms |= {part, *shown, quote(part, safe=""), packed, packed.rstrip("=")}
    return forms if len(secret) >= 4 else set()


STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One log record as one line of JSON: time, level, room, event, then the facts given as `extra`."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """A fact that JSON cannot say is written as its text; this never raises for one."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name,
            "event": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            text = orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except (TypeError, ValueError):  # a lone surrogate, or a value nested without end
            text = json.dumps({name: str(value) for name, value in line.items()})
        return self._redactor(text)


class Seldom(logging.Filter):
    """Lines that can come without end: so many of the same words at once, then so many a second.

    They are what any caller can cause with each of his records, and what a library says each time that
    it asks a dead server. The next line that passes says how many were `suppressed`; other lines always pass.
    """

    EVENTS = frozenset({"dead-letter", "attempt-failed", "refused"})
    """As warnings; the metrics count them all, and errors pass."""
    LIBRARIES = frozenset({"aiokafka"})
    AT_ONCE, PER_SECOND = 100.0, 5.0
    LIBRARIES_AT_ONCE, LIBRARIES_PER_SECOND = 1.0, 0.1
    KNOWN = 200
    """Different words; of more the oldest are forgotten."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        words = record.getMessage()
        if record.name == "asyncio" and self._nobodys(record):
            return False
        if record.name.partition(".")[0] in self.LIBRARIES:
            return self._passes(record, words, self.LIBRARIES_AT_ONCE, self.LIBRARIES_PER_SECOND)
        if record.levelno < logging.ERROR and words in self.EVENTS:
            return self._passes(record, words, self.AT_ONCE, self.PER_SECOND)
        return True

    def _nobodys(self, record: logging.LogRecord) -> bool:
        """An error of a library that nobody waits for any more: who asked has had his answer."""
        kind = record.exc_info[0] if record.exc_info else None
        return kind is not None and kind.__module__.partition(".")[0] in self.LIBRARIES

    def _passes(self, record: logging.LogRecord, words: str, at_once: float, per_second: float) -> bool:
        now = self._monotonic()
        left, then, suppressed = self._known.pop(words, (at_once, now, 0))
        left = min(at_once, left + (now - then) * per_second)
        passes = left >= 1
        self._known[words] = (left - 1, now, 0) if passes else (left, now, suppressed + 1)
        if len(self._known) > self.KNOWN:
            del self._known[next(iter(self._known))]
        if passes and suppressed:
            record.suppressed = suppressed
        return passes


def configure_logging(redactor: Redactor, stream: TextIO | None = None, level: int | str = "INFO") -> None:
    """Every logger of the process writes JSON lines to `stream` (stderr), secrets taken out.

    Calling it again replaces what the last call set.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(redactor))
    handler.addFilter(Seldom())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # Every access would be a line; refusals are told by the receiver itself.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # Its steps and retries, some of which belong to every transaction; we tell of ours.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
