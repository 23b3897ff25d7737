"""The door for requests: each is read, handled once, carried out by the rules of its kind, and gets an outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from handlers.events import FreezeRequested, Lookup, Outcome, Requested
from handlers.requests.brake import BrakeRequest
from handlers.requests.ends import REMEMBERED, STARTED, Ends
from handlers.requests.kinds import KINDS, read
from handlers.requests.plans import Configure, Plan, Result, Story
from handlers.requests.stories import UNREADABLE, announced, broken_off, finished, outcome, turned_down
from handlers.requests.unread import entry
from handlers.requests.words import InvalidRequest, Request
from processor.errors import PoisonError, RefusedError, RetryableError
from processor.eventlog import Record
from processor.routing import Steps

log = logging.getLogger("processor.requests")

Clock = Callable[[], datetime]

NOT_CONFIGURED = "requests are off: there are no credentials for Genesys"
MOST_BROKEN_OFF = 10_000
CONFIGURE = "set PROCESSOR_GENESYS_CLIENT_ID and PROCESSOR_GENESYS_CLIENT_SECRET"


@dataclass(frozen=True, slots=True)
class Door:
    """`configures`: the rules of each kind; None when Genesys is not configured, and every request is refused.

    Once per id: an id that has an outcome does nothing more. What cannot be made conditional is
    announced by an outcome `started` before it is tried; when it comes again after that, its rules
    look for it first. RetryableError passes: the engine waits and tries again.
    """

    configures: Mapping[str, Configure[Any]] | None
    ends: Ends
    now: Clock
    far_now: Clock
    """Genesys's clock: a look-here is answered by what was asked later than this."""
    first_seen: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """By id of a request whose try broke off: what was there before it, which a part of it may have changed."""

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
        status = self.ends.status(subject, asked.id)
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

    async def _carry_out(self, asked: Requested, request: Request, *, started: bool) -> Steps:
        case = _Case(self, asked, request, self.now())
        plan = await case.planned()
        if isinstance(plan, Outcome):
            yield [plan]
            return
        if plan.creates and plan.calls and not started:
            yield [case.told(announced(case.story, plan))]
        # A marker that is older than what is remembered may be there all the same: look before creating.
        started = plan.creates and (started or asked.time < case.begun - REMEMBERED)
        plan = replace(plan, before=self.first_seen.pop(asked.id, plan.before))
        try:
            result = await case.carried_out(plan, started=started)
        except RetryableError:
            self._remember(asked.id, plan.before)
            raise
        if isinstance(result, Outcome):
            yield [result]
            return
        told = case.told(finished(case.story, plan, result, case.latency_ms()))
        yield [told, *(self._look(asked, what) for what in result.look), *result.publish]

    def _remember(self, request_id: str, before: Mapping[str, Any]) -> None:
        self.first_seen[request_id] = before
        while len(self.first_seen) > MOST_BROKEN_OFF:
            del self.first_seen[next(iter(self.first_seen))]

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
            kind = asked.kind if asked.kind in KINDS else UNREADABLE
            audit = entry(asked.kind, asked.fields, story)
            return outcome(asked, story, kind=kind, fields={}, audit=audit, now=self.now())
        rules = (self.configures or {}).get(request.kind)
        audit = rules.audit(request, story) if rules else entry(request.kind, request.fields(), story)
        return outcome(asked, story, kind=request.kind, fields=request.fields(), audit=audit, now=self.now())

    def _look(self, asked: Requested, what: str) -> Lookup:
        now = self.far_now()
        return Lookup(
            id=f"{asked.id}/{what}",
            time=now,
            subject=asked.subject,
            source=asked.source,
            cause=asked.id,
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
            story = turned_down(self.story, None, error, self.latency_ms())
            earlier = self.door.first_seen.pop(self.asked.id, None)
            return self.told(story if earlier is None else broken_off(story, earlier))

    async def carried_out(self, plan: Plan, *, started: bool) -> Result | Outcome:
        try:
            return await self.door.rules(self.request.kind).carry_out(self.request, plan, started=started)
        except (PoisonError, RefusedError) as error:
            return self.told(turned_down(self.story, plan, error, self.latency_ms()))


def _read(asked: Requested) -> Request | InvalidRequest:
    try:
        return read(asked.kind, asked.fields)
    except InvalidRequest as error:
        return error
