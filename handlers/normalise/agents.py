"""What topics, callbacks and answers say about an agent → one state: presence, routing status, out of office, zone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from handlers.events import OutOfOffice, PresenceUpdated, RoutingStatus
from handlers.normalise import words
from handlers.normalise.reading import Candidate, Context, Data, Look, Reading, look
from handlers.normalise.words import happened, mapping, told
from processor.errors import PoisonError
from processor.event import Fence, Raw, Written, blank
from processor.shapes import document
from processor.timezones import zone

PRESENCE = "presence"
ROUTING = "routing"
OUT_OF_OFFICE = "outOfOffice"
AWAY_DATES = "outOfOffice/dates"
ZONE = "timeZone"
PRIMARY = "PURECLOUD"
MESSAGE = "message"
NOTHING_SAID: Mapping[str, Any] = {}
NOT_AWAY: Data = document(OutOfOffice(active=False))

Facet = tuple[Fence, dict[str, Any]]
"""When it became so, and all fields of the state that hang on it: what comes last counts whole, in any order.

The same moment is told by several sources, by some with less: the fence's version is how much this one
tells, so that the fullest counts.
"""

GONE = {"deleted": True}
THERE = {"deleted": False}


def read_presence(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.presence`. Only the primary source speaks for the agent."""
    if body.get("primary") is False:
        return Reading(ignored="not the agent's primary presence source")
    return _state(raw, {PRESENCE: _presence(raw, body, "message", "presenceDefinition.systemPresence")})


def read_routing_status(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.routingStatus`."""
    return _state(raw, {ROUTING: _routing(raw, mapping(body.get("routingStatus")), "routingStatus.status")})


def read_activity(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.activity`: all three in one, each with a time of its own."""
    facets: dict[str, Facet] = {}
    if presence := mapping(body.get("presence")):
        where = "presence.presenceDefinition.systemPresence"
        facets[PRESENCE] = _presence(raw, presence, "presenceMessage", where)
    if routing := mapping(body.get("routingStatus")):
        facets[ROUTING] = _routing(raw, routing, "routingStatus.status")
    if away := mapping(body.get("outOfOffice")):
        facets |= _away(raw, away, dates=False)
    return _state(raw, facets)


def read_out_of_office(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.outofoffice`: its dates say when the agent is away, not when that was set."""
    return _state(raw, _away(raw, body))


def read_integration_presence(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.integrationpresence`: another program's word; which source counts may have changed."""
    if body.get("eventType") == "UserPrimaryPresenceSourceChanged":
        return Reading(lookups=(_look(raw, "the primary presence source changed"),))
    if str(body.get("source")).upper() != PRIMARY:
        return Reading(ignored="not the agent's primary presence source")
    return _state(raw, {PRESENCE: _presence(raw, body, "message", "presenceDefinition.systemPresence")})


def read_adherence(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`…workforcemanagement.adherence`: repeats the presence and when it was set; of the routing status not when."""
    word = words.presence(body.get("systemPresence"))
    if told(body.get("presenceUpdateTime")) is None or word is None:
        return Reading(ignored="it says nothing of presence")
    second = words.identifier(body.get("organizationSecondaryPresenceId"))
    return _state(raw, {PRESENCE: _present(word, second or None, happened(body["presenceUpdateTime"], raw), raw)})


def read_answer(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`answer.presence`: `{userId, presence, routingStatus, outOfOffice, timeZone?}`, the guide's, or deleted."""
    if body.get("deleted"):
        return _state(raw, {"deleted": (Fence(raw.time, 0, raw.id), GONE)})
    facets: dict[str, Facet] = {"deleted": (Fence(raw.time, 0, raw.id), THERE)}
    if "presenceId" in body:
        facets[PRESENCE] = _guide_presence(raw, body)
    if presence := mapping(body.get("presence")):
        facets[PRESENCE] = _presence(raw, presence, "message", "presence.presenceDefinition.systemPresence")
    if routing := mapping(body.get("routingStatus")):
        facets[ROUTING] = _routing(raw, routing, "routingStatus.status")
    if away := mapping(body.get("outOfOffice")):
        facets |= _away(raw, away)
    if body.get("timeZone"):
        facets[ZONE] = _zone(raw, body["timeZone"])
    return _state(raw, facets)


def read_guide(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """G5's callbacks, flat, wrapped or with local time. `presenceId` may be a word; an id that is none is looked up."""
    if "presenceId" not in body:
        raise PoisonError("a presence callback without presenceId", "presenceId")
    facets: dict[str, Facet] = {}
    if body.get("agentTimeZone"):
        facets[ZONE] = _zone(raw, body["agentTimeZone"])
    word = words.presence(body["presenceId"])
    if word is None:
        found = _state(raw, facets) if facets else Reading()
        return Reading(found.candidates, (_look(raw, "a presence id is no word"),))
    said = {MESSAGE: body["customStatusMessage"]} if "customStatusMessage" in body else {}
    facets[PRESENCE] = _present(word, words.identifier(body["presenceId"]) or None, raw.time, raw, said)
    return _state(raw, facets)


def _guide_presence(raw: Raw, body: Mapping[str, Any]) -> Facet:
    """What the guide's own question is answered with; it is as old as `modifiedDate` says."""
    word = words.presence(body["presenceId"])
    if word is None:
        raise PoisonError(f"no system presence: {body['presenceId']!r:.80}", "presenceId")
    at = happened(body.get("modifiedDate"), raw)
    said = {MESSAGE: body.get("customStatusMessage")}
    return _present(word, words.identifier(body["presenceId"]) or None, at, raw, said)


def audited_presence(raw: Raw, word: object) -> Reading:
    """What an audit of UserPresence tells: the new presence as display text, at the audit's time."""
    found = words.presence(word)
    if found is None:
        return Reading(lookups=(_look(raw, "an audit names a presence that is no system presence"),))
    return _state(raw, {PRESENCE: _present(found, None, raw.time, raw)})


def _presence(raw: Raw, body: Mapping[str, Any], message: str, field: str) -> Facet:
    definition = mapping(body.get("presenceDefinition"))
    word = words.presence(definition.get("systemPresence"))
    if word is None:
        raise PoisonError(f"no system presence: {definition.get('systemPresence')!r:.80}", field)
    at = happened(body.get("modifiedDate"), raw)
    said = {MESSAGE: body[message]} if message in body else {}
    return _present(word, words.identifier(definition.get("id")) or None, at, raw, said)


def _present(word: str, presence_id: str | None, at: str, raw: Raw, said: Mapping[str, Any] = NOTHING_SAID) -> Facet:
    """`said`: the message, where the source has a place for one."""
    fields = {"presence": word, "presenceId": presence_id, "presenceSince": at, MESSAGE: _text(said.get(MESSAGE))}
    return Fence(at, len(said) + (presence_id is not None), raw.id), fields


def _routing(raw: Raw, body: Mapping[str, Any], field: str) -> Facet:
    status = words.routing_status(body.get("status"))
    if status is None:
        raise PoisonError(f"no routing status: {body.get('status')!r:.80}", field)
    at = happened(body.get("startTime"), raw)
    return Fence(at, 0, raw.id), {"routingStatus": status, "routingStatusSince": at}


def _away(raw: Raw, body: Mapping[str, Any], *, dates: bool = True) -> dict[str, Facet]:
    """The flag and the dates are a facet each: an activity repeats the flag alone, which says nothing of dates."""
    if not isinstance(body.get("active"), bool):
        raise PoisonError("out of office should be true or false", "outOfOffice.active")
    fence = Fence(happened(body.get("modifiedDate"), raw), 0, raw.id)
    found: dict[str, Facet] = {OUT_OF_OFFICE: (fence, {"active": body["active"]})}
    if dates:
        indefinite = body.get("indefinite")
        fields = {
            "start": told(body.get("startDate")),
            "end": told(body.get("endDate")),
            "indefinite": indefinite if isinstance(indefinite, bool) else None,
        }
        found[AWAY_DATES] = (fence, fields)
    return found


def _zone(raw: Raw, name: object) -> Facet:
    """The guide's rule: a zone that nobody knows counts as UTC, and is not trusted."""
    try:
        fields = {"timeZone": zone(name).key, "timeZoneTrusted": True}
    except PoisonError:
        fields = {"timeZone": "UTC", "timeZoneTrusted": False}
    return Fence(raw.time, 0, raw.id), fields


def _text(value: object) -> str | None:
    return value or None if isinstance(value, str) else None


def _look(raw: Raw, why: str) -> Look:
    return look(raw, "presence", why)


def _state(raw: Raw, facets: Mapping[str, Facet]) -> Reading:
    """One candidate: each facet sets its fields, and the state follows from all."""
    if not raw.subject.startswith("agent/"):
        raise PoisonError("nobody says which agent this is about", "userId")
    if not facets:
        return Reading(ignored="it says nothing of the agent's state")

    def merge(previous: Written | None, news: Collection[str]) -> Data | None:
        if previous is not None:
            state = {**previous.data}
        elif any(fields is GONE for _, fields in facets.values()):
            return None  # nobody was told of this agent
        else:
            state = {**blank(PresenceUpdated), "userId": raw.subject.removeprefix("agent/")}
        for name in news:
            fields = facets[name][1]
            away = name in (OUT_OF_OFFICE, AWAY_DATES)
            state.update({"outOfOffice": {**(state["outOfOffice"] or NOT_AWAY), **fields}} if away else fields)
        state["state"], state["since"] = _shown(state)
        return state

    fences = {name: fence for name, (fence, _) in facets.items()}
    return Reading((Candidate(PresenceUpdated, raw.subject, fences, merge),))


def _shown(state: Data) -> tuple[str | None, str | None]:
    """What a WFM shows: the routing status while the agent is on queue, the presence otherwise."""
    status = state["routingStatus"]
    if status is not None and status != RoutingStatus.OFF_QUEUE:
        return status, state["routingStatusSince"]
    presence = state["presence"]
    return (presence, state["presenceSince"]) if presence is not None else (None, None)
