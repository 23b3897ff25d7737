"""The details of conversations, page by page: who came when, which the working-hours guide compares hours with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.clock import parse, stamp
from sandbox.floor import Floor
from sandbox.genesys.guard import Call, Json, Refusal, Route
from sandbox.names import uid


class Conversations:
    """`POST /api/v2/analytics/conversations/details/query`, in the shape of the official API."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def routes(self) -> list[Route]:
        """What is served."""
        path = "/api/v2/analytics/conversations/details/query"
        return [Route("POST", path, self.details, ("analytics:conversations:read",))]

    def details(self, call: Call) -> Json:
        """The inbound conversations of the span on the queues that the segment filters name, by their beginning."""
        body = call.body if isinstance(call.body, dict) else {}
        try:
            start, end = (self._floor.seconds(parse(text)) for text in str(body.get("interval")).split("/"))
        except ValueError as error:
            raise Refusal(400, "invalid.interval", "The interval is not of the form start/end") from error
        paging = body.get("paging") or {}
        size, number = int(paging.get("pageSize", 25)), int(paging.get("pageNumber", 1))
        if not 1 <= size <= 100 or number < 1:
            raise Refusal(400, "invalid.value", "pageSize is from 1 to 100, pageNumber from 1")
        wanted = {p["value"] for f in body.get("segmentFilters") or () for p in f.get("predicates") or ()}
        found = sorted(self._between(start, end, wanted), key=lambda one: str(one["conversationStart"]))
        return {"conversations": found[(number - 1) * size : number * size], "totalHits": len(found)}

    def _between(self, start: float, end: float, wanted: set[str]) -> Iterator[Json]:
        for queue_id, contacts in self._floor.contacts.items():
            if wanted and queue_id not in wanted:
                continue
            media = self._floor.queues[queue_id].media
            for contact in contacts:
                if start <= contact.arrival.at < end:
                    yield _conversation(queue_id, media, stamp(self._floor.moment(contact.arrival.at)))


def _conversation(queue_id: str, media: str, began: str) -> dict[str, Any]:
    segment = {"segmentType": "interact", "segmentStart": began, "queueId": queue_id}
    session = {"mediaType": media, "direction": "inbound", "segments": [segment]}
    return {
        "conversationId": uid("conversation", f"{queue_id}/{began}"),
        "conversationStart": began,
        "originatingDirection": "inbound",
        "participants": [{"purpose": "acd", "sessions": [session]}],
    }
