"""What must hold of a routing profile's change in Genesys before it is made: the dialect, the ids, the quota."""

from __future__ import annotations

from typing import Any

from handlers.requests.profile import ProfileRequest
from handlers.requests.words import Fields, InvalidRequest, Problem
from processor.clients.genesys.jobs.profiles import Profiles
from processor.errors import RefusedError

SESSIONS_PER_SKILL = 10
"""The guide refuses more skills than a tenth of the organisation's concurrent sessions (G3, step 1)."""


def check_dialect(job: Profiles, request: ProfileRequest) -> None:
    """Raises `InvalidRequest` with all that this dialect lacks, each with what does the same there."""
    said = request.model_dump(mode="json", by_alias=True, exclude_none=True)
    lacks = job.lacks
    problems = [
        Problem(name, "this Genesys dialect has no such thing", f"instead: {instead}")
        for name, instead in lacks.items()
        if name in said and (said[name] or name != "overflowRoutingTargets")
    ]
    if "wrapUpCodes.default" in lacks:
        problems += [
            Problem(f"wrapUpCodes[{at}].default", "a queue has no default code", lacks["wrapUpCodes.default"])
            for at, code in enumerate(request.wrap_up_codes or ())
            if code.default
        ]
    if problems:
        raise InvalidRequest(problems)


async def check_ids(job: Profiles, wanted: Fields) -> dict[str, Any]:
    """All that the request names exists; what was there before it is Genesys's own affair.

    As a fact: what nobody lists, so that only Genesys's answer to the write can tell.
    """
    named: list[tuple[str, str, str, list[str]]] = [
        ("skill", "skillAssignments", ".skill.id", [one["skill"]["id"] for one in listed(wanted, "skillAssignments")]),
        ("wrap-up-code", "wrapUpCodes", ".id", [one["id"] for one in listed(wanted, "wrapUpCodes")]),
    ]
    targets = listed(wanted, "overflowRoutingTargets")
    queues = [one["target"]["id"] if one["overflowType"].upper() == "QUEUE" else "" for one in targets]
    named.append(("queue", "overflowRoutingTargets", ".target.id", queues))
    problems, unchecked = [], []
    for kind, name, inner, ids in named:
        missing = await job.missing(kind, [one for one in dict.fromkeys(ids) if one])
        if missing is None:
            unchecked.append(name)
            continue
        problems += [
            Problem(f"{name}[{at}]{inner}", f"there is no {kind} {one}", "one that exists in Genesys")
            for at, one in enumerate(ids)
            if one in missing
        ]
    if problems:
        raise InvalidRequest(problems)
    return {"unchecked": unchecked} if unchecked else {}


async def check_quota(job: Profiles, profile: Fields) -> dict[str, Any]:
    """The guide's estimate of what the licence allows. Raises `RefusedError` above it."""
    skills = len(listed(profile, "skillAssignments"))
    sessions = await job.sessions()
    if sessions is None:
        return {}
    if skills > sessions / SESSIONS_PER_SKILL:
        raise RefusedError(
            f"{skills} skills are more than the licence allows: it has {sessions} concurrent sessions, "
            f"{SESSIONS_PER_SKILL} for each skill",
            f"at most {int(sessions / SESSIONS_PER_SKILL)} skills, or more concurrent sessions in the licence",
        )
    return {"quota": {"skills": skills, "maxConcurrentSessions": sessions}}


def listed(fields: Fields, name: str) -> list[Any]:
    """What the list holds; nothing where none is said."""
    return list(fields.get(name) or ())
