from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from handlers.events import Lookup, Outcome
from handlers.look_up import LookUp
from handlers.reconcile import lookups_for_all, state_tick, volume_tick
from processor.clients.genesys import Answer, QueueChange, QueueState
from processor.errors import RefusedError, RetryableError
from processor.event import Envelope

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@dataclass
class Office:
    """A Genesys of few words: the body of each subject, and what it was asked."""

    bodies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    touched: Sequence[tuple[str, str]] = ()
    clock: datetime = NOON
    asked: list[str] = field(default_factory=list)
    trouble: Exception | None = None

    def now(self) -> datetime:
        return self.clock

    async def organisation_id(self) -> str:
        return "org-1"

    async def subjects(self) -> Sequence[str]:
        return list(self.bodies)

    async def look(
        self, what: str, subject: str, since: datetime, until: datetime | None, details: Mapping[str, Any]
    ) -> Sequence[Answer]:
        self.asked.append(f"{what} {subject}")
        if self.trouble:
            raise self.trouble
        return [Answer(what, subject, self.bodies.get(subject, {"deleted": True}), self.clock)]

    async def spread(self, what: str, subject: str, details: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        self.asked.append(f"spread {subject}")
        return self.touched

    async def volume(self, targets: Mapping[str, Mapping[str, float]], queues: Sequence[str]) -> Sequence[Answer]:
        return [Answer("volume", f"queue/{q}", {"targets": targets.get(q, {})}, self.clock) for q in queues]

    async def queue(self, queue_id: str) -> QueueState:
        raise AssertionError("a look-up reads; the loop changes queues")

    async def change_queue(self, change: QueueChange) -> tuple[QueueState, QueueState]:
        raise AssertionError("a look-up reads; the loop changes queues")


def lookup(name: str = "e1", *, since: datetime = NOON, subject: str = "queue/q1", what: str = "queue") -> Lookup:
    return Lookup(
        id=name, time=NOON, subject=subject, what=what, since=since, cause="raw-1", trace="00-ab", received_at=NOON
    )


async def ask(handler: LookUp, wanted: Lookup) -> list[Any]:
    return list(await handler(wanted) or ())


async def test_an_answer_is_a_delivery_of_its_own_caused_by_what_pointed_there() -> None:
    office = Office({"queue/q1": {"queue": {"id": "q1"}}}, clock=NOON + timedelta(seconds=3))
    (envelope,) = await ask(LookUp(office, lambda: NOON + timedelta(hours=1)), lookup())
    assert isinstance(envelope, Envelope)
    assert (envelope.type, envelope.subject, envelope.source) == ("answer.queue", "queue/q1", "genesys/org-1")
    assert (envelope.time, envelope.time_source) == (NOON + timedelta(seconds=3), "")
    assert (envelope.cause, envelope.trace, envelope.received_at) == ("raw-1", "00-ab", NOON)
    assert orjson.loads(envelope.data) == {"queue": {"id": "q1"}}
    assert envelope.id.startswith("e1.")


async def test_the_same_answer_to_the_same_look_here_has_the_same_id_and_another_has_not() -> None:
    office = Office({"queue/q1": {"v": 1}})
    handler = LookUp(office, lambda: NOON)
    first, second = (await ask(handler, lookup()))[0], (await ask(handler, lookup()))[0]
    office.bodies["queue/q1"] = {"v": 2}
    third = (await ask(handler, lookup()))[0]
    assert first.id == second.id != third.id


async def test_what_was_answered_later_is_not_asked_again() -> None:
    office = Office({"queue/q1": {}})
    handler = LookUp(office, lambda: NOON)
    assert await ask(handler, lookup("e1"))
    assert await ask(handler, lookup("e2", since=NOON)) == []
    assert await ask(handler, lookup("e3", since=NOON - timedelta(seconds=1))) == []
    assert office.asked == ["queue queue/q1"]


async def test_a_change_after_the_last_answer_is_asked_for() -> None:
    office = Office({"queue/q1": {}})
    handler = LookUp(office, lambda: NOON)
    await ask(handler, lookup("e1"))
    assert await ask(handler, lookup("e2", since=NOON + timedelta(milliseconds=1)))
    assert await ask(handler, lookup("e3", what="presence"))
    assert await ask(handler, lookup("e4", subject="queue/q2"))
    assert len(office.asked) == 4


async def test_a_look_here_that_comes_again_is_answered_again() -> None:
    """Its answer may never have reached the log."""
    office = Office({"queue/q1": {}})
    handler = LookUp(office, lambda: NOON)
    await ask(handler, lookup("e1"))
    assert await ask(handler, lookup("e1"))


async def test_what_failed_is_not_taken_for_answered() -> None:
    office = Office({"queue/q1": {}}, trouble=RetryableError("not now"))
    handler = LookUp(office, lambda: NOON)
    with pytest.raises(RetryableError):
        await ask(handler, lookup("e1"))
    office.trouble = None
    assert await ask(handler, lookup("e2"))


async def test_a_refusal_is_an_outcome_once_an_hour_and_no_dead_letter() -> None:
    moments = [NOON, NOON + timedelta(minutes=59), NOON + timedelta(minutes=59), NOON + timedelta(minutes=61)]
    office = Office(trouble=RefusedError("403", "grant wfm:schedule:view"))
    handler = LookUp(office, lambda: moments.pop(0))
    (outcome,) = await ask(handler, lookup("e1", what="shifts", subject="agent/a"))
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.status, outcome.subject) == ("look-up", "refused", "agent/a")
    assert outcome.error == "403 (grant wfm:schedule:view)"
    assert await ask(handler, lookup("e2", what="shifts", subject="agent/b")) == []
    assert len(await ask(handler, lookup("e3", what="presence", subject="agent/b"))) == 1
    assert len(await ask(handler, lookup("e4", what="shifts", subject="agent/c"))) == 1


@pytest.mark.parametrize(
    ("seconds", "lifted"), [(-10, False), (0, False), (0.2, True), (5, True), (5.1, False), (3600, False)]
)
async def test_an_answer_is_never_a_little_older_than_its_cause(seconds: float, lifted: bool) -> None:  # a table
    office = Office({"queue/q1": {}})
    since = NOON + timedelta(seconds=seconds)
    (envelope,) = await ask(LookUp(office, lambda: NOON), lookup(since=since))
    assert envelope.time == (since if lifted else NOON)
    assert envelope.id > "e1"  # at equal times the larger id wins: the answer's


async def test_a_subject_that_stands_for_many_becomes_a_look_here_each() -> None:
    office = Office(touched=[("shifts", "agent/b"), ("shifts", "agent/a"), ("shifts", "agent/b")])
    handler = LookUp(office, lambda: NOON)
    further = await ask(handler, lookup(subject="management-unit/m", what="agents-of"))
    assert [(one.id, one.what, one.subject) for one in further] == [
        ("e1/1", "shifts", "agent/a"),
        ("e1/2", "shifts", "agent/b"),
    ]
    assert {(one.cause, one.since, one.trace, one.received_at) for one in further} == {("raw-1", NOON, "00-ab", NOON)}


async def test_everything_is_looked_at_even_what_only_we_still_have() -> None:
    office = Office({"agent/a": {}, "queue/q": {}, "schedule-group/g": {}, "campaign/c": {}})
    lookups = await lookups_for_all(office, "first", lambda: ["queue/gone", "queue/q", "profile/p", "odd/o"])
    assert [(one.what, one.subject) for one in lookups] == [
        ("presence", "agent/a"),
        ("shifts", "agent/a"),
        ("campaign", "campaign/c"),
        ("profile", "profile/p"),
        ("queue", "queue/gone"),
        ("queue", "queue/q"),
        ("schedule-group", "schedule-group/g"),
    ]
    assert len({one.id for one in lookups}) == 7
    assert {(one.since, one.why, one.source) for one in lookups} == {(NOON, "first", "genesys/org-1")}


async def test_the_hourly_look_at_everything() -> None:
    tick = state_tick(Office({"queue/q": {}}))
    assert tick.every == timedelta(hours=1)
    assert [item.to_message().topic for item in await tick.work() or ()] == ["genesys.lookups"]


async def test_volume_is_judged_against_the_baselines_of_now() -> None:
    office = Office()
    targets = {"q1": {"email": 60.0}}
    tick = volume_tick(office, lambda: targets, lambda: ["q1", "q2"], lambda: NOON)
    first, second = await tick.work() or ()
    assert isinstance(first, Envelope)
    assert (first.type, first.subject, orjson.loads(first.data)) == (
        "answer.volume",
        "queue/q1",
        {"targets": {"email": 60.0}},
    )
    office.clock += timedelta(seconds=30)
    third, _ = await tick.work() or ()
    assert len({item.to_message().headers["ce_id"] for item in (first, second, third)}) == 3


async def test_no_queues_no_volume() -> None:
    assert list(await volume_tick(Office(), dict, list, lambda: NOON).work() or ()) == []
