"""What Genesys says: the facts of the clean topics. Field names are promises to other people's programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from processor.event import Event, Instant, Shape


class Presence(StrEnum):
    """The canonical system presences, spelled as Genesys events spell them."""

    AVAILABLE = "AVAILABLE"
    BUSY = "BUSY"
    AWAY = "AWAY"
    BREAK = "BREAK"
    MEAL = "MEAL"
    MEETING = "MEETING"
    TRAINING = "TRAINING"
    ON_QUEUE = "ON_QUEUE"
    IDLE = "IDLE"
    OFFLINE = "OFFLINE"


class RoutingStatus(StrEnum):
    """What routing thinks of the agent."""

    OFF_QUEUE = "OFF_QUEUE"
    IDLE = "IDLE"
    INTERACTING = "INTERACTING"
    NOT_RESPONDING = "NOT_RESPONDING"
    COMMUNICATING = "COMMUNICATING"


class Interval(Shape):
    """Half open, in UTC. `rule` says what the zone did to it: empty, `gap`, `fold` or both."""

    start: Instant
    end: Instant
    rule: str = ""
    schedule_id: str = ""


class ScheduleException(Shape):
    """A day on which the pattern does not hold. `date` None: a holiday id whose date nobody told us."""

    date: date | None
    reason: str
    schedule_id: str = ""


class SchedulePattern(Shape):
    """One schedule as it was written: `pattern` is `{entries}` (guide) or `{start, end, rrule}` (official)."""

    schedule_id: str
    name: str = ""
    role: str = "open"
    time_zone: str
    pattern: Mapping[str, Any]
    holidays: tuple[str, ...] = ()


class Horizon(Shape):
    """The span for which intervals were worked out."""

    start: Instant
    end: Instant


class ScheduleUpdated(Event):
    """The opening hours of a schedule group in effect over the horizon."""

    type: ClassVar[str] = "genesys.schedules.updated"
    topic: ClassVar[str] = "genesys.schedules"

    group_id: str
    name: str = ""
    time_zone: str = "UTC"
    intervals: tuple[Interval, ...] = ()
    exceptions: tuple[ScheduleException, ...] = ()
    schedules: tuple[SchedulePattern, ...] = ()
    horizon: Horizon
    deleted: bool = False


class Activity(Shape):
    """A part of a shift. `code` is the WFM activity code's id."""

    start: Instant
    end: Instant
    code: str = ""
    description: str = ""
    paid: bool | None = None


class Shift(Shape):
    """One shift with its activities."""

    id: str
    start: Instant
    end: Instant
    activities: tuple[Activity, ...] = ()


class ShiftsUpdated(Event):
    """All shifts of an agent in the window `from` to `to`: a state, not a delta."""

    type: ClassVar[str] = "genesys.shifts.updated"
    topic: ClassVar[str] = "genesys.shifts"

    user_id: str
    time_zone: str = "UTC"
    from_: Instant = Field(alias="from")
    to: Instant
    shifts: tuple[Shift, ...] = ()
    deleted: bool = False


class OutOfOffice(Shape):
    """Whether the agent is away, and until when if it was said."""

    active: bool
    start: Instant | None = None
    end: Instant | None = None
    indefinite: bool | None = None


class PresenceUpdated(Event):
    """One state of the agent from all sources; what no source has said yet is null.

    `state` and `since`: routing status unless it is OFF_QUEUE or unknown, then presence.
    """

    type: ClassVar[str] = "genesys.presence.updated"
    topic: ClassVar[str] = "genesys.presence"

    user_id: str
    presence: Presence | None = None
    presence_id: str | None = None
    presence_since: Instant | None = None
    routing_status: RoutingStatus | None = None
    routing_status_since: Instant | None = None
    state: str | None = None
    since: Instant | None = None
    message: str | None = None
    out_of_office: OutOfOffice | None = None
    time_zone: str | None = None
    time_zone_trusted: bool | None = None
    deleted: bool = False


class ServiceLevel(Shape):
    """The target of one medium: this share (0 to 1) answered within these seconds."""

    service_level_percentage: float | None = None
    service_level_seconds: float | None = None


class Routing(Shape):
    """How the queue routes, as its source has it."""

    rules: tuple[Any, ...] | None = None
    skills: tuple[str, ...] | None = None
    wrap_up_policy: str | None = None
    queue_type: str | None = None


class QueueUpdated(Event):
    """The settings of a queue. `changed` names what differs from the record before."""

    type: ClassVar[str] = "genesys.queues.updated"
    topic: ClassVar[str] = "genesys.queues"

    queue_id: str
    name: str = ""
    division_id: str | None = None
    media_types: Mapping[str, ServiceLevel] = Field(default_factory=dict)
    routing: Routing = Routing()
    modified_by: str | None = None
    version: str | None = None
    changed: tuple[str, ...] = ()
    deleted: bool = False


class VolumeUpdated(Event):
    """What came to a queue on one medium in one interval. Null: the source did not say.

    `service_level` is measured against `service_level_target_seconds`, by `service_level_formula`.
    `origin`: observations, aggregates, activity or guide. `final`: the interval is over and counted.
    """

    type: ClassVar[str] = "genesys.volume.updated"
    topic: ClassVar[str] = "genesys.volume"

    queue_id: str
    media_type: str
    interval: Interval
    origin: str
    offered: int | None = None
    answered: int | None = None
    answered_in_target: int | None = None
    abandoned: int | None = None
    service_level: float | None = None
    service_level_formula: str | None = None
    service_level_target_seconds: float | None = None
    average_wait_seconds: float | None = None
    average_handle_seconds: float | None = None
    waiting: int | None = None
    on_queue_agents: int | None = None
    final: bool = False


class CampaignSchedule(Shape):
    """One schedule of a campaign, its intervals clipped to its start and end."""

    schedule_id: str
    time_zone: str = "UTC"
    intervals: tuple[Interval, ...] = ()
    max_concurrent_calls: int | None = None
    max_concurrent_agents: int | None = None


class CampaignUpdated(Event):
    """When a campaign may dial."""

    type: ClassVar[str] = "genesys.campaigns.updated"
    topic: ClassVar[str] = "genesys.campaigns"

    campaign_id: str
    schedules: tuple[CampaignSchedule, ...] = ()
    sources: Mapping[str, Any] = Field(default_factory=dict)
    """By schedule id, as it was written: what the intervals are worked out from when the horizon moves on."""
    created: str | None = None
    """The schedule that SCHEDULE_CREATED announced, in the record which that callback caused."""
    deleted: bool = False


class ProfileUpdated(Event):
    """An exported routing profile event."""

    type: ClassVar[str] = "genesys.profiles.updated"
    topic: ClassVar[str] = "genesys.profiles"

    profile_id: str
    name: str = ""
    changes: Mapping[str, Any] = Field(default_factory=dict)
    version: str | None = None
    deleted: bool = False
