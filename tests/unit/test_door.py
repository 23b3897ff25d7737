"""The door: read, handled once, carried out by the rules of its kind, and told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from processor.audit import verify
from processor.errors import RetryableError
from tests.unit.doordesk import BLUE, GREEN, data, outcomes, through
from tests.unit.engine import running, until
from tests.unit.memorylog import MemoryLog
from tests.unit.things import NOW, Things, asked, group

pytestmark = pytest.mark.usefixtures("thing_kind")


def ended(log: MemoryLog, *ids: str) -> bool:
    """Everything of these has its end, and nothing waits for its commit."""
    return {one["requestId"] for one in outcomes(log) if one["status"] != "started"} >= set(ids)


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


async def test_a_retryable_failure_waits_and_has_one_outcome() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, before_effect=[RetryableError("429")] * 3)
    await through(log, things, [asked("r1")])
    assert [outcome["status"] for outcome in outcomes(log)] == ["done"]


async def test_an_id_that_stood_for_another_request_is_a_dead_letter_that_says_so() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)})
    wrong = asked("r2").model_copy(update={"fields": {"thingId": "t1"}})
    await through(log, things, [asked("r1", by="ada"), asked("r1", by="ben"), asked("r1", size=2), wrong, asked("r2")])
    assert [(one["requestId"], one["status"]) for one in outcomes(log)] == [("r1", "done"), ("r2", "refused")]
    assert things.there["t1"] == BLUE
    letters = [letter.message.headers for letter in log.all("genesys.deadletters")]
    assert [letter["dlq_error"] for letter in letters] == [
        f"the id {one} was used for another request about thing/t1: choose a new one" for one in ("r1", "r2")
    ]
    await through(log, things, [asked("r1", size=3)])  # and after a restart
    assert (len(log.all("genesys.deadletters")), things.writes) == (3, ["t1"])


async def test_the_same_id_twice_has_one_effect_and_one_outcome() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)})
    await through(log, things, [asked("r1"), asked("r1"), asked("r2", colour="green", size=2), asked("r1")])
    assert [outcome["requestId"] for outcome in outcomes(log)] == ["r1", "r2"]
    assert things.there["t1"] == GREEN
    await through(log, things, [asked("r1")])  # and after a restart
    assert len(outcomes(log)) == 2


async def test_requests_about_different_things_do_not_wait_for_each_other() -> None:
    log = MemoryLog()
    things = Things(there={"t1": dict(GREEN), "t2": dict(GREEN)}, held={"t1": asyncio.Event()})
    await log.append([asked("r1", "t1").to_message(), asked("r2", "t2").to_message()])
    async with running(group(things), log):
        await until(lambda: ended(log, "r2"))
        assert not ended(log, "r1")
        things.held["t1"].set()
        await until(lambda: ended(log, "r1"))


async def test_a_group_that_lost_its_place_does_nothing_again_however_long_ago_it_was_done() -> None:
    time = NOW
    log, things = MemoryLog(now=lambda: time), Things(there={"t1": dict(GREEN), "t2": dict(GREEN)})
    await through(log, things, [asked("r1"), asked("r2", colour="red")])
    time += timedelta(days=3)
    later = asked("r3", colour="green", size=2).model_copy(update={"time": time})
    await through(log, things, [later], now=time)
    done = outcomes(log)
    log._offsets["requests", "genesys.requests"].clear()
    waited = asked("r4", "t2").model_copy(update={"time": NOW})
    await through(log, things, [waited], now=time)
    assert [one["requestId"] for one in outcomes(log) if one not in done] == ["r4"], "nobody has answered this one"
    assert things.there == {"t1": GREEN, "t2": BLUE}


async def test_what_was_found_has_no_say_in_whose_outcome_it_is() -> None:
    time = NOW
    log, things = MemoryLog(now=lambda: time), Things(there={"t1": {**GREEN, "requestId": None}})
    await through(log, things, [asked("r1")])
    time += timedelta(days=3)
    later = asked("r2", colour="green", size=2).model_copy(update={"time": time})
    await through(log, things, [later], now=time)
    log._offsets["requests", "genesys.requests"].clear()
    writes = list(things.writes)
    await through(log, things, now=time)
    assert things.writes == writes
