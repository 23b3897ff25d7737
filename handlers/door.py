"""The door for requests: each is read, handled once, carried out by the rules of its kind, and gets an outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from handlers.events import Begun, FreezeRequested, Lookup, Outcome, Requested
from handlers.requests.brake import BrakeRequest
from handlers.requests.ends import REMEMBERED, STARTED, Ends, braking, content
from handlers.requests.kinds import KINDS, read
from handlers.requests.plans import Configure, Plan, Result, Story
from handlers.requests.stories import UNREADABLE, announced, broken_off, finished, outcome, turned_down
from handlers.requests.unread import entry
from handlers.requests.words import InvalidRequest, Request
from processor.errors import PoisonError, RefusedError
from processor.event import Gone, Publishable
from processor.eventlog import Record
from processor.routing import Steps

log = logging.getLogger("processor.requests")

Clock = Callable[[], datetime]

NOT_CONFIGURED = "requests are off: there are no credentials for Genesys"
STOPPED = "its process was stopped before it was done"
CONFIGURE = "set PROCESSOR_GENESYS_CLIENT_ID and PROCESSOR_GENESYS_CLIENT_SECRET"


@dataclass(frozen=True, slots=True)
class Door:
    """`configures`: the rules of each kind; None when Genesys is not configured, and every request is refused.

    Once per id: an id that has an outcome does nothing more. What stands there is in the log before
    the first call, so that the outcome tells it however often the process dies. What cannot be made
    conditional is also announced by an outcome `started`; when it comes again after that, its rules
    look for it first. RetryableError passes: the engine waits and tries again.
    """

    configures: Mapping[str, Configure[Any]] | None
    ends: Ends
    now: Clock
    far_now: Clock
    """Genesys's clock: a look-here is answered by what was asked later than this."""

    def reads(self, record: Record) -> Requested | None:
        """The loop's own form of a request is none of ours, as long as it lies where the loop reads it."""
        if record.message.headers.get("ce_type") == FreezeRequested.type and self._for_the_loop(record):
            return None
        return Requested.from_record(record)

    def _for_the_loop(self, record: Record) -> bool:
        try:
            event = FreezeRequested.from_record(record)
        except (KeyError, TypeError, ValueError):
            return False
        return event.subject == record.message.key and self.ends.home(event.subject) == record.partition

    async def __call__(self, asked: Requested) -> Steps:
        """Every end is an outcome; only what may still succeed is raised."""
        request = _read(asked)
        subject = request.subject() if isinstance(request, Request) else asked.subject or f"request/{asked.id}"
        if self._astray(asked, subject):
            yield [asked.model_copy(update={"subject": subject})]
            return
        status = await self._status(asked, request, subject)
        if status not in (None, STARTED):
            log.info("request-repeated", extra={"request": asked.id, "subject": subject, "status": status})
        elif isinstance(request, BrakeRequest):
            yield [request.for_the_loop(asked)]
        elif isinstance(request, InvalidRequest):
            story = Story(asked.id, self.now(), "refused")
            yield [self.outcome(asked, None, turned_down(story, None, request, 0))]
        else:
            async with aclosing(self._carry_out(asked, request, started=status == STARTED)) as steps:
                async for batch in steps:
                    yield batch

    async def explained(self, asked: Requested, begun: Begun) -> Outcome:
        """How it stands with a request whose process was stopped after its first call, where nobody goes on with it.

        Asks only. `done` when all of it is there; else what is there, as of a try that broke off.
        """
        request = _read(asked)
        if isinstance(request, InvalidRequest):  # another version has begun it
            story = turned_down(Story(asked.id, self.now(), ""), None, request, 0)
            return self.outcome(asked, None, broken_off(story, begun, {}))
        case = _Case(self, asked, request, self.now(), begun)
        plan = await case.planned()
        if isinstance(plan, Outcome):
            return plan
        if not plan.calls:
            return case.told(finished(case.story, plan, Result(begun.before, plan.after), 0))
        return await case.stopped(plan)

    async def _status(self, asked: Requested, request: Request | InvalidRequest, subject: str) -> str | None:
        """Raises `PoisonError` for an id that stands for another request: nobody would hear of this one.

        One that is old is new, or its group begins anew at a place far back: then nothing of it is done again.
        """
        end = self.ends.end(subject, asked.id)
        if end is None and asked.time < self.now() - REMEMBERED:
            end = await self.ends.long_ago(subject, asked.id, asked.time)
        if end is None:
            return None
        if end.content != _content(asked, request):
            raise PoisonError(f"the id {asked.id} was used for another request about {subject}: choose a new one", "id")
        return end.status

    async def _carry_out(self, asked: Requested, request: Request, *, started: bool) -> Steps:
        case = _Case(self, asked, request, self.now(), self.ends.first_try(asked.subject, asked.id))
        plan = await case.planned()
        if isinstance(plan, Outcome):
            yield [plan, *case.over(begun=False)]
            return
        if plan.calls and (first := case.announcements(plan, started=started)):
            yield first
        # A marker that is older than what is remembered may be there all the same: look before creating.
        started = plan.creates and (started or asked.time < case.begun - REMEMBERED)
        result = await case.carried_out(plan, started=started)
        if isinstance(result, Outcome):
            yield [result, *case.over(begun=bool(plan.calls))]
            return
        told = case.told(finished(case.story, plan, result, case.latency_ms()))
        looks = [self._look(asked, what) for what in result.look]
        yield [told, *looks, *result.publish, *case.over(begun=bool(plan.calls))]

    def rules(self, kind: str) -> Configure[Any]:
        """Raises RefusedError when Genesys is not configured, or this kind cannot be done there."""
        if self.configures is None:
            raise RefusedError(NOT_CONFIGURED, CONFIGURE)
        if kind not in self.configures:
            raise RefusedError(f"nothing here carries out {kind}", f"one of {', '.join(self.configures)}")
        return self.configures[kind]

    def _astray(self, asked: Requested, subject: str) -> bool:
        """Whether it lies where others about the same subject do not: no order, and another process's table."""
        if not asked.sequence:
            return False  # handed in without a log
        return asked.subject != subject or self.ends.home(subject) != int(asked.sequence.partition("-")[0])

    def outcome(self, asked: Requested, request: Request | None, story: Story) -> Outcome:
        """The story as a record, with the audit entry of its kind. `request` None: it could not be read."""
        if request is None:
            audit = entry(asked.kind, asked.fields, story)
            return outcome(asked, story, kind=_kind(asked), fields={}, audit=audit, now=self.now())
        audit = self._audit(request, story)
        return outcome(asked, story, kind=request.kind, fields=request.fields(), audit=audit, now=self.now())

    def _audit(self, request: Request, story: Story) -> Mapping[str, Any]:
        """None while nothing has come of it: the guides' entries know success and failure only."""
        if story.status == STARTED:
            return {}
        rules = (self.configures or {}).get(request.kind)
        return rules.audit(request, story) if rules else entry(request.kind, request.fields(), story)

    def _look(self, asked: Requested, what: str) -> Lookup:
        now = self.far_now()
        return Lookup(
            id=f"{asked.id}/{what}",
            time=now,
            subject=asked.subject,
            source=asked.source,
            cause=asked.id,
            trace=asked.trace,
            what=what,
            why=f"after {asked.kind}",
            since=now,
        )


@dataclass(frozen=True, slots=True)
class _Case:
    """One request on its way through the rules of its kind."""

    door: Door
    asked: Requested
    request: Request
    begun: datetime
    earlier: Begun | None
    """What the first try found and meant, if there was one that came to a call."""

    @property
    def story(self) -> Story:
        return Story(self.asked.id, self.begun, "")

    def latency_ms(self) -> float:
        return (self.door.now() - self.begun).total_seconds() * 1000

    def told(self, story: Story) -> Outcome:
        return self.door.outcome(self.asked, self.request, story)

    async def planned(self) -> Plan | Outcome:
        try:
            return await self.door.rules(self.request.kind).plan(self.request)
        except (PoisonError, RefusedError) as error:
            return self.told(await self._standing(turned_down(self.story, None, error, self.latency_ms())))

    def announcements(self, plan: Plan, *, started: bool) -> list[Publishable]:
        """What must be in the log before the first call, as far as no earlier try has said it."""
        said: list[Publishable] = []
        if self.earlier is None:
            said.append(
                Begun(
                    id=f"{self.asked.id}/begun",
                    time=self.door.now(),
                    subject=self.asked.subject,
                    source=self.asked.source,
                    cause=self.asked.id,
                    trace=self.asked.trace,
                    request_id=self.asked.id,
                    before=plan.before,
                    after=plan.after,
                )
            )
        return [*said, self.told(announced(self.story, plan))] if plan.creates and not started else said

    def over(self, *, begun: bool) -> list[Publishable]:
        """It has its end: nobody needs to know any more what stood there before. `begun`: by this try."""
        if self.earlier is None and not begun:
            return []
        asked = self.asked
        return [Gone(f"{asked.id}/over", Begun.topic, asked.subject, asked.source, self.door.now(), asked.id)]

    async def carried_out(self, plan: Plan, *, started: bool) -> Result | Outcome:
        """What an earlier try left there is no longer as it was before: a refusal now leaves that standing."""
        before = plan.before if self.earlier is None else self.earlier.before
        rules = self.door.rules(self.request.kind)
        try:
            return await rules.carry_out(self.request, replace(plan, before=before), started=started)
        except (PoisonError, RefusedError) as error:
            story = turned_down(self.story, plan, error, self.latency_ms())
            return self.told(story if before == plan.before else await self._standing(story))

    async def stopped(self, plan: Plan) -> Outcome:
        """A part of the plan is not there, and nobody goes on with it."""
        story = replace(self.story, error=STOPPED, facts=plan.facts)
        return self.told(await self._standing(story))

    async def _standing(self, story: Story) -> Story:
        """With what an earlier try may have left, where there was one."""
        if self.earlier is None:
            return story
        try:
            there = await self.door.rules(self.request.kind).present(self.request)
        except (PoisonError, RefusedError):
            there = {}
        return broken_off(story, self.earlier, there)


def _kind(asked: Requested) -> str:
    """Of one that cannot be read."""
    return asked.kind if asked.kind in KINDS else UNREADABLE


def _content(asked: Requested, request: Request | InvalidRequest) -> str:
    """As an end of it would tell."""
    if isinstance(request, InvalidRequest):
        return content(_kind(asked), {})
    return (
        braking(request.for_the_loop(asked))
        if isinstance(request, BrakeRequest)
        else content(request.kind, request.fields())
    )


def _read(asked: Requested) -> Request | InvalidRequest:
    try:
        return read(asked.kind, asked.fields)
    except InvalidRequest as error:
        return error
