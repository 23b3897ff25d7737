"""`routing-profile`: skills, wrap-up codes, overflow and utilisation that a profile, or some agents, shall have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError

from handlers.requests.words import Fields, Id, InvalidRequest, Part, Problem, Request, problem_of

MOST_SKILLS = 50
MOST_WRAP_UP_CODES = 20
MOST_OVERFLOW_TARGETS = 10
LONGEST_NAME = 100
"""The limits that the guide's schema sets for a profile (G3, step 1)."""
MOST_USERS = 100

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False, examples=[85])]
CONTENT = ("name", "skillAssignments", "wrapUpCodes", "overflowRoutingTargets", "utilizationPercent")
"""What a profile is made of, in the order in which people read it."""


class Skill(Part):
    """One of the organisation's routing skills; the name is a comfort for readers."""

    id: Id
    """The skill."""
    name: str | None = None
    """Not looked at."""


class SkillAssignment(Part):
    """A skill, and how much of an agent may be used for it."""

    skill: Skill
    """Which one."""
    utilization_percent: Percent
    """In the official API the agent's proficiency: 100 is 5, 90 is 4.5."""


class WrapUpCode(Part):
    """A code that agents may close a conversation with."""

    id: Id
    """The code."""
    default: bool
    """Whether it is what a conversation is closed with when the agent says nothing; one of them at most."""


class Target(Part):
    """What traffic overflows to."""

    id: Id
    """The queue, or what else `overflowType` says."""


class OverflowTarget(Part):
    """Where conversations go that find nobody."""

    target: Target
    """Which one."""
    overflow_type: str = Field(min_length=1, max_length=50, examples=["QUEUE"])
    """`QUEUE`, as the guide has it: the target is then looked up."""


Skills = Annotated[tuple[SkillAssignment, ...], Field(max_length=MOST_SKILLS)]
WrapUpCodes = Annotated[tuple[WrapUpCode, ...], Field(max_length=MOST_WRAP_UP_CODES)]
OverflowTargets = Annotated[tuple[OverflowTarget, ...], Field(max_length=MOST_OVERFLOW_TARGETS)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class WholeProfile(Part):
    """What must hold of a profile once the request is merged into what is there."""

    name: Name
    skill_assignments: Skills
    wrap_up_codes: WrapUpCodes
    overflow_routing_targets: OverflowTargets = ()
    utilization_percent: Percent | None = None


class ProfileRequest(Request):
    """What is left out stays as it is; a list that is said is the whole new list."""

    kind: ClassVar[str] = "routing-profile"

    profile_id: Id | None = None
    """The profile (guide dialect)."""
    user_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_USERS)] | None = None
    """The agents (official API, which has no profiles: the same is set for each of them)."""
    queue_id: Id | None = None
    """Whose history recommends a utilisation: it is set when neither `utilizationPercent` nor
    `maximumCapacities` says another. With `userIds` and `wrapUpCodes` it is the queue that gets the
    codes, and the recommendation is only shown."""
    name: Name | None = None
    """A new name (guide dialect)."""
    skill_assignments: Skills | None = None
    """What the profile's agents, or these agents, are used for; 50 at most."""
    wrap_up_codes: WrapUpCodes | None = None
    """With what they may close a conversation; 20 at most."""
    overflow_routing_targets: OverflowTargets | None = None
    """Guide dialect; 10 at most."""
    utilization_percent: Percent | None = None
    """With `userIds`: of what the organisation lets an agent handle at once, on each medium."""
    maximum_capacities: Mapping[str, Annotated[int, Field(ge=0, le=100)]] | None = Field(
        default=None, examples=[{"email": 2}]
    )
    """With `userIds`: conversations at once by medium (`call`, `email`, …), instead of a percentage."""

    def subject(self) -> str:
        """The profile, or the first of the agents."""
        return f"profile/{self.profile_id}" if self.profile_id else f"agent/{min(self.user_ids or ('',))}"

    def wanted(self) -> Fields:
        """What shall be there, of what the request says: in its own words, without names of skills."""
        said = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: said[name] for name in (*CONTENT, "maximumCapacities") if name in said}

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        """One form, something to change, and nothing said twice."""
        yield from _form(fields)
        yield from _twice(fields, "skillAssignments", "skill")
        yield from _twice(fields, "wrapUpCodes", "")
        yield from _twice(fields, "overflowRoutingTargets", "target")
        users = Counter(str(one) for one in _listed(fields, "userIds"))
        for at, user in enumerate(_listed(fields, "userIds")):
            if users.get(str(user), 0) > 1 and str(user) in map(str, _listed(fields, "userIds")[:at]):
                yield Problem(f"userIds[{at}]", f"{user} is named twice", "name each agent once")
        defaults = [at for at, one in enumerate(_objects(fields, "wrapUpCodes")) if one.get("default") is True]
        for at in defaults[1:]:
            first = f"wrapUpCodes[{defaults[0]}]"
            yield Problem(f"wrapUpCodes[{at}].default", f"{first} is the default already", "false")


def check_whole(profile: Fields) -> None:
    """Raises `InvalidRequest` that tells all that is wrong with the profile as it would be."""
    try:
        WholeProfile.model_validate({name: profile[name] for name in CONTENT if name in profile})
    except ValidationError as error:
        found = (problem_of(WholeProfile, one) for one in error.errors())
        problems = [
            Problem(one.place, f"the profile as it would be: {one.message}", f"say it in the request: {one.remedy}")
            for one in found
        ]
        raise InvalidRequest(problems) from error


def _form(fields: Fields) -> Iterator[Problem]:
    has_users, has_profile = fields.get("userIds") is not None, fields.get("profileId") is not None
    if has_users == has_profile:
        wrong = "both a profile and agents" if has_users else "neither a profile nor agents"
        yield Problem("profileId", wrong, "profileId (guide dialect) or userIds (official API)")
    said = [name for name in (*CONTENT, "maximumCapacities", "queueId") if fields.get(name) is not None]
    if not said:
        yield Problem("", "nothing to change", f"one of {', '.join((*CONTENT, 'queueId'))}")
    if has_users and "wrapUpCodes" in said and "queueId" not in said:
        yield Problem("queueId", "wrap-up codes belong to a queue in the official API", "the id of that queue")
    if "maximumCapacities" in said:
        if not has_users:
            yield Problem("maximumCapacities", "only agents have them", "utilizationPercent, with a profile")
        if "utilizationPercent" in said:
            yield Problem("maximumCapacities", "utilizationPercent says the same in another way", "one of the two")


def _twice(fields: Fields, name: str, inner: str) -> Iterator[Problem]:
    seen: dict[object, int] = {}
    for at, one in enumerate(_objects(fields, name)):
        owner = one.get(inner) if inner else one
        key = owner.get("id") if isinstance(owner, dict) else None
        if not isinstance(key, str):
            continue
        if key in seen:
            spot = f"{name}[{at}].{inner}.id" if inner else f"{name}[{at}].id"
            yield Problem(spot, f"{key} stands in {name}[{seen[key]}] already", "name each once")
        seen.setdefault(key, at)


def _listed(fields: Fields, name: str) -> list[Any]:
    value = fields.get(name)
    return list(value) if isinstance(value, list | tuple) else []


def _objects(fields: Fields, name: str) -> list[Mapping[str, Any]]:
    """What a list holds, a thing that is none as an empty one, so that places stay right."""
    return [one if isinstance(one, dict) else {} for one in _listed(fields, name)]
