"""The door: what is turned down, by us, by the rules or by Genesys, and what its outcome says."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from processor.errors import ConflictError, NotValid, PoisonError, RetryableError
from processor.eventlog import Message
from tests.unit.doordesk import GREEN, misplaced, outcomes, through
from tests.unit.memorylog import MemoryLog
from tests.unit.things import Things, asked

pytestmark = pytest.mark.usefixtures("thing_kind")


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


@pytest.mark.parametrize(("remedy", "told"), [(None, "what Genesys says there"), ("a darker one", "a darker one")])
async def test_what_genesys_does_not_accept_is_told_as_problems(remedy: str | None, told: str) -> None:
    wrong = NotValid("422: no", remedy, places=[("colour", "too bright")])
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, before_effect=[wrong])
    await through(log, things, [asked("r1")])
    problem = {"place": "colour", "message": "too bright", "remedy": told}
    assert (outcomes(log)[0]["status"], outcomes(log)[0]["facts"]["problems"]) == ("refused", [problem])


ENTRY = {
    "schedule": {"timestamp", "action", "scheduleId", "status", "latencyMs", "details"},
    "campaign-schedule": {"timestamp", "campaignId", "status", "error", "latencyMs"},
    "routing-profile": {
        *("timestamp", "profileId", "changes", "latencyMs", "conflictCount", "status", "auditVersion"),
    },
    "queue-routing": {
        *("timestamp", "action", "entityType", "entityId", "status", "latencyMs", "conflictRetries"),
        *("constraints", "details"),
    },
    "presence": {
        *("userId", "action", "targetState", "timestamp", "latencyMs", "conflictRetries", "success", "etag"),
    },
    "no-such-kind": set(),
}
"""The fields of each guide's audit entry."""


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
    assert outcome["audit"].keys() == ENTRY[fields["kind"]]
    assert all(outcome["error"] in (outcome["audit"].get(name) or outcome["error"]) for name in ("error", "details"))
