"""Who and what there is in the sandbox's contact centre, by ids that never change from run to run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

SPACE = uuid.UUID("7d1f6f0e-5c1a-4a30-9b54-6d5b7f1f0c11")


def uid(kind: str, name: str) -> str:
    """The id of the thing of this kind with this name, in every run."""
    return str(uuid.uuid5(SPACE, f"{kind}/{name}"))


ORGANISATION = uid("organisation", "Sandbox Support")
ADMIN = uid("user", "Ana Admin")
HOME, SALES = uid("division", "Home"), uid("division", "Sales")
BUSINESS_UNIT = uid("business-unit", "Support")


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue, its medium and target, and the calls on it: contacts an hour at rest and in the busy hour."""

    name: str
    media: str
    target_seconds: int
    quiet: float
    busy: float
    handle_seconds: float
    patience_seconds: float
    division: str = HOME
    billing: float = 0.0
    """The share of contacts that only an agent with the skill Billing may take."""

    @property
    def id(self) -> str:
        """The queue's id."""
        return uid("queue", self.name)


EMAIL = QueueSpec("Email Support", "email", 60, 380, 900, 72, 1800, billing=0.1)
VOICE = QueueSpec("Voice Sales", "call", 20, 45, 80, 150, 240, SALES)
CHAT = QueueSpec("Chat Service", "message", 30, 60, 100, 120, 400)
QUEUES = (EMAIL, VOICE, CHAT)


@dataclass(frozen=True, slots=True)
class Crew:
    """People who work the same hours of the floor's day (0 to 24) on one queue."""

    name: str
    queue: QueueSpec
    size: int
    starts: float
    hours: float
    zone: str
    billing: float = 0.6
    """The share of them who have the skill Billing."""
    backup: bool = False
    """Members of Email Support too, but not joined to it: the pool that a step of the loop may join."""


CREWS = (
    Crew("Day Mail", EMAIL, 12, 6, 9, "America/New_York", 0.75),
    Crew("Late Mail", EMAIL, 12, 15, 9, "America/New_York", 0.75),
    Crew("Night Mail", EMAIL, 9, 0, 6, "Asia/Kolkata", 0.75),
    Crew("Sales", VOICE, 9, 6, 9, "Europe/Berlin", backup=True),
    Crew("Chat", CHAT, 9, 6, 9, "Europe/Berlin", backup=True),
    Crew("Midday", CHAT, 6, 9.25, 5.75, "Australia/Sydney"),
)


@dataclass(frozen=True, slots=True)
class Agent:
    """One person."""

    id: str
    name: str
    crew: Crew
    skills: frozenset[str]

    @property
    def unit(self) -> str:
        """The management unit: one for each zone."""
        return uid("management-unit", self.crew.zone)


def agents() -> tuple[Agent, ...]:
    """Everybody, in a fixed order."""
    return tuple(
        Agent(
            uid("user", f"{crew.name} {number}"),
            f"{crew.name} {number}",
            crew,
            frozenset({"billing"} if number <= crew.billing * crew.size else ()),
        )
        for crew in CREWS
        for number in range(1, crew.size + 1)
    )


def members(queue: QueueSpec) -> dict[str, bool]:
    """User id → joined, as the queue is set up at first."""
    return {
        agent.id: agent.crew.queue is queue
        for agent in agents()
        if agent.crew.queue is queue or (queue is EMAIL and agent.crew.backup)
    }


def pool() -> tuple[str, ...]:
    """The backup pool of Email Support."""
    return tuple(agent.id for agent in agents() if agent.crew.backup)


SKILLS = {name: uid("skill", name) for name in ("Billing", "English", "Returns")}
"""The organisation's routing skills; all have English, some Billing, nobody Returns."""
WRAP_UP_CODES = {name: uid("wrap-up-code", name) for name in ("Resolved", "Follow-up", "Escalated")}
"""What agents may close a conversation with."""
PROFILES = {name: uid("profile", name) for name in ("Tier 1", "Billing Desk")}
"""The routing profiles of the guide dialect."""
PRESENCES = {
    name: uid("presence", name)
    for name in ("Available", "Busy", "Away", "Break", "Meal", "Meeting", "Training", "OnQueue", "Idle", "Offline")
}
"""System presence as REST spells it → id of its definition."""


def event_spelling(presence: str) -> str:
    """`OnQueue` as events spell it: `ON_QUEUE`."""
    return "".join(
        f"_{letter}" if letter.isupper() and index else letter for index, letter in enumerate(presence)
    ).upper()
