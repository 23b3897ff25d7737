"""What answers, callbacks and audits say about a queue → its settings: targets by medium, routing, who changed it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from handlers.events import QueueUpdated, Routing, ServiceLevel
from handlers.normalise.reading import Candidate, Context, Data, Look, Reading, look
from handlers.normalise.words import identifier, mapping, media, number, objects, reference
from processor.errors import PoisonError
from processor.event import Fence, Raw, Written, blank
from processor.shapes import document

SETTINGS = "settings"
EVERY_MEDIUM = "all"
"""The guides' queues have one target; this stands for the medium where they name none."""

UNROUTED: Data = document(Routing())
NO_LEVEL: Data = document(ServiceLevel())

Fields = dict[str, Any]
"""Of the record, by the names it has there."""


def read_answer(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`answer.queue`: `{queue}` as the official API or the guide has it, or `{deleted: true}`."""
    if body.get("deleted"):
        return _state(raw, lambda before: {"deleted": True} if before else None)
    queue = mapping(body.get("queue")) or body
    if "mediaSettings" not in queue and ("slaTarget" in queue or "slaPercent" in queue):
        return _state(raw, lambda before: {**_guide_fields(queue, before), "deleted": False})
    settings = mapping(queue.get("mediaSettings"))
    levels = {media(name): _official_level(mapping(setting), name) for name, setting in settings.items()}
    fields: Fields = {
        "name": str(queue.get("name") or ""),
        "divisionId": reference(queue.get("division")) or None,
        "mediaTypes": {name: level for name, level in levels.items() if level is not None},
        "routing": {**UNROUTED, "rules": queue["routingRules"]}
        if isinstance(queue.get("routingRules"), list)
        else UNROUTED,
        "modifiedBy": identifier(queue.get("modifiedBy")) or None,
        "version": identifier(queue.get("version")) or identifier(queue.get("dateModified")) or None,
        "deleted": False,
    }
    return _state(raw, lambda _: fields)


def read_guide(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """G4's `routingQueueUpdated`: the whole queue, only what changed, or only its id (then it is a look-here)."""
    if not raw.subject.startswith("queue/"):
        raise PoisonError("a queue callback that names no queue", "queueId")
    told = {**body, **mapping(body.get("changes"))}
    names = ("slaTarget", "slaPercent", "routingRules", "wrapUpPolicy", "queueType", "name")
    look = _look(raw, "a callback told a part of the queue")
    if not any(name in told for name in names):
        return Reading(lookups=(look,))
    whole = "slaTarget" in body and "routingRules" in body
    found = _state(raw, lambda before: _guide_fields(told, before), told_apart=not whole)
    return Reading(found.candidates, () if whole else (look,))


def audited(raw: Raw, body: Mapping[str, Any]) -> Reading:
    """What an audit of a queue tells by itself, and the look-here for the rest."""
    look = _look(raw, f"audit: {str(body.get('action'))[:40]}")
    by = identifier(body.get("userId")) or None
    changes = objects(body.get("propertyChanges"))

    def fields(before: Data | None) -> Fields | None:
        told: Fields = {}
        for change in changes:
            _apply(change, told, before)
        if told and before is None:
            told["name"] = told.get("name") or str(mapping(body.get("entity")).get("name") or "")
        if told:
            return {**told, "modifiedBy": by}
        members = str(body.get("action")).startswith("Member")
        return {"changed": ["members"]} if members and before else None

    return Reading(_state(raw, fields, told_apart=True).candidates, (look,))


def _apply(change: Mapping[str, Any], told: Fields, before: Data | None) -> None:
    """One changed property, where it is one that we publish and its new value is readable."""
    name, values = str(change.get("property")), change.get("newValues")
    new = values[0] if isinstance(values, list) and values else None
    parts = name.split(".")
    if name == "name" and isinstance(new, str):
        told["name"] = new
    elif len(parts) == 4 and parts[0] == "mediaSettings" and parts[2] == "serviceLevel":
        value = number(new)
        if value is None:
            return
        levels = told.setdefault("mediaTypes", {**before["mediaTypes"]} if before else {})
        level = levels.get(media(parts[1]), NO_LEVEL)
        if parts[3] == "durationMs":
            level = {**level, "serviceLevelSeconds": value / 1000}
        elif parts[3] == "percentage":
            level = {**level, "serviceLevelPercentage": value}
        levels[media(parts[1])] = level


def _official_level(setting: Mapping[str, Any], name: str) -> Data | None:
    level = mapping(setting.get("serviceLevel"))
    if not level:
        return None
    duration = number(level.get("durationMs"))
    if duration is None and level.get("durationMs") is not None:
        field = f"mediaSettings.{name}.serviceLevel.durationMs"
        raise PoisonError(f"{field} should be a number of milliseconds", field)
    seconds = None if duration is None else duration / 1000
    return {"serviceLevelPercentage": number(level.get("percentage")), "serviceLevelSeconds": seconds}


def _guide_fields(told: Mapping[str, Any], before: Data | None) -> Fields:
    """The guide's words over what is known: a percentage of 0 to 100, one target in seconds, rules with strategies."""
    levels: Data = before["mediaTypes"] if before else {}
    fields: Fields = {}
    if "slaTarget" in told or "slaPercent" in told:
        percent, target = number(told.get("slaPercent")), number(told.get("slaTarget"))
        if "slaTarget" in told and (target is None or target < 0):
            raise PoisonError(f"slaTarget should be seconds, found {told['slaTarget']!r:.80}", "slaTarget")
        if percent is not None and not 0 <= percent <= 100:
            raise PoisonError(f"slaPercent should be 0 to 100, found {told['slaPercent']!r:.80}", "slaPercent")
        medium = media(told.get("queueType")) or _only_medium(levels)
        level = dict(levels.get(medium, NO_LEVEL))
        if percent is not None:
            level["serviceLevelPercentage"] = percent / 100
        if target is not None:
            level["serviceLevelSeconds"] = target
        fields["mediaTypes"] = {**levels, medium: level}
    if told.get("name"):
        fields["name"] = str(told["name"])
    fields["routing"] = {**(before["routing"] if before else UNROUTED), **_guide_routing(told)}
    if "modifiedBy" in told:
        fields["modifiedBy"] = identifier(told["modifiedBy"]) or None
    fields["version"] = identifier(told.get("version")) or (before["version"] if before else None)
    return fields


def _only_medium(levels: Data) -> str:
    return next(iter(levels)) if len(levels) == 1 else EVERY_MEDIUM


def _guide_routing(told: Mapping[str, Any]) -> Fields:
    rules = told.get("routingRules")
    found: Fields = {}
    if isinstance(rules, list):
        strategies = [mapping(rule.get("routingStrategy")) for rule in objects(rules)]
        listed = [strategy["skills"] for strategy in strategies if isinstance(strategy.get("skills"), list)]
        skills = [identifier(skill) for skills in listed for skill in skills]
        found = {"rules": rules, "skills": list(dict.fromkeys(filter(None, skills)))}
    if isinstance(told.get("wrapUpPolicy"), str):
        found["wrapUpPolicy"] = told["wrapUpPolicy"]
    if isinstance(told.get("queueType"), str):
        found["queueType"] = told["queueType"]
    return found


def _look(raw: Raw, why: str) -> Look:
    return look(raw, "queue", why)


def _state(raw: Raw, told: Callable[[Data | None], Fields | None], *, told_apart: bool = False) -> Reading:
    """One facet: the settings, of which the latest word counts. `told_apart`: the source tells only what changed."""

    def merge(previous: Written | None, _: Collection[str]) -> Data | None:
        known = previous.data if previous else None
        fields = told(known)
        if fields is None:
            return None
        before = known or {**blank(QueueUpdated), "queueId": raw.subject.removeprefix("queue/")}
        compared = known is not None or told_apart
        changed = fields.get("changed") or (_changed(before, fields) if compared else [])
        return {**before, **fields, "changed": changed}

    return Reading((Candidate(QueueUpdated, raw.subject, {SETTINGS: Fence(raw.time, 0, raw.id)}, merge),))


def _changed(before: Data, fields: Fields) -> list[str]:
    """In the record's own words, a medium by its name."""
    found = [name for name in ("name", "divisionId", "deleted") if fields.get(name, before[name]) != before[name]]
    known: Data = before["mediaTypes"]
    levels: Data = fields.get("mediaTypes", known)
    if levels != known:
        found += [f"mediaTypes.{name}" for name in sorted({*levels, *known}) if levels.get(name) != known.get(name)]
    was: Data = before["routing"]
    routing: Data = fields.get("routing", was)
    if routing != was:
        found += [f"routing.{name}" for name in was if routing[name] != was[name]]
    return found
