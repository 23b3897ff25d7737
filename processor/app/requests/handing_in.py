"""Requests and the log: handing them in, what became of them, and what would take one back."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from handlers.events import Decision, FreezeRequested, Outcome, Requested
from handlers.requests.brake import BrakeRequest
from handlers.requests.ends import REMEMBERED, STARTED
from handlers.requests.kinds import KINDS, read
from handlers.requests.plans import Configure
from handlers.requests.stories import INTENDED
from handlers.requests.words import Request
from processor.app.whereabouts import search
from processor.deadletters import DEADLETTERS
from processor.envelope import id_of
from processor.errors import ConflictError, RefusedError
from processor.event import instant
from processor.eventlog import EventLog, Record
from processor.eventlog.partitions import partition_of

GROUP = "requests"
"""The consumer group that carries requests out: its dead letters are theirs."""
LOOK_EVERY = 0.2
NOT_UNDONE: Mapping[str, str] = {
    "started": "nobody knows yet how it ends: look at Genesys, then at its outcome once more",
    "unknown": "nobody knows whether it was created: look at Genesys",
    "refused": "it was refused, so there is nothing to take back",
    "conflict": "it met what somebody else had changed and wrote nothing",
}


def as_asked(
    request: Request, now: datetime, *, by: str = "", request_id: str | None = None, trace: str = ""
) -> Requested:
    """A request with an id of its own; `by` where it does not say itself who asks."""
    signed = request if request.by or not by else request.model_copy(update={"by": by})
    return Requested(
        id=request_id or str(uuid.uuid4()),
        time=now,
        subject=request.subject(),
        trace=trace,
        kind=request.kind,
        fields=signed.fields(),
    )


async def hand_in(log: EventLog, asked: Sequence[Requested]) -> None:
    """Durable when it returns; the loop's brake goes in the form that the loop reads."""
    await log.append([_form(one).to_message() for one in asked])


def _form(asked: Requested) -> Requested | FreezeRequested:
    request = read(asked.kind, asked.fields)
    return request.for_the_loop(asked) if isinstance(request, BrakeRequest) else asked


async def state(log: EventLog, request_id: str) -> dict[str, Any] | None:
    """`pending` until there is an outcome, a decision of the loop, or a dead letter; None for an unknown id."""
    asked = await _asked(log, request_id)
    partitions = [partition_of(asked.message.key, log.partitions)] if asked else list(range(log.partitions))
    ends = []
    for topic in (DEADLETTERS, Decision.topic, Outcome.topic):  # a dead letter may have been replayed since
        ends += [
            end for record in await search(log, topic, partitions, request_id) if (end := _end(record, request_id))
        ]
    if asked is None and not ends:
        return None
    told = {"status": "pending", **pending(asked)} if asked else {}
    final = [end for end in ends if end["status"] != STARTED]
    return {**told, **(final or ends or [{}])[-1], "id": request_id}


async def _asked(log: EventLog, request_id: str) -> Record | None:
    """The record itself; of a writer who gave no id the place is the id."""
    if place := re.fullmatch(r"request@(\d{1,4})-(\d{1,18})", request_id):
        partition, offset = int(place[1]), int(place[2])
        if partition < log.partitions:
            async for record in log.read(Requested.topic, partition, offset, offset + 1):
                return record
    found = await search(log, Requested.topic, range(log.partitions), request_id)
    asked = [record for record in found if record.message.value is not None]  # what asks for nothing has no end
    return asked[-1] if asked else None


def pending(record: Record) -> dict[str, Any]:
    """What was asked, by whom, and the id under which its end is told."""
    data, headers = _data(record), record.message.headers
    fields = {name: value for name, value in data.items() if name != "kind"}
    return {
        "id": id_of(record),
        "kind": data.get("kind"),
        "subject": record.message.key,
        "by": data.get("by"),
        "time": headers.get("ce_time") or instant(record.timestamp),
        "request": fields,
    }


def _end(record: Record, request_id: str) -> dict[str, Any] | None:
    """What this record says of the request's end, if it does."""
    headers, data = record.message.headers, _data(record)
    told = {"subject": record.message.key, "time": headers.get("ce_time")}
    if record.topic == Outcome.topic:
        return {**data, **told} if data.get("requestId") == request_id else None
    if headers.get("ce_id") != request_id:
        return None
    if record.topic == Decision.topic:
        return {**told, "requestId": request_id, "status": "done", "decision": data}
    if headers.get("dlq_group") != GROUP:
        return None
    letter = {"deadLetter": headers.get("dlq_id"), "error": headers.get("dlq_error"), "time": headers.get("dlq_time")}
    return {**told, "requestId": request_id, "kind": data.get("kind"), "status": "failed", **letter}


class Wait:
    """Made before requests are handed in, so that no end of theirs is missed."""

    def __init__(self, log: EventLog, positions: dict[tuple[str, int], int]) -> None:
        self._log = log
        self._positions = positions

    @classmethod
    async def begin(cls, log: EventLog, asked: Sequence[Requested]) -> Wait:
        """From now on, in the partitions of these."""
        partitions = {partition_of(one.subject, log.partitions) for one in asked}
        topics = (Outcome.topic, Decision.topic, DEADLETTERS)
        return cls(log, {(t, p): (await log.bounds(t, p))[1] for t in topics for p in partitions})

    async def ends(
        self, asked: Sequence[Requested], sleep: Callable[[float], Any] = asyncio.sleep
    ) -> AsyncIterator[dict[str, Any]]:
        """The end of each, as it comes, without limit of time."""
        open_ids = {one.id: one.kind for one in asked}
        while open_ids:
            async for record in self._news():
                request_id = _data(record).get("requestId") or record.message.headers.get("ce_id", "")
                if request_id in open_ids and (end := _end(record, request_id)) and end["status"] != STARTED:
                    yield {"kind": open_ids.pop(request_id), **end}
            if open_ids:
                await sleep(LOOK_EVERY)

    async def _news(self) -> AsyncIterator[Record]:
        for (topic, partition), position in self._positions.items():
            _, end = await self._log.bounds(topic, partition)
            if end > position:
                self._positions[topic, partition] = end
                async for record in self._log.read(topic, partition, position, end):
                    yield record


def undoing(outcome: Mapping[str, Any], rules: Callable[[str], Configure[Any]]) -> Request:
    """The request that takes this outcome back, as long as what it left is still there.

    Raises `RefusedError` when there is nothing to take back or nobody can, saying why.
    """
    status, kind, request_id = outcome.get("status"), outcome.get("kind"), outcome.get("requestId")
    if status in NOT_UNDONE:
        raise RefusedError(f"request {request_id} ended as {status!r} and cannot be undone", NOT_UNDONE[str(status)])
    if kind not in KINDS or not request_id:
        raise RefusedError(f"{kind} is no request that can be undone", "resume a frozen queue with `queues resume`")
    if outcome.get("deadLetter"):
        raise RefusedError(
            f"request {request_id} is a dead letter: {outcome.get('error')}", "replay it, or look at Genesys"
        )
    if status == "pending" or "after" not in outcome:
        raise RefusedError(f"request {request_id} has no outcome yet", "wait for it: `GET /requests/<id>` tells")
    before, after = outcome.get("before") or {}, _left(outcome)
    if before == after:
        raise RefusedError(f"request {request_id} changed nothing, so there is nothing to take back")
    if status == "failed" and not after:
        raise RefusedError(
            f"nobody knows what request {request_id} left: what others did since could not be told from it",
            "look at Genesys, and hand in what shall be there",
        )
    fields = rules(str(kind)).reverse(read(str(kind), outcome.get("request") or {}), before, after)
    return read(str(kind), {**fields, "expected": after, "undoes": request_id})


def _left(outcome: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it left there; of what nobody could see after a try that broke off, what that one meant to leave."""
    seen: Mapping[str, Any] = outcome.get("after") or {}
    meant: Mapping[str, Any] = (outcome.get("facts") or {}).get(INTENDED) or {}
    if seen == outcome.get("before"):
        return meant or seen  # it may have been on its way, and show later
    return {**meant, **seen}


async def known_already(log: EventLog, asked: Requested) -> bool:
    """Whether the same was handed in lately under this id. Raises `ConflictError` when it was another request.

    That one may be about another thing, and lie elsewhere.
    """
    lately = asked.time - REMEMBERED
    for record in await search(log, Requested.topic, range(log.partitions), asked.id, since=lately):
        if record.message.headers.get("ce_id") == asked.id and record.timestamp >= lately:
            if _content(_data(record)) != _content(orjson.loads(_form(asked).to_message().value or b"{}")):
                raise ConflictError(f"the id {asked.id} was used for another request", remedy="choose a new one")
            return True
    return False


def _content(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "by"}


def _data(record: Record) -> dict[str, Any]:
    """Empty for what is no JSON object: other programs write to this topic too."""
    try:
        data = orjson.loads(record.message.value or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}
