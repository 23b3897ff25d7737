"""What stood before a request is told by its outcome, however often the process died or Genesys did not answer."""

from __future__ import annotations

import pytest

from handlers.door import Door
from handlers.events import Begun
from handlers.requests.ends import LogEnds
from handlers.requests.plans import Plan, Result
from processor.errors import ConflictError, FatalError, PoisonError, RefusedError, RetryableError
from processor.eventlog import Record
from processor.eventlog.partitions import partition_of
from tests.unit.doordesk import BLUE, GREEN, data, outcomes, through
from tests.unit.engine import forever
from tests.unit.memorylog import MemoryLog
from tests.unit.things import NOW, ThingRequest, Things, asked, group

PINK = {"colour": "pink", "size": 3}
pytestmark = pytest.mark.usefixtures("thing_kind")


async def dies(log: MemoryLog, things: Things) -> None:
    """One process, until it dies of what was planted."""
    with pytest.raises(FatalError):
        await forever(group(things), log)


def begun(log: MemoryLog) -> list[Record]:
    return log.all(Begun.topic)


async def test_killed_after_the_effect_the_outcome_has_what_stood_before() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[FatalError("killed")])
    await log.append([asked("r1").to_message()])
    await dies(log, things)
    (noted,) = begun(log)
    assert (noted.message.key, data(noted)) == ("thing/t1", {"requestId": "r1", "before": GREEN, "after": BLUE})
    await through(log, things)
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["before"], outcome["after"]) == ("done", GREEN, BLUE)
    assert [record.message.value is None for record in begun(log)] == [False, True]


async def test_killed_again_and_again_it_is_what_stood_before_the_first_try() -> None:
    log = MemoryLog()
    things = Things(there={"t1": dict(GREEN)}, after_effect=[FatalError("killed"), FatalError("killed again")])
    await log.append([asked("r1").to_message()])
    await dies(log, things)
    await dies(log, things)
    assert len(begun(log)) == 1
    await through(log, things)
    assert outcomes(log)[0]["before"] == GREEN


async def test_a_lost_answer_does_not_make_it_a_change_of_nothing() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[RetryableError("no answer")])
    await through(log, things, [asked("r1")])
    assert (outcomes(log)[0]["before"], outcomes(log)[0]["after"]) == (GREEN, BLUE)
    assert things.writes == ["t1"]


async def test_it_is_said_before_the_first_call_and_not_without_one() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)})
    await log.append([asked("r1").to_message()])
    log.fail("append", FatalError("killed"))
    await dies(log, things)
    assert things.writes == []
    unchanged = MemoryLog()
    await through(unchanged, Things(there={"t1": dict(BLUE)}), [asked("r1")])
    assert begun(unchanged) == []


async def test_the_next_request_about_the_same_thing_has_a_before_of_its_own() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[FatalError("killed")])
    await log.append([asked("r1").to_message(), asked("r2", colour="green", size=2).to_message()])
    await dies(log, things)
    await through(log, things)
    assert [(one["requestId"], one["before"]) for one in outcomes(log)] == [("r1", GREEN), ("r2", BLUE)]


async def test_a_dead_letter_leaves_its_before_to_itself() -> None:
    """The one request never got its end; another about the same thing does not inherit what it wrote down."""
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[FatalError("killed")])
    await log.append([asked("r1").to_message()])
    await dies(log, things)
    log._offsets["requests", "genesys.requests"][partition_of("thing/t1", 4)] = 1
    await through(log, things, [asked("r2", colour="green", size=2)])
    assert [(one["requestId"], one["before"]) for one in outcomes(log)] == [("r2", BLUE)]


@pytest.mark.parametrize("error", [PoisonError("out of hours"), RefusedError("forbidden"), ConflictError("ada")])
async def test_turned_down_after_a_try_that_wrote_says_that_a_part_may_stand(error: Exception) -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[FatalError("killed")])
    await log.append([asked("r1").to_message()])
    await dies(log, things)
    things.planning_later = [error]
    await through(log, things)
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["before"], outcome["after"]) == ("failed", GREEN, BLUE)
    assert "an earlier try broke off" in outcome["error"]
    assert "`after` is what is there now" in outcome["error"]


async def test_where_nobody_can_look_any_more_what_was_meant_is_told() -> None:
    log, things = MemoryLog(), Things(there={"t1": dict(GREEN)}, after_effect=[FatalError("killed")])
    await log.append([asked("r1").to_message()])
    await dies(log, things)
    things.planning_later, things.hidden = [RefusedError("forbidden")], True
    await through(log, things)
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["after"], outcome["facts"]["intended"]) == ("failed", {}, BLUE)
    assert "look at Genesys" in outcome["error"]


@pytest.mark.parametrize("error", [RefusedError("forbidden"), ConflictError("ada", found=PINK)])
async def test_turned_down_at_the_write_after_a_try_that_left_nothing_is_what_it_is(error: Exception) -> None:
    log = MemoryLog()
    things = Things(there={"t1": dict(GREEN)}, before_effect=[RetryableError("429"), error])
    await through(log, things, [asked("r1")])
    (outcome,) = outcomes(log)
    assert outcome["status"] == ("conflict" if isinstance(error, ConflictError) else "refused")
    assert "broke off" not in outcome["error"]


class Halves(Things):
    """Its first try gets half-way and loses its answer; the second is refused."""

    async def carry_out(self, request: ThingRequest, plan: Plan, /, *, started: bool) -> Result:
        if self.there[request.thing_id] == GREEN:
            self.there[request.thing_id] = dict(PINK)
            raise RetryableError("503")
        raise RefusedError("forbidden")


async def test_turned_down_at_the_write_after_a_try_that_left_a_part_is_told_with_it() -> None:
    log = MemoryLog()
    await through(log, Halves(there={"t1": dict(GREEN)}), [asked("r1")])
    (outcome,) = outcomes(log)
    assert (outcome["status"], outcome["before"], outcome["after"]) == ("failed", GREEN, PINK)
    assert "an earlier try broke off" in outcome["error"]


async def test_what_a_process_without_a_log_had_begun_is_explained_and_nothing_is_done_about_it() -> None:
    """All of it there, a part, none that anybody could see, and fields that this version does not know."""
    door = Door({"thing": (things := Things(there={"t1": dict(BLUE)}))}, LogEnds(), lambda: NOW, lambda: NOW)
    begun = Begun(id="b", time=NOW, subject="thing/t1", request_id="r1", before=GREEN, after=BLUE)
    told = await door.explained(asked("r1"), begun)
    assert (told.status, told.before, told.after, told.error) == ("done", GREEN, BLUE, None)
    things.there["t1"] = dict(PINK)
    told = await door.explained(asked("r1"), begun)
    assert (told.status, told.before, told.after) == ("failed", GREEN, PINK)
    assert str(told.error).startswith("its process was stopped before it was done; an earlier try broke off")
    things.planning, things.hidden = [RefusedError("forbidden")], True
    told = await door.explained(asked("r1"), begun)
    assert (told.status, told.after, told.facts["intended"]) == ("failed", {}, BLUE)
    told = await door.explained(asked("r1", flavour="salt"), begun)
    assert (told.status, told.before, told.facts["intended"]) == ("failed", GREEN, BLUE)
    assert "flavour" in str(told.error)
    assert things.writes == []
