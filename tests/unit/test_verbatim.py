"""What is read without its class is exactly what its class would say, or is left to it."""

from __future__ import annotations

import asyncio
from calendar import isleap
from datetime import date
from typing import ClassVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, field_validator

from handlers.events import Decision, Fate, Requested
from processor.event import Event, Written
from processor.eventlog import Record
from processor.shapes import Shape
from processor.verbatim import IS_DAY, IS_INSTANT, glance, read, verbatim
from tests.unit.strange import KINDS, every_record, strange, through_its_class

RECORDS = asyncio.run(every_record())


def test_every_record_of_ours_is_read_as_it_was_written() -> None:
    assert {record.topic for record in RECORDS} == set(KINDS)
    for record in RECORDS:
        kind = KINDS[record.topic]
        found = verbatim(kind, record)
        assert found is not None, record
        assert found == through_its_class(kind, record)
        assert found.to_message() == record.message


@given(
    st.sampled_from(RECORDS).flatmap(lambda one: strange(one.message).map(lambda other: one._replace(message=other)))
)
def test_whatever_a_record_is_the_class_has_the_last_word(record: Record) -> None:
    kind = KINDS[record.topic]
    expected = through_its_class(kind, record)
    found = verbatim(kind, record)
    if found is not None:
        assert expected is not None
        assert found == expected
        assert found.to_message() == expected.to_message(), "in the same bytes"
    if expected is None:
        with pytest.raises((ValueError, KeyError, TypeError)):
            read(kind, record)
    else:
        assert read(kind, record) == expected


HEADERS: dict[str, str | None] = {"ce_id": "e", "ce_subject": "agent/1", "ce_time": "2026-03-09T13:00:00.000Z"}


@pytest.mark.parametrize(
    "other",
    [{"ce_id": None}, {"ce_subject": None}, {"ce_time": None}, {"ce_time": "2026-03-09"}, {"ce_receivedat": "today"}],
)
def test_nothing_is_told_at_a_glance_of_headers_that_are_not_as_we_write_them(other: dict[str, str | None]) -> None:
    (record, *_) = RECORDS

    def seen(headers: dict[str, str | None]) -> Written | None:
        told = {name: text for name, text in headers.items() if text is not None}
        return glance(KINDS[record.topic], record._replace(message=record.message._replace(headers=told)))

    assert seen(HEADERS) is not None
    assert seen({**HEADERS, **other}) is None


def test_an_older_record_is_completed_by_its_class() -> None:
    for record in RECORDS:
        data = orjson.loads(record.message.value or b"")
        if "deleted" in data:
            del data["deleted"]
            older = record._replace(message=record.message._replace(value=orjson.dumps(data)))
            assert verbatim(KINDS[record.topic], older) is None
            assert read(KINDS[record.topic], older) == verbatim(KINDS[record.topic], record)


@pytest.mark.parametrize("year", [1899, 1900, 1999, 2000, 2023, 2024, 2100])
def test_a_day_is_one_of_the_calendar(year: int) -> None:
    for month in range(14):
        for day in range(33):
            text = f"{year:04}-{month:02}-{day:02}"
            try:
                real = date.fromisoformat(text).isoformat() == text
            except ValueError:
                real = False
            left = (month, day) == (2, 29) and isleap(year) and year % 100 == 0
            assert bool(IS_DAY(text)) == bool(IS_INSTANT(f"{text}T23:59:59.999Z")) == (real and not left), text


class Bounded(Event):
    type: ClassVar[str] = "bounded"
    topic: ClassVar[str] = "things"
    number: int = Field(gt=3)


class Judged(Event):
    type: ClassVar[str] = "judged"
    topic: ClassVar[str] = "things"
    number: int

    @field_validator("number")
    @classmethod
    def _double(cls, number: int) -> int:
        return number * 2


class Doubled(Event):
    type: ClassVar[str] = "doubled"
    topic: ClassVar[str] = "things"
    number: int

    @classmethod
    def from_record(cls, record: Record) -> Doubled:
        found = super().from_record(record)
        return found.model_copy(update={"number": found.number * 2})


class Inner(Shape):
    number: int | str


class Several(Event):
    type: ClassVar[str] = "several"
    topic: ClassVar[str] = "things"
    inner: Inner


@pytest.mark.parametrize(
    "event",
    [
        Bounded(id="1", time="2026-03-09T13:00:00Z", subject="a/1", number=4),
        Judged(id="1", time="2026-03-09T13:00:00Z", subject="a/1", number=4),
        Doubled(id="1", time="2026-03-09T13:00:00Z", subject="a/1", number=4),
        Several(id="1", time="2026-03-09T13:00:00Z", subject="a/1", inner=Inner(number=4)),
        Decision(id="1", time="2026-03-09T13:00:00Z", subject="queue/1", queue_id="1", action="frozen", cause="c"),
        Requested(id="1", time="2026-03-09T13:00:00Z", subject="queue/1", kind="queue-freeze", fields={"queueId": "1"}),
    ],
    ids=lambda event: event.type,
)
def test_a_kind_that_reads_or_writes_in_ways_of_its_own_is_left_to_its_class(event: Event) -> None:
    record = Record(event.topic, 0, 0, event.time, event.to_message())
    assert verbatim(type(event), record) is None
    assert read(type(event), record) == type(event).from_record(record).as_written()


class Listed(Event):
    type: ClassVar[str] = "listed"
    topic: ClassVar[str] = "things"
    words: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("words", "fences", "as_written"),
    [
        (["a", "b"], {}, True),
        ([], {"state": ["2026-03-09T13:00:00.000Z", 1, "e"]}, True),
        (["a", 1], {}, False),
        (["a", None], {}, False),
        ([], {"state": ["2026-03-09T13:00:00.000Z", "1", "e"]}, False),
        ([], {"state": ["2026-03-09T13:00:00.000Z", 1, None]}, False),
        ([], {"state": ["2026-03-09", 1, "e"]}, False),
        ([], [], False),
    ],
)
def test_only_what_has_the_types_in_which_it_is_written_is_read_so(
    words: object, fences: object, as_written: bool
) -> None:
    message = Listed(id="1", time="2026-03-09T13:00:00Z", subject="a/1").to_message()
    headers = {**message.headers, "ce_fences": orjson.dumps(fences).decode()}
    written = message._replace(value=orjson.dumps({"words": words}), headers=headers)
    assert (verbatim(Listed, Record("things", 0, 0, RECORDS[0].timestamp, written)) is not None) == as_written
    unnamed = written._replace(value=orjson.dumps(["words"]))
    assert verbatim(Listed, Record("things", 0, 0, RECORDS[0].timestamp, unnamed)) is None


def test_a_fate_without_fences_has_none() -> None:
    plain = next(
        record for record in RECORDS if record.topic == Fate.topic and "ce_fences" not in record.message.headers
    )
    assert read(Fate, plain).fences == {}
