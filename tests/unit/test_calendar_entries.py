"""What of an existing entry counts as ours, as theirs, and as history."""
# ruff: noqa: DTZ001 - wall times are what is tested here

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from processor.clients.calendar_entries import Entry, canonical, decide, ics, read
from processor.clients.calendars import _outlives

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHIFT = Entry("shift-1", "Shift", datetime(2026, 3, 4, 12), datetime(2026, 3, 4, 20), "UTC", "a\nb", ("x;y", "z"))
SERIES = replace(SHIFT, name="opening-1", rule="FREQ=DAILY", zone="Europe/London")


@pytest.mark.parametrize("entry", [SHIFT, SERIES, replace(SERIES, excluded=frozenset({datetime(2026, 3, 5, 12)}))])
def test_what_was_written_reads_back(entry):
    found = read(ics([entry], NOW))
    assert found
    assert (found.entry, found.edited, found.ours, found.sequence) == (entry, False, True, 0)
    assert decide(found, entry, NOW, NOW) is None


def test_every_part_of_ours_counts():
    found = read(ics([SERIES], NOW))
    for change in (
        {"summary": "x"},
        {"start": datetime(2026, 3, 4, 11)},
        {"end": datetime(2026, 3, 4, 21)},
        {"zone": "UTC"},
        {"description": ""},
        {"details": ("x;y",)},
        {"rule": "FREQ=WEEKLY"},
        {"excluded": frozenset({datetime(2026, 3, 9, 12)})},
    ):
        changed = decide(found, replace(SERIES, **change), NOW, NOW)
        assert changed, change
        assert b"SEQUENCE:1" in changed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TU", "RRULE:BYDAY=TU,MO;FREQ=weekly"),
        ("FREQ=WEEKLY;INTERVAL=1;BYDAY=MO", "FREQ=WEEKLY;BYDAY=MO;"),
    ],
)
def test_equal_rules_are_equal_texts(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:1\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n",
    ],
)
def test_what_is_no_event_is_none(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("line", "by"),
    [
        (b"SEQUENCE:0", b"SEQUENCE:many"),
        (b"DTSTART:20260304T120000Z", b"DTSTART;VALUE=DATE:20260304"),
        (b"DTSTART:20260304T120000Z", b"DTSTART:soon"),
        (b"DTSTART:20260304T120000Z\r\n", b""),
        (b"DTEND:20260304T200000Z", b"DURATION:PT7H"),
        (b"DTEND:20260304T200000Z", b"DTEND;TZID=Europe/London:20260304T200000"),
        (b"SUMMARY:Shift", b"SUMMARY:Shift\r\nRDATE:20260306T120000Z"),
    ],
)
def test_whatever_a_person_made_of_it_is_seen_and_put_back(line, by):
    text = ics([SHIFT], NOW)
    assert line in text
    found = read(text.replace(line, by))
    assert found
    assert found.ours
    assert found.edited or found.entry == SHIFT
    written = decide(found, SHIFT, NOW, NOW)
    assert written or by == b"SEQUENCE:many"
    again = read(written or text)
    assert again
    assert again.entry == SHIFT


def test_a_sequence_that_is_no_number_any_more_is_followed_by_one_above_any() -> None:
    found = read(ics([SHIFT], NOW).replace(b"SEQUENCE:0", b"SEQUENCE:many"))
    written = read(decide(found, replace(SHIFT, summary="Early shift"), NOW, NOW) or b"")
    assert written
    assert written.sequence
    assert written.sequence > 1_000_000


def test_history_has_passed_before_since_and_does_not_recur():
    shift, series = read(ics([SHIFT], NOW)), read(ics([SERIES], NOW))
    assert _outlives(shift, datetime(2026, 3, 4, 19, 59, tzinfo=UTC))
    assert not _outlives(shift, datetime(2026, 3, 4, 20, tzinfo=UTC))
    assert _outlives(series, datetime(2027, 1, 1, tzinfo=UTC))
