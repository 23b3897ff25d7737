"""The door: requests that lie where others about the same thing do not, and words to the loop."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from handlers.events import FreezeRequested
from processor.app.requests.handing_in import state
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from tests.unit.doordesk import GREEN, misplaced, outcomes, through
from tests.unit.memorylog import MemoryLog
from tests.unit.things import Things

pytestmark = pytest.mark.usefixtures("thing_kind")


def freeze(request_id: str, kind: str = "queue-freeze", **fields: Any) -> Message:
    value = orjson.dumps({"kind": kind, "queueId": "q1", "by": "wfm", **fields})
    return Message("genesys.requests", "queue/q1", value, {"ce_id": request_id})


def brakes(log: MemoryLog) -> list[FreezeRequested]:
    records = [r for r in log.all("genesys.requests") if r.message.headers.get("ce_type") == FreezeRequested.type]
    return [FreezeRequested.from_record(record) for record in records]


async def test_a_request_in_the_wrong_partition_is_put_into_the_right_one_under_its_id() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)})
    home = partition_of("thing/t1", 4)
    value = orjson.dumps({"kind": "thing", "thingId": "t1", "colour": "blue"})
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    told = {"ce_id": "r1", "traceparent": trace}
    misplaced(log, Message("genesys.requests", "thing/t1", value, told), (home + 1) % 4)
    misplaced(log, Message("genesys.requests", "whatever", value, {"traceparent": "none"}), home)  # no id, another key
    await through(log, things)
    traces = {r.message.headers["ce_id"]: r.message.headers.get("traceparent") for r in log.all("genesys.outcomes")}
    assert set(traces.values()) == {trace, None}
    assert sorted(outcome["requestId"] for outcome in outcomes(log)) == ["r1", f"request@{home}-0"]
    assert things.writes == ["t1"]
    assert {record.partition for record in log.all("genesys.outcomes")} == {home}


async def test_nonsense_under_no_key_has_an_outcome_of_its_own() -> None:
    log = MemoryLog()
    misplaced(log, Message("genesys.requests", "", b'{"kind": "nothing"}', {}), 2)
    misplaced(log, Message("genesys.requests", "", b"[1]", {}), 2)
    await through(log, Things())
    assert [outcome["requestId"] for outcome in outcomes(log)] == ["request@2-0"]
    (letter,) = log.all("genesys.deadletters")
    assert letter.message.headers["dlq_reason"] == "poison"
    told = await state(log, "request@2-1") or {}
    assert (told["status"], told["error"]) == ("failed", letter.message.headers["dlq_error"])


async def test_the_brake_from_another_program_is_put_into_the_loops_own_form_once() -> None:
    log = MemoryLog()
    for place in (1, 2):
        misplaced(log, freeze("f1", reason="stocktaking", restore=True), place)
    await through(log, None)
    (brake,) = brakes(log)
    assert (brake.id, brake.kind, brake.queue_id, brake.by) == ("f1", "queue-freeze", "q1", "wfm")
    assert (brake.reason, brake.restore, brake.subject) == ("stocktaking", True, "queue/q1")
    assert outcomes(log) == []


async def test_an_id_of_the_brake_that_stood_for_another_word_is_a_dead_letter() -> None:
    log = MemoryLog()
    home = partition_of("queue/q1", 4)
    for message in (freeze("f1", reason="audit"), freeze("f1", reason="audit"), freeze("f1", kind="queue-resume")):
        misplaced(log, message, home)
        await through(log, None)
    assert [brake.kind for brake in brakes(log)] == ["queue-freeze"]
    (letter,) = log.all("genesys.deadletters")
    assert "the id f1 was used for another request" in letter.message.headers["dlq_error"]


async def test_a_brake_in_the_loops_form_that_lies_astray_is_brought_home() -> None:
    log = MemoryLog()
    theirs = {**freeze("f1").headers, "ce_type": FreezeRequested.type, "ce_subject": "queue/q1"}
    theirs |= {"ce_time": "2026-03-09T12:00:00.000Z"}
    home = partition_of("queue/q1", 4)
    message = Message("genesys.requests", "queue/q1", freeze("f1").value, theirs)
    misplaced(log, message, (home + 1) % 4)
    await through(log, None)
    assert [r.partition for r in log.all("genesys.requests") if r.message.headers.get("ce_id") == "f1"].count(home) == 2
    misplaced(log, message, home)
    await through(log, None)  # one that lies well is the loop's alone
    assert outcomes(log) == []


async def test_a_brake_without_a_queue_is_refused_with_the_reason() -> None:
    log = MemoryLog()
    misplaced(log, Message("genesys.requests", "queue/q1", b'{"kind": "queue-freeze"}', {"ce_id": "f1"}), 0)
    await through(log, None)
    assert outcomes(log)[0]["facts"]["problems"][0]["place"] == "queueId"
