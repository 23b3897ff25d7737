"""A queue's routing in the official API: targets by medium, wrap-up and preferred agents, replaced as a whole.

A queue has no version: the guard is dateModified, and a fresh read right before the write. What
the guides put into rules (priorities, skills) stands on contacts there, and is set by the flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from processor.clients.api import Api, NotFound, Reply, Time
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.queues import (
    Activation,
    AuditEntry,
    Efficiency,
    Member,
    OnShift,
    RuleForm,
    Settings,
    absent,
    until_active,
)
from processor.clients.genesys.pages import chunks, entities, path_id
from processor.clients.genesys.platform.queues import TOLD_BY_GENESYS
from processor.clients.genesys.platform.staffing import AT_ONCE, Staffing
from processor.errors import NotValid, RefusedError
from processor.event import instant

MEDIA = {"email": "email", "voice": "call", "message": "message", "chat": "chat", "callback": "callback"}
MANDATORY = "MANDATORY"
COUNTED = ("nOffered", "oServiceLevel", "tAnswered", "tAbandon", "tHandle")
AUDITS_ON_A_PAGE = 50
LONGEST_AUDIT = timedelta(days=14)
"""The realtime query reaches no further back."""


class Queues:
    """The job `Queues` in the official dialect."""

    rules: RuleForm = "preferred-agents"

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks
        self._staffing = Staffing(api, clocks)

    async def get(self, queue_id: str) -> Found:
        """See `Queues.get`; the guard is dateModified."""
        try:
            return _found(await self._api.request("GET", _path(queue_id)))
        except NotFound as missing:
            raise absent(queue_id, missing) from missing

    def settings(self, found: Found, queue_type: str | None) -> Settings:
        """The target of one medium (email, when none is said, as the guide's queues are)."""
        shown = queue_type or "email"
        level = _medium(found.body, shown).get("serviceLevel") or {}
        if level.get("durationMs") is None:
            what = f"queue {found.body.get('name')} has no service level for {shown}"
            raise NotValid(what, f"one of {', '.join(_served(found.body))}", places=(("queueType", what),))
        return {
            "queueType": shown,
            "slaPercent": _short(100 * float(level.get("percentage", 0))),
            "slaTarget": _short(level["durationMs"] / 1000),
            "wrapUpPolicy": (found.body.get("acwSettings") or {}).get("wrapupPrompt"),
            "routingRules": list(found.body.get("routingRules") or ()),
        }

    def wanted(self, found: Found, settings: Settings) -> Settings:
        """`required` and `optional` are the guide's words for several prompts of the official API."""
        policy = settings.get("wrapUpPolicy")
        present = str((found.body.get("acwSettings") or {}).get("wrapupPrompt") or "")
        prompts = {
            "required": present if present.startswith(MANDATORY) else MANDATORY,
            "optional": "OPTIONAL",
        }
        return {**settings, "wrapUpPolicy": prompts.get(str(policy), policy)}

    def write(self, found: Found, settings: Settings) -> Write:
        """As it came, with these settings, without what only Genesys may say."""
        body = {name: value for name, value in found.body.items() if name not in TOLD_BY_GENESYS}
        medium = MEDIA[settings["queueType"]]
        media = dict(found.body.get("mediaSettings") or {})
        level = {
            "percentage": round(settings["slaPercent"] / 100, 6),
            "durationMs": round(settings["slaTarget"] * 1000),
        }
        media[medium] = {**media[medium], "serviceLevel": {**media[medium]["serviceLevel"], **level}}
        if not (media.get("callback") or {"mode": "-"}).get("mode", "-"):
            media["callback"] = {name: value for name, value in media["callback"].items() if name != "mode"}
        body |= {"mediaSettings": media, "routingRules": list(settings["routingRules"])}
        if settings["wrapUpPolicy"]:
            body["acwSettings"] = {**(body.get("acwSettings") or {}), "wrapupPrompt": settings["wrapUpPolicy"]}
        return Write("PUT", _path(str(found.body["id"])), body)

    async def send(self, write: Write) -> Found:
        """See `Queues.send`: 409 means that another change was under way."""
        return _found(await self._api.request(write.method, write.path, json=write.body))

    async def arrived(self, before: Found, written: Found, settings: Settings) -> Activation:
        """Until the content is what was written, no older than the write: dateModified alone tells not what changed."""

        def judge(found: Found) -> Literal["active", "overtaken"] | None:
            if found.guard < written.guard:
                return None
            if dict(self.settings(found, settings["queueType"])) == dict(settings):
                return "active"
            return "overtaken" if found.guard > written.guard else None

        return await until_active(lambda: self.get(str(before.body["id"])), judge, self._clocks)

    async def unknown_skills(self, skill_ids: Sequence[str]) -> Sequence[str] | None:
        """See `Queues.unknown_skills`."""
        return await unknown_skills(self._api, skill_ids)

    async def members(self, queue_id: str) -> Sequence[Member]:
        """See `Queues.members`."""
        return await self._staffing.members(queue_id)

    async def on_shift(self, user_ids: Sequence[str]) -> Mapping[str, OnShift]:
        """See `Queues.on_shift`."""
        return await self._staffing.on_shift(user_ids)

    async def webhook(self, queue_id: str, url: str) -> str | None:
        """The official API has none."""
        raise _no_webhooks(queue_id, url)

    def register(self, queue_id: str, url: str) -> Write:
        """The official API has none."""
        raise _no_webhooks(queue_id, url)

    async def registered(self, write: Write) -> str:
        """The official API has none."""
        raise _no_webhooks(write.path, "")

    async def efficiency(self, queue_id: str, start: datetime, end: datetime) -> Efficiency:
        """All media of the queue together, by conversation aggregates."""
        query = {
            "interval": f"{instant(start)}/{instant(end)}",
            "groupBy": ["queueId"],
            "filter": {
                "type": "and",
                "predicates": [
                    {"type": "dimension", "dimension": "queueId", "operator": "matches", "value": path_id(queue_id)}
                ],
            },
            "metrics": list(COUNTED),
        }
        path = "/api/v2/analytics/conversations/aggregates/query"
        results = (await self._api.request("POST", path, json=query, repeatable=True)).json().get("results") or ()
        return _efficiency([one for result in results for data in result["data"] for one in data.get("metrics") or ()])

    async def audits(self, queue_id: str, start: datetime, end: datetime) -> Sequence[AuditEntry]:
        """From the realtime query, which reaches two weeks back."""
        query = {
            "interval": f"{instant(max(start, end - LONGEST_AUDIT))}/{instant(end)}",
            "serviceName": "ContactCenter",
            "filters": [{"property": "EntityType", "value": "Queue"}, {"property": "EntityId", "value": queue_id}],
            "pageSize": AUDITS_ON_A_PAGE,
        }
        found: list[AuditEntry] = []
        number, last = 0, 1
        while number < last:
            number += 1
            asked = {**query, "pageNumber": number}
            reply = await self._api.request("POST", "/api/v2/audits/query/realtime", json=asked, repeatable=True)
            found += [_entry(one) for one in reply.json().get("entities") or ()]
            last = int(reply.json().get("pageCount") or 0)
        return sorted(found, key=lambda entry: entry.at, reverse=True)


async def unknown_skills(api: Api, skill_ids: Sequence[str]) -> Sequence[str]:
    """Those that the organisation does not have; both dialects list skills at this address."""
    known: set[str] = set()
    for some in chunks(skill_ids, AT_ONCE):
        known |= {str(one["id"]) async for one in entities(api, "/api/v2/routing/skills", {"id": list(some)})}
    return [skill for skill in skill_ids if skill not in known]


def changes(told: Any) -> tuple[str, ...]:
    """`property: old → new`, one line each."""
    lines = []
    for one in told if isinstance(told, list) else ():
        old, new = (", ".join(map(str, one.get(name) or ())) or "nothing" for name in ("oldValues", "newValues"))
        lines.append(f"{one.get('property')}: {old} → {new}")
    return tuple(lines)


def _no_webhooks(queue_id: str, url: str) -> RefusedError:
    return RefusedError(f"the official API has no webhooks: nobody would tell {url or 'anybody'} of {queue_id}")


def _path(queue_id: str) -> str:
    return f"/api/v2/routing/queues/{path_id(queue_id)}"


def _found(reply: Reply) -> Found:
    body = reply.json()
    return Found(body, str(body.get("dateModified") or ""), reply.asked, body.get("modifiedBy"))


def _medium(body: Mapping[str, Any], queue_type: str) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = (body.get("mediaSettings") or {}).get(MEDIA[queue_type]) or {}
    return settings


def _served(body: Mapping[str, Any]) -> list[str]:
    return [shown for shown in MEDIA if (_medium(body, shown).get("serviceLevel") or {}).get("durationMs") is not None]


def _efficiency(metrics: Sequence[Mapping[str, Any]]) -> Efficiency:
    stats = {str(one["metric"]): one["stats"] for one in metrics}

    def average(name: str) -> float | None:
        told = stats.get(name) or {}
        return round(told["sum"] / told["count"] / 1000, 3) if told.get("count") else None

    ratio = (stats.get("oServiceLevel") or {}).get("ratio")
    return Efficiency(
        offered=int((stats.get("nOffered") or {}).get("count", 0)),
        abandoned=int((stats.get("tAbandon") or {}).get("count", 0)),
        average_wait_seconds=average("tAnswered"),
        average_handle_seconds=average("tHandle"),
        sla_percent=None if ratio is None else _short(100 * ratio),
    )


def _entry(body: Mapping[str, Any]) -> AuditEntry:
    by = body.get("user") or body.get("client") or {}
    return AuditEntry(
        id=str(body.get("id") or ""),
        at=str(body.get("eventDate") or ""),
        action=str(body.get("action") or ""),
        by=str(by.get("name") or by.get("id") or ""),
        changes=changes(body.get("propertyChanges")),
    )


def _short(value: float) -> float:
    """Whole numbers as such: 90, not 90.00000000000001."""
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded
