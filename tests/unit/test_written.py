"""Events as they are written: times as text that compares as the instants do, data under its own names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.events import PresenceUpdated, QueueUpdated, VolumeUpdated
from handlers.normalise.words import EPOCH, LATEST, moment, told
from processor.event import Event, Fence, Raw, blank
from processor.instants import as_written, instant, whole_milliseconds
from tests.unit.normalisedesk import Desk, presence

MOMENTS = st.datetimes(
    EPOCH.replace(tzinfo=None) + timedelta(days=1), LATEST.replace(tzinfo=None) - timedelta(days=1)
).map(lambda wall: wall.replace(tzinfo=UTC))


@given(MOMENTS, MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_text_compares_as_the_instants_do(one: datetime, other: datetime, minutes: int) -> None:
    there = other.astimezone(timezone(timedelta(minutes=minutes)))
    assert (instant(one) < instant(there)) == (whole_milliseconds(one) < whole_milliseconds(other))
    assert as_written(there.isoformat()) == instant(other)
    assert Fence(instant(one)).admits(Fence(instant(other))) == (whole_milliseconds(other) > whole_milliseconds(one))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-09T13:00:04.010Z",
        "2026-03-09T14:00:04.010999+01:00",
        "2026-03-09 13:00:04.010Z",
        "2026-W11-1T13:00:04.010Z",
        "20260309T130004.010000Z",
    ],
)
def test_every_spelling_has_one_form(text: str) -> None:
    assert as_written(text) == told(text) == "2026-03-09T13:00:04.010Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-09T13:00:04.010",
        "2026-13-09T13:00:04.010Z",
        "2026-03-09T25:00:04.010Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|offset|must be in|beyond the calendar"):
        as_written(text)


@given(
    st.one_of(st.text(max_size=50), st.floats(), st.integers(), MOMENTS.map(datetime.isoformat), MOMENTS.map(instant))
)
def test_what_a_body_says_of_a_time_is_what_is_worked_out_from_it(value: object) -> None:
    found = moment(value)
    assert told(value) == (None if found is None else instant(found))


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59.999Z", "9000-01-01T00:00:00.000Z"])
def test_a_time_outside_of_ours_is_none(text: str) -> None:
    assert told(text) is moment(text) is None


@pytest.mark.parametrize("kind", [PresenceUpdated, QueueUpdated, VolumeUpdated])
def test_a_blank_has_every_name_in_the_order_of_the_class(kind: type[Event]) -> None:
    known = ["id", "time", "subject", "source", "cause", "causeDigest", "timeSource", "fences", "trace", "sequence"]
    names = [field.serialization_alias or name for name, field in kind.model_fields.items()]
    assert list(blank(kind)) == [name for name in names if name not in (*known, "receivedAt")]


async def test_what_an_older_version_wrote_is_complete_when_it_is_read_back() -> None:
    desk = await Desk.open()
    await desk.post(presence("BUSY", "2026-03-09T13:00:00.000Z", "1"))
    kept = desk.log.records[PresenceUpdated.topic]
    data = orjson.loads(kept[0].message.value or b"")
    older = {name: value for name, value in data.items() if name not in ("timeZone", "outOfOffice", "deleted")}
    kept[0] = kept[0]._replace(message=kept[0].message._replace(value=orjson.dumps(older)))
    await desk.restart()
    row = desk.tables[PresenceUpdated.topic].get(kept[0].message.key)
    assert row is not None
    assert row.last is not None
    assert (row.last.data, row.last.kind) == (data, PresenceUpdated)


async def test_a_raw_record_whose_time_is_none_is_no_envelope() -> None:
    desk = await Desk.open()
    await desk.post(presence("BUSY", "2026-03-09T13:00:00.000Z", "1"))
    (record,) = desk.log.records["genesys.raw"]
    strange = record.message._replace(headers={**record.message.headers, "ce_time": "yesterday"})
    with pytest.raises(ValueError, match="yesterday"):
        Raw.from_record(record._replace(message=strange))


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("ce_time", "0001-01-01T00:00:00+05:00"),
        ("ce_fences", '{"presence":["soon",0,""]}'),
        ("ce_fences", '{"presence":["9999-12-31T23:59:59-05:00",0,""]}'),
        ("ce_fences", '{"presence":["2026-03-09T13:00:00.000Z"]}'),
        ("ce_fences", '"presence"'),
    ],
)
async def test_a_record_that_another_program_wrote_wrongly_keeps_nobody_from_the_partition(
    header: str, text: str
) -> None:
    desk = await Desk.open()
    await desk.post(presence("BUSY", "2026-03-09T13:00:00.000Z", "1"))
    (record,) = desk.log.records[PresenceUpdated.topic]
    headers = {**record.message.headers, "ce_subject": "agent/u-9", header: text}
    desk.log.add(record.message._replace(key="agent/u-9", headers=headers))
    await desk.restart()
    assert [subject for subject, _ in desk.tables[PresenceUpdated.topic].items()] == [record.message.key]


async def test_a_fence_of_another_spelling_compares_as_its_instant_does() -> None:
    desk = await Desk.open()
    await desk.post(presence("BUSY", "2026-03-09T13:00:00.000Z", "1"))
    (record,) = desk.log.records[PresenceUpdated.topic]
    told = orjson.dumps({"presence": ["2026-03-09T14:00:00+01:00", 0, "1"]}).decode()
    strange = record._replace(message=record.message._replace(headers={**record.message.headers, "ce_fences": told}))
    assert PresenceUpdated.from_record(strange).fences == {"presence": Fence("2026-03-09T13:00:00.000Z", 0, "1")}
