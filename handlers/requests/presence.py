"""The request `presence`: what an agent shall be in, what others read beside it, and which skills he is called for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from handlers.requests.words import Fields, Id, Part, Problem, Request

LONGEST_MESSAGE = 250
MOST_OVERRIDES = 100


def _text(value: object) -> object:
    """YAML reads a proficiency of 3 as a number; it is a word here."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


Word = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=100, examples=["Available"])]


class SkillOverride(Part):
    """How an agent stands with one of his skills."""

    skill_id: Id
    """The routing skill."""
    status_id: Word
    """A presence, as the guide has it. In the official API `Available` makes the skill active, another word inactive,
    and a number from 0 to 5 is the proficiency."""


class PresenceRequest(Request):
    """An agent is set to a presence; anything but Offline within operating hours and during a shift only."""

    kind: ClassVar[str] = "presence"

    user_id: Id
    """The agent."""
    presence_id: Word
    """A system presence in any spelling (`Available`, `On Queue`, `OFFLINE`), or the id of a presence definition."""
    custom_status_message: str | None = Field(default=None, max_length=LONGEST_MESSAGE)
    """What others read beside it; empty takes it away, not said leaves it."""
    skill_overrides: tuple[SkillOverride, ...] = Field(default=(), max_length=MOST_OVERRIDES)
    """Set after the presence, one after the other."""
    agent_time_zone: str | None = Field(default=None, max_length=100, examples=["America/New_York"])
    """The agent's zone (IANA), by whose clocks operating hours are judged; unknown: UTC. Not said: that of his
    management unit."""
    stream_id: Id | None = None
    """Guide only: the event stream that is told afterwards."""

    def subject(self) -> str:
        """`agent/<id>`."""
        return f"agent/{self.user_id}"

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        """A skill that is named twice has two statuses."""
        overrides = fields.get("skillOverrides", fields.get("skill_overrides"))
        first: dict[str, int] = {}
        for number, one in enumerate(overrides if isinstance(overrides, list | tuple) else ()):
            skill = one.get("skillId", one.get("skill_id")) if isinstance(one, dict) else None
            if not isinstance(skill, str):
                continue
            if skill in first:
                message = f"skill {skill[:80]} is named in skillOverrides[{first[skill]}] too"
                yield Problem(f"skillOverrides[{number}].skillId", message, "name each skill once")
            first.setdefault(skill, number)
