"""How vendors spell times, statuses, media and numbers, and the one spelling we use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from handlers.events import Presence, RoutingStatus
from processor.errors import PoisonError
from processor.event import Raw
from processor.instants import instant, is_written, whole_milliseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
GREATEST = 2**53
NUMERIC = (int, float, str)
"""What JSON may hold a number in."""
AHEAD = timedelta(days=1)
"""Clocks differ, a day by zones mixed up. A time further ahead of its receipt is no time at which a thing happened."""
DIGITS = (10, 13)
"""How many a text of seconds, or of milliseconds, since 1970 has in our days."""
LONGEST_ID = 256
LONGEST_TIME = 40
SECONDS_BELOW = 100_000_000_000
"""Milliseconds below this lie before March 1973, when there was nothing of ours: such a number counts seconds."""
DEEPEST = 40


def letters(word: str) -> str:
    """Only the letters, in upper case: `On Queue`, `ON_QUEUE` and `on queue` are one word."""
    return "".join(filter(str.isalpha, word)).upper()


PRESENCES = {spelling: str(word) for word in Presence for spelling in (letters(word), str(word))}
STATUSES = {spelling: str(word) for word in RoutingStatus for spelling in (letters(word), str(word))}
MEDIA = {"voice": "call", "calls": "call", "callbacks": "callback", "emails": "email", "chats": "chat"}


def presence(word: object) -> str | None:
    """The canonical presence of any spelling; None for a word (or id) that is none."""
    return PRESENCES.get(word) or PRESENCES.get(letters(word)) if isinstance(word, str) else None


def routing_status(word: object) -> str | None:
    """The canonical routing status of any spelling; None for a word that is none."""
    return STATUSES.get(word) or STATUSES.get(letters(word)) if isinstance(word, str) else None


def media(word: object) -> str:
    """One name per medium: analytics says `voice` where a queue's settings say `call`."""
    name = word.lower() if isinstance(word, str) else ""
    return MEDIA.get(name, name)


def moment(value: object) -> datetime | None:
    """An ISO string (UTC where no offset is given) or a number since 1970, in UTC cut to milliseconds."""
    try:
        if isinstance(value, str):
            read = spelled(value)
            if read.tzinfo is not UTC:
                read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        elif type(value) is int or type(value) is float:
            read = _since_epoch(value)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    # Nothing of ours happened before 1970; near the year 9999 an hour more cannot be worked out.
    return whole_milliseconds(read) if EPOCH <= read < LATEST else None


def spelled(text: str) -> datetime:
    """What a text shows, without an offset where it names none. Raises ValueError, or OverflowError, for no time.

    Beside ISO 8601 as Python reads it: small letters, a zone's name behind the offset, a number since 1970. A zone's
    name alone is no offset: its wall time would be taken for another zone's.
    """
    if text.isdecimal() and len(text) in DIGITS:
        return _since_epoch(int(text))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        plain, named, _ = text.strip().upper().partition("[")
        read = datetime.fromisoformat(plain)
        if named and read.tzinfo is None:
            raise
        return read


def _since_epoch(number: float) -> datetime:
    """Milliseconds, or seconds where milliseconds would make it a time before all that can have happened."""
    return EPOCH + timedelta(milliseconds=number if number >= SECONDS_BELOW else number * 1000)


def told(value: object) -> str | None:
    """The same moment as it is written."""
    if isinstance(value, str) and len(value) <= LONGEST_TIME:
        return _told(value)
    found = moment(value)
    return None if found is None else instant(found)


@lru_cache(maxsize=4096)
def _told(text: str) -> str | None:
    """Kept, because an event says the same few times again and again."""
    if is_written(text) and "1970" <= text < "9000":
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return None
        return text
    found = moment(text)
    return None if found is None else instant(found)


def later(written: str, by: timedelta) -> str:
    """A written time, so much later."""
    return instant(datetime.fromisoformat(written) + by)


def ahead(written: str, received_at: str) -> bool:
    """Whether a time lies further ahead of its receipt than clocks differ."""
    return written > received_at and written > later(received_at, AHEAD)


def happened(value: object, raw: Raw) -> str:
    """When the body says that something became so; the event's own time where it says nothing, or the future."""
    found = told(value)
    return raw.time if found is None or ahead(found, raw.received_at) else found


def required_moment(body: Mapping[str, Any], name: str, field: str) -> datetime:
    """The moment under `name`. Raises PoisonError naming `field` when it is missing or unreadable."""
    found = moment(body.get(name))
    if found is None:
        raise PoisonError(f"{field} should be a date-time, found {body.get(name)!r:.80}", field)
    return found


def number(value: object) -> float | None:
    """A finite number, also when it was written as a string."""
    if not isinstance(value, NUMERIC) or value is True or value is False:
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def count(value: object) -> int | None:
    """A whole number that every JSON reader takes exactly."""
    read = number(value)
    return None if read is None or abs(read) > GREATEST else int(read)


def version(value: object) -> int:
    """What orders the states of one thing; 0 where nothing does. ETags are opaque and say nothing about order."""
    return value if type(value) is int and 0 <= value <= GREATEST else 0


def identifier(value: object) -> str:
    """An id as a string; empty when there is none, or one that cannot be an id."""
    if isinstance(value, str):
        return value if 0 < len(value) <= LONGEST_ID and value.isprintable() else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def mapping(value: object) -> Mapping[str, Any]:
    """The object that is there, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; whatever else is in it is passed over."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def reference(value: object) -> str:
    """The id in `{"id": …}`, or the id itself."""
    return identifier(value.get("id")) if isinstance(value, dict) else identifier(value)


def too_deep(value: object, left: int = DEEPEST) -> bool:
    """Nested as nothing honest is: what is passed on as it came must be writable again."""
    if isinstance(value, dict):
        return left == 0 or any(too_deep(item, left - 1) for item in value.values())
    return isinstance(value, list) and (left == 0 or any(too_deep(item, left - 1) for item in value))
