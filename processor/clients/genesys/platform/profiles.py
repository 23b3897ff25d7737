"""What a routing profile does, by the official API: a user's skills, a user's capacity, a queue's wrap-up codes.

None of the three has a version: each is read right before it is written, and what is equal is not
written. `utilizationPercent` of a skill is the proficiency (100 is 5), that of the whole the share
of what the organisation lets an agent handle at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from processor.clients.api import Api, Forbidden, NotFound
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.profiles import Fields, Load, Place
from processor.clients.genesys.pages import chunks, entities, path_id
from processor.errors import ConflictError
from processor.event import instant

SKILLS, CAPACITY, WRAP_UP_CODES = "routing skills of agent", "utilization of agent", "wrap-up codes of queue"
LISTS = {
    "skill": "/api/v2/routing/skills",
    "wrap-up-code": "/api/v2/routing/wrapupcodes",
    "queue": "/api/v2/routing/queues",
}
AGGREGATES = "/api/v2/analytics/conversations/aggregates/query"
COUNTED = ("tWait", "tHandle", "tAbandon")
CODES_AT_ONCE = 100
BEST = 5.0
"""The highest proficiency."""


class Profiles:
    """The job `Profiles` in the official dialect."""

    lacks: Mapping[str, str] = {
        "profileId": "userIds: the official API has no routing profiles, the same is set for each agent",
        "name": "nothing: agents share no profile that could have a name",
        "overflowRoutingTargets": (
            "conditional group routing of the queue, or a transfer to another queue in its in-queue flow"
        ),
        "wrapUpCodes.default": "default: false; the script or the flow of the queue presets a wrap-up code",
    }

    def __init__(self, api: Api) -> None:
        self._api = api

    def places(self, fields: Fields) -> Sequence[Place]:
        """The queue's codes first: agents that may use more should find them there."""
        users = [str(user) for user in fields["userIds"]]
        codes = [Place(WRAP_UP_CODES, str(fields["queueId"]))] if "wrapUpCodes" in fields else []
        skills = [Place(SKILLS, user) for user in users] if "skillAssignments" in fields else []
        shares = fields.keys() & {"utilizationPercent", "maximumCapacities"}
        return (*codes, *skills, *([Place(CAPACITY, user) for user in users] if shares else []))

    async def read(self, place: Place, /) -> Found:
        """What is there, under a key of our own for each of the bodies that it takes to tell."""
        try:
            body = await self._parts(place)
        except NotFound as missing:
            field = "queueId" if place.kind == WRAP_UP_CODES else "userIds"
            raise missing.named(field, f"there are no {place}", "an id that exists in Genesys") from missing
        return Found(body, "", self._api.now())

    async def _parts(self, place: Place) -> dict[str, Any]:
        if place.kind == CAPACITY:
            own = (await self._api.request("GET", _path(place))).json()
            if own.get("level") != "Agent":
                return {"own": own, "organisation": own}
            return {"own": own, "organisation": (await self._api.request("GET", "/api/v2/routing/utilization")).json()}
        return {"entities": [one async for one in entities(self._api, _path(place))]}

    def told(self, place: Place, found: Found, /) -> Fields:
        """See `Profiles.told`."""
        if place.kind == CAPACITY:
            return {"maximumCapacities": _capacities(found.body["own"])}
        if place.kind == WRAP_UP_CODES:
            return {"wrapUpCodes": [{"id": one["id"], "default": False} for one in found.body["entities"]]}
        return {"skillAssignments": [_assignment(one) for one in found.body["entities"]]}

    def aim(self, place: Place, found: Found, wanted: Fields, /) -> Fields:
        """A share of what the organisation allows is worked out here: capacities are whole."""
        if place.kind != CAPACITY:
            name = "wrapUpCodes" if place.kind == WRAP_UP_CODES else "skillAssignments"
            return {name: wanted[name]}
        there = _capacities(found.body["own"])
        if said := wanted.get("maximumCapacities"):
            return {"maximumCapacities": {**there, **said}}
        allowed = _capacities(found.body["organisation"])
        percent = float(wanted["utilizationPercent"])
        return {"maximumCapacities": {**there, **{medium: _share(most, percent) for medium, most in allowed.items()}}}

    def writes(self, place: Place, found: Found, aim: Fields, /) -> Sequence[Write]:
        """See `Profiles.writes`; codes are added before others are taken away."""
        if place.kind == CAPACITY:
            return (Write("PUT", _path(place), _with_capacities(found.body, aim["maximumCapacities"])),)
        if place.kind == WRAP_UP_CODES:
            return tuple(_codes(place, found, aim))
        skills = [{"id": one["skill"]["id"], "proficiency": proficiency(one)} for one in aim["skillAssignments"]]
        return (Write("PUT", f"{_path(place)}/bulk", skills),)

    async def send(self, place: Place, write: Write, /) -> Found:
        """What is there after the call, read again: not every answer shows the whole."""
        try:
            await self._api.request(write.method, write.path, json=write.body, repeatable=True)
        except NotFound as missing:
            raise ConflictError(f"it is gone meanwhile: {missing}") from missing
        return await self.read(place)

    async def missing(self, kind: str, ids: Collection[str], /) -> Sequence[str] | None:
        """By the list, all pages; deleted ones do not count."""
        if not ids:
            return []
        params = {"id": list(ids)} if kind != "wrap-up-code" else {}
        try:
            known = {
                str(one["id"])
                async for one in entities(self._api, LISTS[kind], params)
                if one.get("state", "active") == "active"
            }
        except Forbidden:
            return None
        return [one for one in ids if one not in known]

    async def sessions(self) -> int | None:
        """The official API does not tell of licences: Genesys checks them itself."""
        return None

    async def load(self, queue_id: str, span: timedelta, /) -> Load | None:
        """By the aggregates of all media, in one bucket."""
        now = self._api.now()
        query = {
            "interval": f"{instant(now - span)}/{instant(now)}",
            "groupBy": ["queueId"],
            "filter": {
                "type": "or",
                "predicates": [
                    {"type": "dimension", "dimension": "queueId", "operator": "matches", "value": path_id(queue_id)}
                ],
            },
            "metrics": list(COUNTED),
        }
        rows = (await self._api.request("POST", AGGREGATES, json=query, repeatable=True)).json().get("results") or []
        stats = [
            (metric["metric"], metric.get("stats") or {})
            for row in rows
            for datum in row.get("data") or []
            for metric in datum.get("metrics") or []
        ]

        def total(name: str, field: str) -> float:
            return sum(float(found.get(field) or 0) for metric, found in stats if metric == name)

        waited = total("tWait", "count")
        average = total("tWait", "sum") / waited / 1000 if waited else 0.0
        return Load(average, total("tHandle", "count"), total("tAbandon", "count")) if stats else None


def proficiency(assignment: Fields) -> float:
    """The percentage on the official scale, to the tenth of a percent."""
    return round(float(assignment["utilizationPercent"]) / 100 * BEST, 3)


def _assignment(skill: Mapping[str, Any]) -> dict[str, Any]:
    percent = round(float(skill.get("proficiency") or 0) / BEST * 100, 1)
    return {"skill": {"id": skill["id"], "name": skill.get("name") or ""}, "utilizationPercent": percent}


def _path(place: Place) -> str:
    return {
        SKILLS: f"/api/v2/users/{path_id(place.id)}/routingskills",
        CAPACITY: f"/api/v2/routing/users/{path_id(place.id)}/utilization",
        WRAP_UP_CODES: f"/api/v2/routing/queues/{path_id(place.id)}/wrapupcodes",
    }[place.kind]


def _capacities(body: Mapping[str, Any]) -> dict[str, int]:
    media = body.get("utilization") or {}
    return {medium: int(said.get("maximumCapacity") or 0) for medium, said in sorted(media.items())}


def _share(most: int, percent: float) -> int:
    """Half a conversation counts as one, and whoever is used at all can take one."""
    if not percent or not most:
        return 0
    return max(1, int(most * percent / 100 + 0.5))


def _with_capacities(body: Mapping[str, Any], capacities: Mapping[str, int]) -> dict[str, Any]:
    """What is there with other numbers: what may interrupt what, labels and the rest stay."""
    own = body["own"]
    media = {
        medium: {**(own.get("utilization") or {}).get(medium, {}), "maximumCapacity": number}
        for medium, number in capacities.items()
    }
    labels = {
        key: {name: value for name, value in label.items() if name != "labelName"}
        for key, label in (own.get("labelUtilizations") or {}).items()
    }
    kept = {"maxInboundCalls": own["maxInboundCalls"]} if own.get("maxInboundCalls") is not None else {}
    return {"utilization": media, **({"labelUtilizations": labels} if labels else {}), **kept}


def _codes(place: Place, found: Found, aim: Fields) -> Iterator[Write]:
    there = [str(one["id"]) for one in found.body["entities"]]
    wanted = [str(one["id"]) for one in aim["wrapUpCodes"]]
    for some in chunks([one for one in wanted if one not in there], CODES_AT_ONCE):
        yield Write("POST", _path(place), [{"id": one} for one in some])
    for one in there:
        if one not in wanted:
            yield Write("DELETE", f"{_path(place)}/{path_id(one)}")
