"""Knobs that belong together: the tables of the settings file, each with what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from processor.settings.places import BaseAddress


class LoopRule(BaseModel):
    """When the loop acts on a queue, and how far; the defaults are those of the e-mail routing guide."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    offered_above: int = 500
    """Breach only when more contacts than this were offered in the last hour."""
    service_level_below: float = Field(default=0.85, ge=0, le=1)
    """Breach only when the share answered within the baseline's target is under this."""
    step_seconds: float = Field(default=15, gt=0)
    """How much tighter each step makes the target."""
    floor_seconds: float = Field(default=30, gt=0)
    """A target is never made tighter than this, and one at or under it is left alone."""
    recover_at: float = Field(default=0.9, ge=0, le=1)
    """Recovered when the service level is at least this, or the volume is back under the limit."""
    recover_minutes: float = Field(default=5, ge=0)
    """… for this long, on the events' clock."""
    cooldown_minutes: float = Field(default=10, ge=0)
    """Between two steps on the same queue and medium."""
    changes_per_hour: int = Field(default=4, ge=1)
    """The cap on changes of one queue, restores not counted."""
    silence_minutes: float = Field(default=15, gt=0)
    """No volume for so long while a queue is adjusted: people are told."""


class PeakPeriod(BaseModel):
    """When most contacts come: on these days from `start` to `end`, on the clocks of each schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    days: tuple[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], ...]
    """Days of the week."""
    start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """Time of day, in quotes: `"10:00"`."""
    end: str = Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")
    """A later time of day."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"starts at {self.start}, not before its end at {self.end}")
        return self


class CapacityFloor(BaseModel):
    """What a request about working hours may not go below; nought asks for nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    weekly_hours: float = Field(default=0, ge=0, le=168)
    """Hours of an ordinary week."""
    peak_hours: float = Field(default=0, ge=0, le=168)
    """Hours of an ordinary week within the peak periods."""
    peak_periods: tuple[PeakPeriod, ...] = ()
    """When most contacts come: a list of `days`, `start` and `end`."""

    @model_validator(mode="after")
    def _has_peaks(self) -> Self:
        if self.peak_hours and not self.peak_periods:
            raise ValueError("peak_hours needs peak_periods")
        return self


class ProfileRule(BaseModel):
    """What utilisation is recommended for a routing profile; the defaults are those of the routing profile guide."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    long_wait_seconds: float = Field(default=30, ge=0)
    """More is recommended when contacts wait longer than this on average …"""
    abandoned_above: float = Field(default=0.05, ge=0, le=1)
    """… or a larger share than this gives up."""
    short_wait_seconds: float = Field(default=5, ge=0)
    """Less is recommended when contacts wait shorter than this on average …"""
    abandoned_below: float = Field(default=0.01, ge=0, le=1)
    """… and a smaller share than this gives up."""
    high_percent: float = Field(default=92, ge=0, le=100)
    """What is recommended when more is needed."""
    usual_percent: float = Field(default=85, ge=0, le=100)
    """What is recommended otherwise, and without data."""
    low_percent: float = Field(default=78, ge=0, le=100)
    """What is recommended when less will do."""


class ProfileExport(BaseModel):
    """The event export that tells of changed routing profiles (guide dialect); made when there is none of this name."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    endpoint: str
    """Where Genesys shall put its own copy: the bucket's address."""
    export_id: str | None = None
    """An export that exists: then none is made."""
    name: str = "processor-routing-profiles"
    """By which it is found again."""
    bucket: str = "wfm-sync-bucket"
    """As in the guide."""
    prefix: str = "routing-profile-changes/"
    """As in the guide."""
    poll_seconds: float = Field(default=60, gt=0)
    """How often it is asked for what is new."""


Pushed = Literal["schedules", "shifts", "presence", "queues", "campaigns", "profiles"]
PUSHED: tuple[Pushed, ...] = ("schedules", "shifts", "presence", "queues", "campaigns", "profiles")


class Destination(BaseModel):
    """One more system that events are pushed to, beside the WFM system: an e-mail gateway, say."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    url: BaseAddress
    """Base address; batches go to `<url>/events`."""
    secret: SecretStr | None = None
    """Standard Webhooks secret that signs the pushes."""
    topics: tuple[Pushed, ...] = PUSHED
    """Which topics are pushed."""


TABLES: Mapping[str, type[BaseModel]] = {
    "loop_rule": LoopRule,
    "capacity_floor": CapacityFloor,
    "profile_rule": ProfileRule,
    "profile_export": ProfileExport,
    "destinations.<name>": Destination,
}
"""By where they stand in the file, in the order of the page of settings."""
