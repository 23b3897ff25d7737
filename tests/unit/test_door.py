"""The door: read, put where it belongs, handled once, carried out, told; whatever falls over in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from handlers.events import FreezeRequested
from handlers.requests.kinds import KINDS
from processor.audit import verify
from processor.errors import ConflictError, FatalError, NotValid, PoisonError, RetryableError
from processor.eventlog import Message, Record
from processor.eventlog.partitions import partition_of
from tests.unit.engine import forever, running, until
from tests.unit.memorylog import MemoryLog
from tests.unit.things import NOW, ThingRequest, Things, asked, group

BLUE = {"colour": "blue", "size": 1}
GREEN = {"colour": "green", "size": 2}


@pytest.fixture(autouse=True)
def _things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "thing", ThingRequest)


def data(record: Record) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(record.message.value or b"{}")
    return content


def outcomes(log: MemoryLog) -> list[dict[str, Any]]:
    return [data(record) for record in log.all("genesys.outcomes")]


def ended(log: MemoryLog, *ids: str) -> bool:
    """Everything of these has its end, and nothing waits for its commit."""
    return {one["requestId"] for one in outcomes(log) if one["status"] != "started"} >= set(ids)


async def through(log: MemoryLog, things: Things | None, requests: Sequence[Any] = (), **more: Any) -> None:
    """Append these, and let a member finish all that is there, commits included."""
    await log.append([request.to_message() for request in requests])
    async with running(group(things, **more), log):
        total = -1
        while total != len(log.all("genesys.requests")):  # what lay astray is appended once more
            total = len(log.all("genesys.requests"))
            await until(lambda: sum(log._offsets["requests", "genesys.requests"].values()) >= total)  # noqa: B023


async def test_a_request_is_carried_out_told_and_looked_at() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)})
    await through(log, things, [asked("r1", by="ada")])
    (outcome,) = outcomes(log)
    assert things.there["t1"] == BLUE
    assert (outcome["requestId"], outcome["kind"], outcome["status"]) == ("r1", "thing", "done")
    assert (outcome["before"], outcome["after"], outcome["facts"]) == (GREEN, BLUE, {"weight": 3})
    assert outcome["request"] == {"thingId": "t1", "colour": "blue", "by": "ada"}
    assert outcome["audit"] == {"thing": "t1", "result": "done", "error": None}
    (record,) = log.all("genesys.outcomes")
    assert (record.message.key, record.message.headers["ce_id"]) == ("thing/t1", "r1")
    (look,) = log.all("genesys.lookups")
    assert (look.message.key, data(look)["what"]) == ("thing/t1", "thing")
    assert [record.message.key for record in log.all("test.notes")] == ["thing/t1"]
    assert (await verify(log)).broken == []


async def test_what_is_so_already_is_done_without_a_call() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(BLUE)})
    await through(log, things, [asked("r1")])
    assert things.writes == []
    assert outcomes(log)[0]["status"] == "done"


async def test_every_problem_is_told_at_once_and_nobody_is_asked() -> None:
    log, things = MemoryLog(), Things()
    bad = asked("r1", colour="red", size=2, flavour="salt").model_copy(
        update={"fields": {"colour": "red", "size": 2, "flavour": "salt"}}
    )
    await through(log, things, [bad])
    (outcome,) = outcomes(log)
    assert outcome["status"] == "refused"
    assert [problem["place"] for problem in outcome["facts"]["problems"]] == ["thingId", "flavour", "size"]
    assert outcome["facts"]["problems"][2] == {
        "place": "size",
        "message": "red things have size 1",
        "remedy": "1",
    }
    assert things.plans == 0


async def test_an_unknown_kind_is_refused_without_a_metric_of_its_name() -> None:
    log = MemoryLog()
    await through(log, Things(), [asked("r1").model_copy(update={"kind": "x" * 5000})])
    (outcome,) = outcomes(log)
    assert (outcome["kind"], outcome["status"]) == ("request", "refused")
    assert "one of" in outcome["error"]


async def test_without_genesys_every_request_is_refused_and_told_what_is_missing() -> None:
    log = MemoryLog()
    await through(log, None, [asked("r1")])
    (outcome,) = outcomes(log)
    assert outcome["status"] == "refused"
    assert "PROCESSOR_GENESYS_CLIENT_ID" in outcome["error"]


@pytest.mark.parametrize(
    ("error", "status", "before"),
    [
        (ConflictError("ada was here", found={"colour": "pink"}), "conflict", {"colour": "pink"}),
        (PoisonError("no such colour", "colour"), "refused", {}),
    ],
)
async def test_how_the_rules_turn_a_request_down(error: Exception, status: str, before: dict[str, str]) -> None:
    log, things = MemoryLog(), Things(planning=[error])
    await through(log, things, [asked("r1")])
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["before"], outcome["after"]) == (status, before, before)
    assert str(error) in outcome["error"]
    assert outcome["audit"]["result"] == status


async def test_a_conflict_at_the_write_shows_what_is_there() -> None:
    found = ConflictError("changed by ada", found={"colour": "pink"})
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, before_effect=[found])
    await through(log, things, [asked("r1")])
    assert (outcomes(log)[0]["status"], outcomes(log)[0]["after"]) == ("conflict", {"colour": "pink"})


async def test_a_retryable_failure_waits_and_has_one_outcome() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, before_effect=[RetryableError("429")] * 3)
    await through(log, things, [asked("r1")])
    assert [outcome["status"] for outcome in outcomes(log)] == ["done"]


async def test_the_same_id_twice_has_one_effect_and_one_outcome() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)})
    await through(log, things, [asked("r1"), asked("r1"), asked("r2", colour="green", size=2), asked("r1")])
    assert [outcome["requestId"] for outcome in outcomes(log)] == ["r1", "r2"]
    assert things.there["t1"] == GREEN
    await through(log, things, [asked("r1")])  # and after a restart
    assert len(outcomes(log)) == 2


async def test_the_member_dies_between_effect_and_outcome_of_a_conditional_change() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[FatalError("killed")])
    await log.append([asked("r1").to_message()])
    with pytest.raises(FatalError):
        await forever(group(things), log)
    assert (things.writes, outcomes(log)) == (["t1"], [])
    await through(log, things)
    assert things.writes == ["t1"]  # it was so already
    assert [outcome["status"] for outcome in outcomes(log)] == ["done"]


async def test_the_member_dies_between_creation_and_outcome() -> None:
    log, things = MemoryLog(), Things(after_effect=[FatalError("killed")])
    await log.append([asked("r1", new=True).to_message()])
    with pytest.raises(FatalError):
        await forever(group(things), log)
    assert [outcome["status"] for outcome in outcomes(log)] == ["started"]
    assert outcomes(log)[0]["after"] == BLUE
    await through(log, things)
    assert things.made == ["t1"]
    assert [outcome["status"] for outcome in outcomes(log)] == ["started", "done"]


async def test_the_member_dies_between_the_announcement_and_the_creation() -> None:
    log, things = MemoryLog(), Things(before_effect=[FatalError("killed")])
    await log.append([asked("r1", new=True).to_message()])
    with pytest.raises(FatalError):
        await forever(group(things), log)
    await through(log, things)
    assert things.made == ["t1"]
    assert [outcome["status"] for outcome in outcomes(log)] == ["started", "done"]


async def test_an_announcement_that_cannot_be_appended_lets_nothing_be_created() -> None:
    log, things = MemoryLog(), Things()
    await log.append([asked("r1", new=True).to_message()])
    log.fail("append", RetryableError("disk full"))
    log.fail("append", FatalError("killed"))
    with pytest.raises(FatalError):
        await forever(group(things), log)
    assert things.made == []


async def test_what_was_started_and_cannot_be_searched_for_is_for_a_person_to_decide() -> None:
    log, things = MemoryLog(), Things(after_effect=[RetryableError("no answer")], searchable=False)
    await through(log, things, [asked("r1", new=True)])
    assert things.made == ["t1"]
    assert [outcome["status"] for outcome in outcomes(log)] == ["started", "unknown"]
    assert "look for it" in outcomes(log)[1]["error"]


async def test_a_creation_older_than_what_is_remembered_is_searched_for_first() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(BLUE)})
    await through(log, things, [asked("r1", new=True)], now=NOW + timedelta(hours=27))
    assert things.made == []
    assert outcomes(log)[-1]["status"] == "done"


def misplaced(log: MemoryLog, message: Message, partition: int) -> None:
    """As a program with another partitioner writes it."""
    records = log._records["genesys.requests", partition]
    records.append(Record("genesys.requests", partition, len(records), NOW, message))


async def test_a_request_in_the_wrong_partition_is_put_into_the_right_one_under_its_id() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)})
    home = partition_of("thing/t1", 4)
    value = orjson.dumps({"kind": "thing", "thingId": "t1", "colour": "blue"})
    misplaced(log, Message("genesys.requests", "thing/t1", value, {"ce_id": "r1"}), (home + 1) % 4)
    misplaced(log, Message("genesys.requests", "whatever", value, {}), home)  # no id, another key
    await through(log, things)
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


def freeze(request_id: str, kind: str = "queue-freeze", **fields: Any) -> Message:
    value = orjson.dumps({"kind": kind, "queueId": "q1", "by": "wfm", **fields})
    return Message("genesys.requests", "queue/q1", value, {"ce_id": request_id})


def brakes(log: MemoryLog) -> list[FreezeRequested]:
    records = [r for r in log.all("genesys.requests") if r.message.headers.get("ce_type") == FreezeRequested.type]
    return [FreezeRequested.from_record(record) for record in records]


async def test_the_brake_from_another_program_is_put_into_the_loops_own_form_once() -> None:
    log = MemoryLog()
    for place in (1, 2):
        misplaced(log, freeze("f1", reason="stocktaking", restore=True), place)
    await through(log, None)
    (brake,) = brakes(log)
    assert (brake.id, brake.kind, brake.queue_id, brake.by) == ("f1", "queue-freeze", "q1", "wfm")
    assert (brake.reason, brake.restore, brake.subject) == ("stocktaking", True, "queue/q1")
    assert outcomes(log) == []


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


async def test_requests_about_different_things_do_not_wait_for_each_other() -> None:
    log = MemoryLog()
    things = Things(there={"t1": dict(GREEN), "t2": dict(GREEN)}, held={"t1": asyncio.Event()})
    await log.append([asked("r1", "t1").to_message(), asked("r2", "t2").to_message()])
    async with running(group(things), log):
        await until(lambda: ended(log, "r2"))
        assert not ended(log, "r1")
        things.held["t1"].set()
        await until(lambda: ended(log, "r1"))


async def test_what_was_there_before_the_first_try_is_told_after_a_later_one() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[RetryableError("no answer")] * 2)
    await through(log, things, [asked("r1")])
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["before"], outcome["after"]) == ("done", GREEN, BLUE)
    assert things.writes == ["t1"]


async def test_turned_down_after_a_try_that_had_begun_says_that_a_part_may_stand() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[RetryableError("no answer")])
    things.planning_later = [PoisonError("out of hours")]
    await through(log, things, [asked("r1")])
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["before"]) == ("failed", GREEN)
    assert "a part of it may stand" in outcome["error"]


async def test_a_conflict_tells_how_often_it_was_tried() -> None:
    overtaken = ConflictError("changed by ada", found={"colour": "pink"}, retries=3)
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, before_effect=[overtaken])
    await through(log, things, [asked("r1")])
    assert outcomes(log)[0]["conflictRetries"] == 3


async def test_what_genesys_does_not_accept_is_told_as_problems() -> None:
    wrong = NotValid("422: no", places=[("colour", "too bright")])
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, before_effect=[wrong])
    await through(log, things, [asked("r1")])
    problem = {"place": "colour", "message": "too bright", "remedy": ""}
    assert (outcomes(log)[0]["status"], outcomes(log)[0]["facts"]["problems"]) == ("refused", [problem])


@pytest.mark.parametrize(
    ("fields", "entry"),
    [
        (
            {"kind": "schedule", "scheduleId": "s1", "start": 5},
            {"action": "SCHEDULE_UPDATE", "scheduleId": "s1", "status": "failure"},
        ),
        ({"kind": "campaign-schedule", "campaignId": "c1"}, {"campaignId": "c1", "status": "FAILURE"}),
        (
            {"kind": "routing-profile", "profileId": "p1", "skillAssignments": 3},
            {
                "profileId": "p1",
                "changes": {"skillAssignments": 3},
                "status": "NON_COMPLIANT",
                "auditVersion": "1.0",
                "conflictCount": 0,
            },
        ),
        ({"kind": "queue-routing", "queueId": "q1"}, {"entityType": "RoutingQueue", "entityId": "q1"}),
        (
            {"kind": "presence", "userId": "u1", "presenceId": []},
            {"userId": "u1", "action": "presence_update", "targetState": None, "success": False, "etag": None},
        ),
        ({"kind": "no-such-kind", "userId": "u1"}, {}),
    ],
)
async def test_what_cannot_be_read_has_its_guides_audit_entry_too(
    fields: dict[str, Any], entry: dict[str, Any]
) -> None:
    log = MemoryLog()
    misplaced(log, Message("genesys.requests", "", orjson.dumps(fields), {"ce_id": "r1"}), 0)
    await through(log, Things())
    (outcome,) = outcomes(log)
    assert outcome["status"] == "refused"
    assert outcome["audit"].items() >= entry.items()
    assert bool(outcome["audit"]) == bool(entry)
    assert all(outcome["error"] in (outcome["audit"].get(name) or outcome["error"]) for name in ("error", "details"))
