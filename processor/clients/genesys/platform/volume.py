"""The last hour of queues: what waits now, and what was offered, answered and abandoned.

Asked for are the rolling hour as one bucket (no granularity) and the two last whole half hours.
Service levels are counted, not taken from `oServiceLevel`: that one answers to the queue's present
target, which the loop itself may have moved; a view `within-<seconds>` counts the contacts that were
answered sooner than any target one cares to judge by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api
from processor.clients.genesys import Answer
from processor.clients.genesys.pages import chunks, entities, path_id
from processor.clients.genesys.platform.queues import queue_state
from processor.event import instant, whole_milliseconds

QUEUES_AT_ONCE = 50
OBSERVED = ("oWaiting", "oInteracting", "oAlerting", "oLongestWaiting", "oOnQueueUsers")
COUNTED = ("nOffered", "oServiceLevel", "tAnswered", "tAbandon", "tHandle", "tWait")
HOUR = timedelta(hours=1)
HALF_HOUR = timedelta(minutes=30)
Targets = Mapping[str, Mapping[str, float]]
Row = Mapping[str, Any]


class Volumes:
    """Polls analytics for many queues with few requests."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def get(self, targets: Targets, queue_ids: Sequence[str]) -> list[Answer]:
        """One answer a queue; a queue that is deleted meanwhile has none."""
        answers: list[Answer] = []
        for some in chunks([path_id(queue_id) for queue_id in queue_ids], QUEUES_AT_ONCE):
            answers += await self._some(targets, some)
        return answers

    async def _some(self, targets: Targets, queue_ids: Sequence[str]) -> list[Answer]:
        judged = {
            queue_id: {**present, **targets.get(queue_id, {})}
            for queue_id, present in (await self._present_targets(queue_ids)).items()
        }
        if not judged:
            return []
        reply = await self._api.request(
            "POST", "/api/v2/analytics/queues/observations/query", json=observations(list(judged)), repeatable=True
        )
        now = whole_milliseconds(reply.asked)
        observed: Sequence[Row] = reply.json().get("results") or []
        seconds = {value for media in judged.values() for value in media.values()}
        counted: list[Row] = []
        for query in (
            aggregates(list(judged), seconds, now - HOUR, now),
            aggregates(list(judged), seconds, half_hour(now) - HOUR, half_hour(now), "PT30M"),
        ):
            path = "/api/v2/analytics/conversations/aggregates/query"
            counted += (await self._api.request("POST", path, json=query, repeatable=True)).json().get("results") or []
        return [
            Answer(
                "volume",
                f"queue/{queue_id}",
                {
                    "queueId": queue_id,
                    "asked": instant(now),
                    "targets": media,
                    "observations": _of(queue_id, observed),
                    "aggregates": _of(queue_id, counted),
                },
                now,
            )
            for queue_id, media in judged.items()
        ]

    async def _present_targets(self, queue_ids: Sequence[str]) -> dict[str, Mapping[str, float]]:
        wanted = set(queue_ids)
        return {
            queue["id"]: queue_state(queue).service_level_seconds
            async for queue in entities(self._api, "/api/v2/routing/queues", {"id": list(queue_ids)})
            if queue["id"] in wanted
        }


def observations(queue_ids: Iterable[str]) -> dict[str, Any]:
    """What waits now and who is there, by queue and medium."""
    return {"filter": {"type": "or", "predicates": _any_of(queue_ids)}, "metrics": list(OBSERVED)}


def aggregates(
    queue_ids: Iterable[str], seconds: Iterable[float], start: datetime, end: datetime, granularity: str | None = None
) -> dict[str, Any]:
    """What came in the interval, with a view for each target."""
    return {
        "interval": f"{instant(start)}/{instant(end)}",
        **({"granularity": granularity} if granularity else {}),
        "groupBy": ["queueId", "mediaType"],
        "filter": {"type": "or", "predicates": _any_of(queue_ids)},
        "metrics": list(COUNTED),
        "views": [
            {
                "target": "tAnswered",
                "name": f"within-{value:g}",
                "function": "rangeBound",
                "range": {"gte": 0, "lt": value * 1000},
            }
            for value in sorted(set(seconds))
        ],
    }


def half_hour(moment: datetime) -> datetime:
    """The start of the half hour that `moment` lies in."""
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


def _any_of(queue_ids: Iterable[str]) -> list[dict[str, str]]:
    return [
        {"type": "dimension", "dimension": "queueId", "operator": "matches", "value": queue_id}
        for queue_id in queue_ids
    ]


def _of(queue_id: str, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.get("group", {}).get("queueId") == queue_id]
