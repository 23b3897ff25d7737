"""`queue-routing`: by which rules, for which skills and to which service level a queue shall route its contacts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from handlers.requests.rules import Rule, review_rules
from handlers.requests.words import Fields, Id, Problem, Request

MOST_SKILLS = 50
LOCAL = ("127.0.0.1", "::1", "localhost")
CHANGES = ("skillIds", "slaPercent", "slaTarget", "routingRules", "wrapUpPolicy", "webhookUrl")
A_RULE = {"type": "default", "routingStrategy": {"type": "longest-idle"}}
Policy = Literal[
    "required", "optional", "MANDATORY", "OPTIONAL", "MANDATORY_TIMEOUT", "MANDATORY_FORCED_TIMEOUT", "AGENT_REQUESTED"
]


class QueueRequest(Request):
    """What is left out stays as it is; rules that are said are the whole new list."""

    kind: ClassVar[str] = "queue-routing"

    queue_id: Id
    """The queue."""
    skill_ids: Annotated[tuple[Id, ...], Field(max_length=MOST_SKILLS)] | None = None
    """What an agent must be able to do. Without `routingRules` the guide's two rules are made for them
    (guide dialect); in both dialects members without them are named."""
    sla_percent: Annotated[int | float, Field(gt=0, le=100, allow_inf_nan=False, examples=[80])] | None = None
    """The share of contacts to be answered in time, 0 to 100."""
    sla_target: Annotated[int, Field(ge=1, le=604_800, examples=[60])] | None = None
    """In time is within so many seconds."""
    routing_rules: tuple[Rule, ...] | None = Field(default=None, examples=[[A_RULE]])
    """The whole new list, in the form of the dialect."""
    wrap_up_policy: Policy | None = None
    """`required` where rules are made from `skillIds`, as the guide has it. In capitals: the official API's prompts."""
    queue_type: Literal["email", "voice", "message", "chat", "callback"] | None = None
    """Official API: the medium whose target is meant (email when not said)."""
    webhook_url: Annotated[str, Field(max_length=2000, examples=["https://gateway.example/sync"])] | None = None
    """Who is told of every change of the queue from now on (guide dialect)."""
    on_constraint: Literal["warn", "refuse"] = "warn"
    """What happens when members lack skills, a shift or capacity."""

    def subject(self) -> str:
        """The queue."""
        return f"queue/{self.queue_id}"

    @field_validator("webhook_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValueError("an address with credentials in it ends up in logs", "leave user and password out")
        local = parts.hostname in LOCAL
        if not parts.hostname or parts.scheme not in (("http", "https") if local else ("https",)):
            raise ValueError("an address that Genesys can post to begins with https://", "https://gateway.example/sync")
        return url

    def rules(self) -> list[dict[str, Any]] | None:
        """The rules that were said."""
        return None if self.routing_rules is None else [rule.shown() for rule in self.routing_rules]

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        """Something to change, rules that can be followed, no skill twice."""
        if all(fields.get(name) is None for name in CHANGES):
            yield Problem("", "nothing to change", f"one of {', '.join(CHANGES)}")
        yield from review_rules(fields.get("routingRules"), "routingRules")
        skills = fields.get("skillIds")
        listed = skills if isinstance(skills, list | tuple) else []
        for at, skill in enumerate(listed):
            if skill in listed[:at]:
                yield Problem(f"skillIds[{at}]", f"{skill} is named twice", "name each skill once")
