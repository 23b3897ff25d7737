"""What the command `request` does, apart from reading files and printing: hand in, carry out, plan, take back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

import handlers
from handlers.door import CONFIGURE, NOT_CONFIGURED
from handlers.requests.brake import BrakeRequest
from handlers.requests.plans import Plan
from handlers.requests.stories import problems_of, there
from handlers.requests.words import Request
from processor.app.farsides import far_sides
from processor.app.log import log_file, open_log, utc_now
from processor.app.policy import policy
from processor.app.requests.handing_in import Wait, as_asked, hand_in, state, undoing
from processor.app.requests.oneshot import OneShot, Unanswered
from processor.app.requests.trail import Trail, as_line
from processor.errors import ConflictError, NotValid, PoisonError, RefusedError, RetryableError
from processor.event import instant
from processor.eventlog import EventLog
from processor.settings import Settings, SettingsError
from processor.telemetry import Metrics

AT_ONCE = 500
STILL_WAITING = 10.0
CODES: Mapping[str, int] = {"done": 0, "conflict": 4, "refused": 5}
INVALID, FAILED, UNREACHABLE = 3, 1, 6


def exit_code(outcome: Mapping[str, Any]) -> int:
    """What an outcome means for a script: INTERFACE §1."""
    if outcome["status"] == "refused" and (outcome.get("facts") or {}).get("problems"):
        return INVALID
    return CODES.get(str(outcome["status"]), FAILED)


@dataclass(frozen=True, slots=True)
class Planned:
    """What would happen; `error` when it would be turned down, neither it nor a plan for a word to the loop."""

    request: Request
    plan: Plan | None = None
    error: Exception | None = None

    @property
    def code(self) -> int:
        """The exit code that the request would have."""
        if self.error is None:
            return 0
        return (
            INVALID
            if isinstance(self.error, PoisonError | NotValid)
            else 4
            if isinstance(self.error, ConflictError)
            else 5
        )

    def shown(self) -> dict[str, Any]:
        """Names and values for people and programs: the difference by field, the facts, the exact calls."""
        told: dict[str, Any] = {"request": self.request.kind, "subject": self.request.subject()}
        if self.plan is None and self.error is None:
            return {**told, "would": "be handed to the loop, which carries it out"}
        if self.plan is None:
            remedy = getattr(self.error, "remedy", None)
            told |= {"would": "be refused", "error": str(self.error), **({"remedy": remedy} if remedy else {})}
            if isinstance(self.error, ConflictError) and (found := there(self.error.found)):
                told["there"] = _plain(found)
            return {**told, **(problems_of(self.error) if self.error else {})}
        told["would"] = "change" if self.plan.calls else "change nothing: it is so already"
        told["changes"] = dict(_changes(self.plan.before, self.plan.after))
        if self.plan.facts:
            told["facts"] = _plain(self.plan.facts)
        told["calls"] = [
            {
                "method": call.method,
                "path": call.path,
                **({"headers": dict(call.headers)} if call.headers else {}),
                **({"body": _plain(call.body)} if call.body is not None else {}),
            }
            for call in self.plan.calls
        ]
        return told


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in dict.fromkeys([*before, *after]):
        was, becomes = _plain(before.get(name)), _plain(after.get(name))
        if was != becomes:
            yield name, {"before": was, "after": becomes}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))


@dataclass(slots=True)
class Requesting:
    """`say` gets sentences for people."""

    settings: Settings
    far: handlers.FarSides
    by: str
    say: Callable[[str], None]
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _log: EventLog | None = None
    _trail: Trail = field(init=False)

    def __post_init__(self) -> None:
        self._trail = Trail(self.settings.audit_file)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, *, by: str, say: Callable[[str], None]) -> AsyncIterator[Requesting]:
        """Raises `SettingsError` when Genesys is not configured. The log is opened when it is needed."""
        async with far_sides(settings, Metrics.build(), utc_now) as far, AsyncExitStack() as stack:
            yield cls(settings, far, by, say, stack)

    async def undoing(self, request_id: str, *, with_log: bool) -> Request:
        """The reverse of what this request did, from its outcome in the log, or in the audit file."""
        found = self._trail.found(request_id)
        if found is None and (with_log or self._has_log()):
            found = await state(await self.log(), request_id)
        if found is None:
            raise NotValid(
                f"no request {request_id} is known",
                "its id stands in what `request` printed, in genesys.outcomes and in the AUDIT_FILE",
            )
        return undoing(found, self._one_shot().rules)

    def _has_log(self) -> bool:
        return not self.settings.log.startswith("sqlite:") or log_file(self.settings).exists()

    async def log(self) -> EventLog:
        """Opened once."""
        if self._log is None:
            self._log = await self._stack.enter_async_context(open_log(self.settings))
        return self._log

    def _one_shot(self) -> OneShot:
        self._check_configured()
        return OneShot(policy(self.settings), self.far, utc_now, self._trail)

    async def explain(self) -> None:
        """What processes before this one had begun with `--now` when they were killed: told once, in the audit file."""
        for left in self._trail.left():
            asked = left.asked
            said = f"request {asked.id} ({asked.kind} {asked.subject}, asked for at {instant(asked.time)})"
            try:
                outcome = await self._one_shot().explain(asked, left.begun)
            except RetryableError as error:
                self._trail.release(left)
                self.say(f"{said} was stopped half-way; Genesys does not answer how it stands: {error}")
            else:
                self.say(
                    f"{said} was stopped half-way and is {outcome.status}: {outcome.error or 'all of it is there'}"
                )

    def _check_configured(self) -> None:
        if self.far.jobs is None:
            raise SettingsError(f"{NOT_CONFIGURED}: {CONFIGURE}")

    async def plans(self, requests: Sequence[Request]) -> AsyncIterator[Planned]:
        """One after the other. Raises `RetryableError` when Genesys does not answer."""
        one_shot = None
        for request in requests:
            if isinstance(request, BrakeRequest):
                yield Planned(request)
                continue
            one_shot = one_shot or self._one_shot()
            try:
                planned = Planned(request, await one_shot.plan(request))
            except (PoisonError, RefusedError) as error:
                planned = Planned(request, error=error)
            yield planned

    async def carry_out(self, requests: Sequence[Request]) -> AsyncIterator[dict[str, Any]]:
        """The outcomes, in order; ends with the first that Genesys does not answer, and says what was not tried."""
        await self.explain()
        one_shot = self._one_shot()
        for number, request in enumerate(requests):
            try:
                outcome = await one_shot.carry_out(as_asked(request, utc_now(), by=self.by))
            except Unanswered as unanswered:
                yield as_line(unanswered.outcome)
                self.say(f"{len(requests) - number} of {len(requests)} requests were not carried out")
                raise unanswered.error from None
            yield as_line(outcome)

    async def hand_in(self, requests: Sequence[Request], *, wait: bool) -> AsyncIterator[dict[str, Any]]:
        """`{id, kind, subject}` of each once it is durable; with `wait` then how each ended, as it comes."""
        if not all(isinstance(request, BrakeRequest) for request in requests):
            self._check_configured()
        log = await self.log()
        asked = [as_asked(request, utc_now(), by=self.by) for request in requests]
        waiting = await Wait.begin(log, asked)
        for start in range(0, len(asked), AT_ONCE):
            await hand_in(log, asked[start : start + AT_ONCE])
            for one in asked[start : start + AT_ONCE]:
                yield {"id": one.id, "kind": one.kind, "subject": one.subject}
        if wait:
            async for end in waiting.ends(asked, self._patient()):
                yield end

    def _patient(self) -> Callable[[float], Any]:
        """Sleeps, and once says what may be missing."""
        slept = 0.0

        async def sleep(seconds: float) -> None:
            nonlocal slept
            if slept < STILL_WAITING <= slept + seconds:
                self.say("still waiting: is `serve` running with the role requests? Ctrl-C leaves, the request goes on")
            slept += seconds
            await asyncio.sleep(seconds)

        return sleep
