"""Whoever may have lost a partition changes nothing outside: how that is proven, asked, and waited for."""

from __future__ import annotations

import asyncio

import pytest

from processor import tenure
from processor.clients.api import ApiPolicy
from processor.clients.pace import MINUTE
from processor.errors import FarSideDown, RetryableError
from processor.eventlog import kafka_seats, kafka_tenure
from processor.eventlog.kafka_connection import POLL_MS, SESSION_MS
from processor.eventlog.kafka_tenure import Tenure
from tests.unit.engine import Fact, fact, put, running, until
from tests.unit.farside import Clock, api_to, said, script
from tests.unit.memorylog import MemoryLog
from tests.unit.outside import Outside, committed

SESSION = 30.0


class Group:
    """What its coordinator would say, and a clock."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.asked = 0
        self.member = True
        self.generation = 4
        self.tenure = Tenure(self.prove, SESSION, lambda: self.generation, lambda: self.now)

    async def prove(self) -> None:
        self.asked += 1
        with self.tenure.proof():
            await asyncio.sleep(0)
            self.now += 1
            if not self.member:
                raise RetryableError("another generation")

    async def later(self, seconds: float) -> bool:
        """Time passes, and somebody asks now and then; whether it holds at the end."""
        self.now += seconds
        self.tenure.keep()
        self.tenure.keep()
        for _ in range(4):
            await asyncio.sleep(0)
        return self.tenure.valid


async def test_it_holds_for_less_than_a_session_from_before_the_last_proof_was_asked_for() -> None:
    group = Group()
    assert not group.tenure.valid, "nothing is proven yet"
    await group.prove()
    asked = group.now - 1
    group.member = False
    group.now = asked + SESSION * 5 / 6 - 0.1
    assert group.tenure.valid
    group.now += 0.2
    assert not group.tenure.valid
    with pytest.raises(RetryableError):
        await group.prove()
    assert not group.tenure.valid, "a question is no proof"


async def test_it_is_kept_by_asking_in_time_and_one_question_at_a_time() -> None:
    group = Group()
    assert await group.later(0)
    assert group.asked == 1
    assert await group.later(1), "it is not time yet"
    assert group.asked == 1
    for times in range(2, 10):
        assert await group.later(SESSION / 5)
        assert group.asked == times
    group.member = False
    assert await group.later(SESSION / 2)
    assert not await group.later(SESSION / 2)
    group.member = True
    assert await group.later(1), "it was Kafka's word that was missing, no more"


async def test_it_holds_under_the_generation_of_its_proof_only() -> None:
    group = Group()
    await group.prove()
    assert group.tenure.valid
    group.generation = -1  # Kafka has not known us when we sent a sign of life
    assert not group.tenure.valid
    await group.prove()
    assert not group.tenure.valid, "a group without members takes commits of anybody"
    group.generation = 5
    assert not group.tenure.valid, "nothing is proven under this one yet"
    await group.prove()
    assert group.tenure.valid


async def test_a_commit_that_another_generation_overtakes_proves_nothing() -> None:
    group = Group()
    with group.tenure.proof():
        group.generation = 5
    assert not group.tenure.valid


def test_who_polls_no_more_leaves_when_nothing_is_proven_any_more() -> None:
    """After its last poll a round may still commit, and then ask for a proof: one after the other."""
    last_asked_for = 2 * kafka_seats.COMMIT_SECONDS
    assert last_asked_for + SESSION_MS / 1000 * kafka_tenure.PROVEN < POLL_MS / 1000


async def test_at_the_end_what_was_asked_is_answered_before_the_connection_goes() -> None:
    group = Group()
    group.tenure.keep()
    await group.tenure.end()
    assert group.tenure.valid


async def test_at_the_end_a_question_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_tenure, "ANSWERED_WITHIN", 0.01)
    given_up = asyncio.Event()

    async def prove() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    kept = Tenure(prove, SESSION, lambda: 1, lambda: 0.0)
    kept.keep()
    await kept.end()
    assert given_up.is_set()
    assert not kept.valid


async def test_a_request_is_not_sent_while_it_does_not_hold_and_that_is_no_fault_of_the_far_side() -> None:
    await asyncio.create_task(_ask_while_it_holds())


async def _ask_while_it_holds() -> None:
    ours = False
    tenure.act_while(lambda: ours)
    async with api_to(script(said(200, {}))) as (api, far):
        for _ in range(20):
            with pytest.raises(FarSideDown, match="another process") as refused:
                await api.request("PUT", "/x")
            assert refused.value.retry_after == tenure.AGAIN
        assert (far.asked, api.is_down) == ([], False)
        ours = True
        await api.request("PUT", "/x")
        assert len(far.asked) == 1


async def test_whether_it_is_still_ours_is_asked_after_the_wait_for_a_turn() -> None:
    await asyncio.create_task(_lose_it_while_waiting())


async def _lose_it_while_waiting() -> None:
    class Losing(Clock):
        async def sleep(self, seconds: float) -> None:
            nonlocal ours
            ours = False
            await super().sleep(seconds)

    ours = True
    tenure.act_while(lambda: ours)
    clock = Losing()
    async with api_to(script(said(200, {})), policy=ApiPolicy(attempts=1, per_minute=1), clock=clock) as (api, far):
        await api.request("PUT", "/x")
        with pytest.raises(FarSideDown, match="another process"):
            await api.request("PUT", "/x")
        assert (clock.slept, len(far.asked)) == ([MINUTE], 1)


async def test_what_may_be_anothers_waits_and_goes_on_when_it_is_known_to_be_ours() -> None:
    log, asked = MemoryLog(), list[bool]()
    outside = Outside()
    tell = outside.__call__

    async def ask_first(event: Fact):
        try:
            tenure.check()
        except FarSideDown:
            asked.append(False)
            raise
        asked.append(True)
        return await tell(event)

    group = outside.group(handler=ask_first)
    async with running(group, log):
        await until(lambda: "outside" in log.members)
        log.members["outside"][0].known = False
        await put(log, [fact("s/0", 1)])
        await until(lambda: len(asked) > 3)
        assert outside.total() == 0
        log.members["outside"][0].known = True
        await until(lambda: outside.total() == 1)
    assert set(asked[:-1]) == {False}
    assert await committed(log) == 1


async def test_what_was_taken_away_meanwhile_is_not_done_any_more() -> None:
    log, outside = MemoryLog(), Outside()
    tried = asyncio.Event()

    async def ask_first(event: Fact):
        tried.set()
        tenure.check()
        return await outside(event)

    async with running(outside.group(handler=ask_first), log):
        await until(lambda: "outside" in log.members)
        log.members["outside"][0].known = False
        await put(log, [fact("s/0", 1)])
        await tried.wait()
        await log.take_away("outside", range(4))
        assert outside.total() == 0
    assert outside.total() == 0
    assert await committed(log) == 0
