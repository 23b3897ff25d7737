"""One-shot: a request planned or carried out here and now, without log or server, by the rules of the door."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Protocol

import tenacity

import handlers
from handlers.door import CONFIGURE, NOT_CONFIGURED, Door
from handlers.events import Begun, Outcome, Requested
from handlers.requests.brake import BrakeRequest
from handlers.requests.ends import STARTED, End, content
from handlers.requests.kinds import read
from handlers.requests.plans import Configure, Plan, Story
from handlers.requests.stories import turned_down, unanswered
from handlers.requests.words import Request
from processor.clients.pace import Time
from processor.errors import FarSideDown, RefusedError, RetryableError, UnknownEnd

PATIENCE = timedelta(minutes=2)
"""For how long one request is tried again while Genesys answers, but not yes or no."""


class Unanswered(RetryableError):
    """Genesys gave no answer that decides it, but this `error`. `outcome` tells so, for the audit trail."""

    def __init__(self, error: RetryableError, outcome: Outcome) -> None:
        super().__init__(str(error), error.retry_after)
        self.error = error
        self.outcome = outcome


class _Memory:
    """What has begun in this process; there is no log to ask."""

    def __init__(self) -> None:
        self.known: dict[str, End] = {}
        self.begun: dict[str, Begun] = {}

    def first_try(self, subject: str, request_id: str) -> Begun | None:
        del subject
        return self.begun.get(request_id)

    def end(self, subject: str, request_id: str) -> End | None:
        del subject
        return self.known.get(request_id)

    async def long_ago(self, subject: str, request_id: str, when: datetime) -> End | None:
        del subject, request_id, when
        return None

    def home(self, subject: str) -> int | None:
        del subject
        return None


class Notes(Protocol):
    """Where a process without a log writes down what it does."""

    def keep(self, outcome: Outcome) -> None:
        """Each outcome, `started` too, before anything further is done."""
        ...

    def note(self, asked: Requested, begun: Begun) -> None:
        """What stood there, before the first call: for the next process, should this one be killed."""
        ...


class OneShot:
    """Carries out, plans and explains, and writes down what it does in `notes`."""

    def __init__(
        self,
        policy: handlers.Policy,
        far: handlers.FarSides,
        now: Callable[[], datetime],
        notes: Notes,
        clocks: Time | None = None,
    ) -> None:
        """Raises `RefusedError` when Genesys is not configured."""
        if far.jobs is None:
            raise RefusedError(NOT_CONFIGURED, CONFIGURE)
        self._now = now
        self._notes = notes
        self._clocks = clocks or Time()
        self._memory = _Memory()
        configures = handlers.configures(policy, far.jobs, now, self._clocks)
        self._door = Door(configures, self._memory, now, far.genesys.now if far.genesys else now)

    def rules(self, kind: str) -> Configure[Any]:
        """Raises `RefusedError` for a kind that cannot be carried out, here or in this dialect."""
        return self._door.rules(kind)

    async def plan(self, request: Request) -> Plan:
        """What would be done; nothing is written anywhere. Raises as the rules do."""
        _not_the_brake(request)
        return await self._door.rules(request.kind).plan(request)

    async def explain(self, asked: Requested, begun: Begun) -> Outcome:
        """How it stands with one that another process had begun and was killed. Writes nothing at Genesys."""
        outcome = await self._door.explained(asked, begun)
        self._notes.keep(outcome)
        return outcome

    async def carry_out(self, asked: Requested) -> Outcome:
        """How it ended. Raises `Unanswered` when it was not done and the far side may do it later."""
        request, begun = read(asked.kind, asked.fields), self._now()
        _not_the_brake(request)
        again = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_delay(PATIENCE),
            retry=tenacity.retry_if_exception(
                lambda e: isinstance(e, RetryableError) and not isinstance(e, FarSideDown)
            ),
            wait=_wait,
            sleep=self._clocks.sleep,
            reraise=True,
        )
        try:
            return await again(self._once, asked)
        except RetryableError as error:
            end = self._memory.known.get(asked.id)
            if end is None or end.status != STARTED:
                raise Unanswered(error, self._failed(asked, request, error, begun)) from error
            return self._unknown(asked, request, error)

    async def _once(self, asked: Requested) -> Outcome:
        last: Outcome | None = None
        async with aclosing(self._door(asked)) as steps:
            async for batch in steps:
                for event in batch:
                    if isinstance(event, Begun):
                        self._notes.note(asked, event)
                        self._memory.begun[asked.id] = event
                    if isinstance(event, Outcome):
                        last = event
                        self._memory.known[asked.id] = End(event.time, event.status, content(event.kind, event.request))
                        self._notes.keep(event)
        if last is None:
            raise RuntimeError(f"{asked.kind}: the door said nothing of {asked.id}")
        return last

    def _failed(self, asked: Requested, request: Request, error: RetryableError, begun: datetime) -> Outcome:
        took = (self._now() - begun).total_seconds() * 1000
        story = unanswered(Story(asked.id, begun, ""), error, self._memory.begun.get(asked.id), took)
        told = self._door.outcome(asked, request, story)
        self._notes.keep(told)
        return told

    def _unknown(self, asked: Requested, request: Request, error: RetryableError) -> Outcome:
        end = UnknownEnd(
            f"it was tried, and no answer says whether it was created: {error}",
            "look at Genesys, then hand it in once more if it is not there",
        )
        told = self._door.outcome(asked, request, turned_down(Story(asked.id, self._now(), ""), None, end, 0))
        self._notes.keep(told)
        return told


def _not_the_brake(request: Request) -> None:
    if isinstance(request, BrakeRequest):
        raise RefusedError(
            f"{request.kind} is a word to the loop, which reads it in the log",
            "hand it in without --now, or say `queues freeze|resume`",
        )


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = (error.retry_after if isinstance(error, RetryableError) else None) or timedelta()
    return max(asked.total_seconds(), tenacity.wait_random_exponential(multiplier=0.5, max=20)(state))
