"""A small kind of request and a far side for it: the door's tests need rules that are nobody's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field

from handlers.door import Door
from handlers.events import Requested
from handlers.requests.ends import LogEnds
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.words import Fields, Problem, Request
from processor.clients.genesys.jobs import Write
from processor.errors import ConflictError, RefusedError, UnknownEnd
from processor.event import Event
from processor.routing import Group, on

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)


class ThingRequest(Request):
    """A thing's colour and size; `new` makes one."""

    kind: ClassVar[str] = "thing"

    thing_id: str
    """Which."""
    colour: str = Field(max_length=10)
    """The colour it shall have."""
    size: int = 1
    new: bool = False

    def subject(self) -> str:
        return f"thing/{self.thing_id}"

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        if fields.get("colour") == "red" and fields.get("size", 1) != 1:
            yield Problem("size", "red things have size 1", "1")


class News(Event):
    type: ClassVar[str] = "test.notes.updated"
    topic: ClassVar[str] = "test.notes"


@dataclass
class Things:
    """Implements `Configure`; `there` is the far side."""

    there: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    plans: int = 0
    after_effect: list[BaseException] = field(default_factory=list)
    """Raised once each, after the effect: it is there, and nobody was told."""
    before_effect: list[BaseException] = field(default_factory=list)
    planning: list[BaseException] = field(default_factory=list)
    planning_later: list[BaseException] = field(default_factory=list)
    """Raised once each, from the second plan on."""
    searchable: bool = True
    hidden: bool = False
    """Nobody can see what is there, but for the plan."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)

    async def plan(self, request: ThingRequest, /) -> Plan:
        self.plans += 1
        if self.planning:
            raise self.planning.pop(0)
        if self.planning_later and self.plans > 1:
            raise self.planning_later.pop(0)
        if request.thing_id in self.held:
            await self.held[request.thing_id].wait()
        if request.new:
            return Plan({}, _wanted(request), [Write("POST", "/things", _wanted(request))], creates=True)
        if request.thing_id not in self.there:
            raise RefusedError(f"there is no thing {request.thing_id}", "make it first")
        before = dict(self.there[request.thing_id])
        if request.expected is not None and request.expected != before:
            raise ConflictError("somebody changed it since", found=before)
        calls = [] if before == _wanted(request) else [Write("PUT", f"/things/{request.thing_id}", _wanted(request))]
        return Plan(before, _wanted(request), calls, facts={"weight": 3})

    async def present(self, request: ThingRequest, /) -> Mapping[str, Any]:
        if self.hidden:
            raise RefusedError("not for us")
        return dict(self.there.get(request.thing_id, {}))

    async def carry_out(self, request: ThingRequest, plan: Plan, /, *, started: bool) -> Result:
        if self.before_effect:
            raise self.before_effect.pop(0)
        if request.new:
            self._make(request, started=started)
        elif plan.calls:
            self.writes.append(request.thing_id)
            self.there[request.thing_id] = _wanted(request)
        if self.after_effect:
            raise self.after_effect.pop(0)
        return Result(plan.before, plan.after, look=("thing",), publish=(_news(request),))

    def _make(self, request: ThingRequest, *, started: bool) -> None:
        if started and not self.searchable:
            raise UnknownEnd("it was started", "look for it")
        if not (started and request.thing_id in self.there):
            self.made.append(request.thing_id)
            self.there[request.thing_id] = _wanted(request)

    def audit(self, request: ThingRequest, story: Story, /) -> Mapping[str, Any]:
        return {"thing": request.thing_id, "result": story.status, "error": story.error}

    def reverse(
        self, request: ThingRequest, before: Mapping[str, Any], after: Mapping[str, Any], /
    ) -> Mapping[str, Any]:
        del after
        if request.new:
            raise RefusedError("things are never unmade", "leave it")
        return {"thingId": request.thing_id, **before}


def _wanted(request: ThingRequest) -> dict[str, Any]:
    return {"colour": request.colour, "size": request.size}


def _news(request: ThingRequest) -> News:
    return News(id=request.thing_id, time=NOW, subject=request.subject())


def asked(request_id: str, thing: str = "t1", **fields: Any) -> Requested:
    return Requested(
        id=request_id,
        time=NOW,
        subject=f"thing/{thing}",
        kind="thing",
        fields={"thingId": thing, "colour": "blue", **fields},
    )


def group(things: Things | None, now: datetime = NOW) -> Group:
    """The group as `handlers.requests` makes it, with our rules; None: Genesys is not configured."""
    ends = LogEnds()
    door = Door({"thing": things} if things else None, ends, lambda: now, lambda: now)
    return Group("requests", Requested.topic, (on(Requested, door),), follows=ends.tables, reads=door.reads)
