"""What answers, callbacks and audits say about a queue → its settings: targets by medium, routing, who changed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from handlers.events import Lookup, QueueUpdated, Routing, ServiceLevel
from handlers.normalise.reading import Candidate, Context, Reading, look
from handlers.normalise.words import identifier, mapping, media, number, objects, reference
from processor.errors import PoisonError
from processor.event import Envelope, Fence
from processor.shapes import made, renewed

SETTINGS = "settings"
EVERY_MEDIUM = "all"
"""The guides' queues have one target; this stands for the medium where they name none."""

Fields = dict[str, Any]


def read_answer(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`answer.queue`: `{queue}` as the official API or the guide has it, or `{deleted: true}`."""
    if body.get("deleted"):
        return _state(envelope, lambda before: {"deleted": True} if before else None)
    queue = mapping(body.get("queue")) or body
    if "mediaSettings" not in queue and ("slaTarget" in queue or "slaPercent" in queue):
        return _state(envelope, lambda before: {**_guide_fields(queue, before), "deleted": False})
    settings = mapping(queue.get("mediaSettings"))
    levels = {media(name): _official_level(mapping(setting), name) for name, setting in settings.items()}
    fields: Fields = {
        "name": str(queue.get("name") or ""),
        "division_id": reference(queue.get("division")) or None,
        "media_types": {name: level for name, level in levels.items() if level is not None},
        "routing": Routing(rules=tuple(queue["routingRules"]) if isinstance(queue.get("routingRules"), list) else None),
        "modified_by": identifier(queue.get("modifiedBy")) or None,
        "version": identifier(queue.get("version")) or identifier(queue.get("dateModified")) or None,
        "deleted": False,
    }
    return _state(envelope, lambda _: fields)


def read_guide(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """G4's `routingQueueUpdated`: the whole queue, only what changed, or only its id (then it is a look-here)."""
    if not envelope.subject.startswith("queue/"):
        raise PoisonError("a queue callback that names no queue", "queueId")
    told = {**body, **mapping(body.get("changes"))}
    names = ("slaTarget", "slaPercent", "routingRules", "wrapUpPolicy", "queueType", "name")
    look = _look(envelope, "a callback told a part of the queue")
    if not any(name in told for name in names):
        return Reading(lookups=(look,))
    whole = "slaTarget" in body and "routingRules" in body
    found = _state(envelope, lambda before: _guide_fields(told, before), told_apart=not whole)
    return Reading(found.candidates, () if whole else (look,))


def audited(envelope: Envelope, body: Mapping[str, Any]) -> Reading:
    """What an audit of a queue tells by itself, and the look-here for the rest."""
    look = _look(envelope, f"audit: {str(body.get('action'))[:40]}")
    by = identifier(body.get("userId")) or None
    changes = objects(body.get("propertyChanges"))

    def fields(before: QueueUpdated | None) -> Fields | None:
        told: Fields = {}
        for change in changes:
            _apply(change, told, before)
        if told and before is None:
            told["name"] = told.get("name") or str(mapping(body.get("entity")).get("name") or "")
        if told:
            return {**told, "modified_by": by}
        members = str(body.get("action")).startswith("Member")
        return {"changed": ("members",)} if members and before else None

    return Reading(_state(envelope, fields, told_apart=True).candidates, (look,))


def _apply(change: Mapping[str, Any], told: Fields, before: QueueUpdated | None) -> None:
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
        levels = told.setdefault("media_types", dict(before.media_types) if before else {})
        level = levels.get(media(parts[1]), ServiceLevel())
        if parts[3] == "durationMs":
            level = level.model_copy(update={"service_level_seconds": value / 1000})
        elif parts[3] == "percentage":
            level = level.model_copy(update={"service_level_percentage": value})
        levels[media(parts[1])] = level


def _official_level(setting: Mapping[str, Any], name: str) -> ServiceLevel | None:
    level = mapping(setting.get("serviceLevel"))
    if not level:
        return None
    duration = number(level.get("durationMs"))
    if duration is None and level.get("durationMs") is not None:
        field = f"mediaSettings.{name}.serviceLevel.durationMs"
        raise PoisonError(f"{field} should be a number of milliseconds", field)
    seconds = None if duration is None else duration / 1000
    return made(
        ServiceLevel,
        {"service_level_percentage": number(level.get("percentage")), "service_level_seconds": seconds},
    )


def _guide_fields(told: Mapping[str, Any], before: QueueUpdated | None) -> Fields:
    """The guide's words over what is known: a percentage of 0 to 100, one target in seconds, rules with strategies."""
    medium = media(told.get("queueType")) or _only_medium(before)
    level = before.media_types.get(medium, ServiceLevel()) if before else ServiceLevel()
    fields: Fields = {}
    if "slaTarget" in told or "slaPercent" in told:
        percent, target = number(told.get("slaPercent")), number(told.get("slaTarget"))
        if target is None and "slaTarget" in told:
            raise PoisonError(f"slaTarget should be seconds, found {told['slaTarget']!r:.80}", "slaTarget")
        level = ServiceLevel(
            service_level_percentage=level.service_level_percentage if percent is None else percent / 100,
            service_level_seconds=level.service_level_seconds if target is None else target,
        )
        fields["media_types"] = {**(before.media_types if before else {}), medium: level}
    if told.get("name"):
        fields["name"] = str(told["name"])
    fields["routing"] = _guide_routing(told, before.routing if before else Routing())
    if "modifiedBy" in told:
        fields["modified_by"] = identifier(told["modifiedBy"]) or None
    fields["version"] = identifier(told.get("version")) or (before.version if before else None)
    return fields


def _only_medium(before: QueueUpdated | None) -> str:
    known = list(before.media_types) if before else []
    return known[0] if len(known) == 1 else EVERY_MEDIUM


def _guide_routing(told: Mapping[str, Any], before: Routing) -> Routing:
    rules = told.get("routingRules")
    found: Fields = {}
    if isinstance(rules, list):
        strategies = [mapping(rule.get("routingStrategy")) for rule in objects(rules)]
        listed = [strategy["skills"] for strategy in strategies if isinstance(strategy.get("skills"), list)]
        skills = [identifier(skill) for skills in listed for skill in skills]
        found = {"rules": tuple(rules), "skills": tuple(dict.fromkeys(filter(None, skills)))}
    if isinstance(told.get("wrapUpPolicy"), str):
        found["wrap_up_policy"] = told["wrapUpPolicy"]
    if isinstance(told.get("queueType"), str):
        found["queue_type"] = told["queueType"]
    return before.model_copy(update=found)


def _look(envelope: Envelope, why: str) -> Lookup:
    return look(envelope, "queue", why)


def _state(
    envelope: Envelope, told: Callable[[QueueUpdated | None], Fields | None], *, told_apart: bool = False
) -> Reading:
    """One facet: the settings, of which the latest word counts. `told_apart`: the source tells only what changed."""

    def merge(previous: QueueUpdated | None, _: frozenset[str]) -> QueueUpdated | None:
        fields = told(previous)
        if fields is None:
            return None
        before = previous or _blank(envelope)
        known = previous is not None or told_apart
        changed = fields.get("changed") or (_changed(before, fields) if known else ())
        return renewed(before, {**fields, "changed": changed})

    return Reading(
        (Candidate(QueueUpdated, envelope.subject, {SETTINGS: Fence(time=envelope.time, id=envelope.id)}, merge),)
    )


def _blank(envelope: Envelope) -> QueueUpdated:
    return made(
        QueueUpdated,
        {
            "id": envelope.id,
            "time": envelope.time,
            "subject": envelope.subject,
            "queue_id": envelope.subject.removeprefix("queue/"),
        },
    )


def _changed(before: QueueUpdated, fields: Fields) -> tuple[str, ...]:
    """In the record's own words, a medium by its name."""
    names = {"name": "name", "division_id": "divisionId", "deleted": "deleted"}
    found = [shown for name, shown in names.items() if name in fields and fields[name] != getattr(before, name)]
    levels = fields.get("media_types", before.media_types)
    media_types = sorted({*levels, *before.media_types})
    found += [f"mediaTypes.{name}" for name in media_types if levels.get(name) != before.media_types.get(name)]
    routing = fields.get("routing", before.routing)
    for name, shown in (
        ("rules", "rules"),
        ("skills", "skills"),
        ("wrap_up_policy", "wrapUpPolicy"),
        ("queue_type", "queueType"),
    ):
        if getattr(routing, name) != getattr(before.routing, name):
            found.append(f"routing.{shown}")
    return tuple(found)
