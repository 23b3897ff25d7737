"""Instants as this product writes them: in UTC, cut to milliseconds, text of one width that compares as they do."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

WITH_MICROSECONDS = len('"2026-03-09T13:00:04.123456Z"')


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z: the one form in which this product writes times."""
    text = orjson.dumps(_in_utc(moment), option=orjson.OPT_UTC_Z).decode()  # three times as fast as `isoformat`
    return f"{text[1:24]}Z" if len(text) == WITH_MICROSECONDS else f"{text[1:20]}.000Z"


def _in_utc(moment: datetime) -> datetime:
    """Raises ValueError for one that only its offset keeps within the years 1 to 9999."""
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"a time beyond the calendar: {moment.isoformat()}") from error


def as_written(text: str) -> str:
    """A time with its offset in that one form. Raises ValueError for what is none."""
    read = datetime.fromisoformat(text)
    if is_written(text):
        return text
    if read.tzinfo is None:
        raise ValueError(f"a time without its offset: {text:.40}")
    return instant(read)


def is_written(text: str) -> bool:
    """Whether what is known to be an ISO time has that one form, in which text compares as the instants do."""
    return len(text) == 24 and text[10] == "T" and text[19] == "." and text[23] == "Z" and text[5] != "W"


def whole_milliseconds(moment: datetime) -> datetime:
    """In UTC, cut to milliseconds: what is compared in memory is what was written."""
    moment = _in_utc(moment)
    beyond = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - beyond) if beyond else moment
