"""The door: whatever falls over between announcement, effect and outcome, nothing is done twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from processor.errors import FatalError, RetryableError
from tests.unit.doordesk import BLUE, GREEN, outcomes, through
from tests.unit.engine import forever
from tests.unit.memorylog import MemoryLog
from tests.unit.things import NOW, Things, asked, group

pytestmark = pytest.mark.usefixtures("thing_kind")


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


async def test_what_was_there_before_the_first_try_is_told_after_a_later_one() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[RetryableError("no answer")] * 2)
    await through(log, things, [asked("r1")])
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["before"], outcome["after"]) == ("done", GREEN, BLUE)
    assert things.writes == ["t1"]
