"""What topics, callbacks and answers say about an agent → one state: presence, routing status, out of office, zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers.events import Lookup, OutOfOffice, Presence, PresenceUpdated, RoutingStatus
from handlers.normalise import words
from handlers.normalise.reading import Candidate, Context, Reading, look
from handlers.normalise.words import happened, mapping, moment
from processor.errors import PoisonError
from processor.event import Envelope, Fence
from processor.shapes import made, renewed
from processor.timezones import zone

PRESENCE = "presence"
ROUTING = "routing"
OUT_OF_OFFICE = "outOfOffice"
ZONE = "timeZone"
PRIMARY = "PURECLOUD"

Facet = tuple[Fence, dict[str, Any]]
"""When it became so, and the fields of the state that it sets."""


def read_presence(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.presence`. Only the primary source speaks for the agent."""
    if body.get("primary") is False:
        return Reading(ignored="not the agent's primary presence source")
    return _state(envelope, {PRESENCE: _presence(envelope, body, "message", "presenceDefinition.systemPresence")})


def read_routing_status(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.routingStatus`."""
    return _state(envelope, {ROUTING: _routing(envelope, mapping(body.get("routingStatus")), "routingStatus.status")})


def read_activity(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.activity`: all three in one, each with a time of its own."""
    facets: dict[str, Facet] = {}
    if presence := mapping(body.get("presence")):
        where = "presence.presenceDefinition.systemPresence"
        facets[PRESENCE] = _presence(envelope, presence, "presenceMessage", where)
    if routing := mapping(body.get("routingStatus")):
        facets[ROUTING] = _routing(envelope, routing, "routingStatus.status")
    if away := mapping(body.get("outOfOffice")):
        facets[OUT_OF_OFFICE] = _away(envelope, away)
    return _state(envelope, facets)


def read_out_of_office(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.outofoffice`: its dates say when the agent is away, not when that was set."""
    return _state(envelope, {OUT_OF_OFFICE: _away(envelope, body)})


def read_integration_presence(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.integrationpresence`: another program's word; which source counts may have changed."""
    if body.get("eventType") == "UserPrimaryPresenceSourceChanged":
        return Reading(lookups=(_look(envelope, "the primary presence source changed"),))
    if str(body.get("source")).upper() != PRIMARY:
        return Reading(ignored="not the agent's primary presence source")
    return _state(envelope, {PRESENCE: _presence(envelope, body, "message", "presenceDefinition.systemPresence")})


def read_adherence(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`…workforcemanagement.adherence`: repeats the presence and when it was set; of the routing status not when."""
    word = words.presence(body.get("systemPresence"))
    if moment(body.get("presenceUpdateTime")) is None or word is None:
        return Reading(ignored="it says nothing of presence")
    at = happened(body["presenceUpdateTime"], envelope)
    second = words.identifier(body.get("organizationSecondaryPresenceId"))
    return _state(envelope, {PRESENCE: (Fence(time=at, id=envelope.id), _present(word, second or None, at))})


def read_answer(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`answer.presence`: `{userId, presence, routingStatus, outOfOffice, timeZone?}`, the guide's, or deleted."""
    if body.get("deleted"):
        return _state(envelope, {"deleted": (Fence(time=envelope.time, id=envelope.id), {"deleted": True})})
    facets: dict[str, Facet] = {"deleted": (Fence(time=envelope.time, id=envelope.id), {"deleted": False})}
    if "presenceId" in body:
        facets[PRESENCE] = _guide_presence(envelope, body)
    if presence := mapping(body.get("presence")):
        facets[PRESENCE] = _presence(envelope, presence, "message", "presence.presenceDefinition.systemPresence")
    if routing := mapping(body.get("routingStatus")):
        facets[ROUTING] = _routing(envelope, routing, "routingStatus.status")
    if away := mapping(body.get("outOfOffice")):
        facets[OUT_OF_OFFICE] = _away(envelope, away)
    if body.get("timeZone"):
        facets[ZONE] = _zone(envelope, body["timeZone"])
    return _state(envelope, facets)


def read_guide(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """G5's callbacks, flat, wrapped or with local time. `presenceId` may be a word; an id that is none is looked up."""
    if "presenceId" not in body:
        raise PoisonError("a presence callback without presenceId", "presenceId")
    facets: dict[str, Facet] = {}
    if body.get("agentTimeZone"):
        facets[ZONE] = _zone(envelope, body["agentTimeZone"])
    word = words.presence(body["presenceId"])
    if word is None:
        found = _state(envelope, facets) if facets else Reading()
        return Reading(found.candidates, (_look(envelope, "a presence id is no word"),))
    fields = _present(word, words.identifier(body["presenceId"]) or None, envelope.time)
    if "customStatusMessage" in body:
        fields["message"] = _text(body["customStatusMessage"])
    facets[PRESENCE] = (Fence(time=envelope.time, id=envelope.id), fields)
    return _state(envelope, facets)


def _guide_presence(envelope: Envelope, body: Mapping[str, Any]) -> Facet:
    """What the guide's own question is answered with; it is as old as `modifiedDate` says."""
    word = words.presence(body["presenceId"])
    if word is None:
        raise PoisonError(f"no system presence: {body['presenceId']!r:.80}", "presenceId")
    at = happened(body.get("modifiedDate"), envelope)
    fields = _present(word, words.identifier(body["presenceId"]) or None, at)
    return Fence(time=at, id=envelope.id), {**fields, "message": _text(body.get("customStatusMessage"))}


def audited_presence(envelope: Envelope, word: object) -> Reading:
    """What an audit of UserPresence tells: the new presence as display text, at the audit's time."""
    found = words.presence(word)
    if found is None:
        return Reading(lookups=(_look(envelope, "an audit names a presence that is no system presence"),))
    return _state(
        envelope, {PRESENCE: (Fence(time=envelope.time, id=envelope.id), _present(found, None, envelope.time))}
    )


def _presence(envelope: Envelope, body: Mapping[str, Any], message: str, field: str) -> Facet:
    definition = mapping(body.get("presenceDefinition"))
    word = words.presence(definition.get("systemPresence"))
    if word is None:
        raise PoisonError(f"no system presence: {definition.get('systemPresence')!r:.80}", field)
    at = happened(body.get("modifiedDate"), envelope)
    fields = _present(word, words.identifier(definition.get("id")) or None, at)
    return Fence(time=at, id=envelope.id), {**fields, "message": _text(body.get(message))}


def _present(word: Presence, presence_id: str | None, at: datetime) -> dict[str, Any]:
    return {"presence": word, "presence_id": presence_id, "presence_since": at}


def _routing(envelope: Envelope, body: Mapping[str, Any], field: str) -> Facet:
    status = words.routing_status(body.get("status"))
    if status is None:
        raise PoisonError(f"no routing status: {body.get('status')!r:.80}", field)
    at = happened(body.get("startTime"), envelope)
    return Fence(time=at, id=envelope.id), {"routing_status": status, "routing_status_since": at}


def _away(envelope: Envelope, body: Mapping[str, Any]) -> Facet:
    if not isinstance(body.get("active"), bool):
        raise PoisonError("out of office should be true or false", "outOfOffice.active")
    indefinite = body.get("indefinite")
    away = made(
        OutOfOffice,
        {
            "active": body["active"],
            "start": moment(body.get("startDate")),
            "end": moment(body.get("endDate")),
            "indefinite": indefinite if isinstance(indefinite, bool) else None,
        },
    )
    return Fence(time=happened(body.get("modifiedDate"), envelope), id=envelope.id), {"out_of_office": away}


def _zone(envelope: Envelope, name: object) -> Facet:
    """The guide's rule: a zone that nobody knows counts as UTC, and is not trusted."""
    try:
        fields = {"time_zone": zone(name).key, "time_zone_trusted": True}
    except PoisonError:
        fields = {"time_zone": "UTC", "time_zone_trusted": False}
    return Fence(time=envelope.time, id=envelope.id), fields


def _text(value: object) -> str | None:
    return value or None if isinstance(value, str) else None


def _look(envelope: Envelope, why: str) -> Lookup:
    return look(envelope, "presence", why)


def _state(envelope: Envelope, facets: Mapping[str, Facet]) -> Reading:
    """One candidate: each facet sets its fields, and the state follows from all."""
    if not envelope.subject.startswith("agent/"):
        raise PoisonError("nobody says which agent this is about", "userId")
    if not facets:
        return Reading(ignored="it says nothing of the agent's state")
    gone = any(told.get("deleted") for _, told in facets.values())

    def merge(previous: PresenceUpdated | None, news: frozenset[str]) -> PresenceUpdated | None:
        if previous is None and gone:
            return None  # nobody was told of this agent
        before = previous or _blank(envelope)
        fields = dict(before.__dict__)
        for name in news:
            _set(fields, facets[name][1])
        fields["state"], fields["since"] = _shown(fields)
        return renewed(before, fields)

    fences = {name: fence for name, (fence, _) in facets.items()}
    return Reading((Candidate(PresenceUpdated, envelope.subject, fences, merge),))


def _blank(envelope: Envelope) -> PresenceUpdated:
    return made(
        PresenceUpdated,
        {
            "id": envelope.id,
            "time": envelope.time,
            "subject": envelope.subject,
            "user_id": envelope.subject.removeprefix("agent/"),
        },
    )


def _set(fields: dict[str, Any], told: Mapping[str, Any]) -> None:
    """What a source leaves out of the same presence stays as a fuller source has told it."""
    same = told.get("presence") is not None and told["presence"] == fields["presence"]
    if same and told["presence_since"] == fields["presence_since"] and told["presence_id"] is None:
        told = {name: value for name, value in told.items() if name != "presence_id"}
    if "presence" in told and not same and "message" not in told:
        fields["message"] = None
    away, before = told.get("out_of_office"), fields["out_of_office"]
    if away and before and away.active == before.active and away.start is away.end is away.indefinite is None:
        return
    fields.update(told)


def _shown(fields: Mapping[str, Any]) -> tuple[str | None, datetime | None]:
    """What a WFM shows: the routing status while the agent is on queue, the presence otherwise."""
    status = fields["routing_status"]
    if status is not None and status is not RoutingStatus.OFF_QUEUE:
        return str(status), fields["routing_status_since"]
    presence = fields["presence"]
    return (str(presence), fields["presence_since"]) if presence is not None else (None, None)
