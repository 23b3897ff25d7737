"""The request `campaign-schedule`: on which days and hours of a span of dates a campaign may dial."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from handlers.requests.campaign_slots import BadSlots, Drawn, draw
from handlers.requests.words import Fields, Id, Part, Problem, Request

CALLS, AGENTS, ZONE = 10, 5, "UTC"
"""What holds when nothing is said: G2, step 1, `buildSchedulePayload`."""


def _text(value: object) -> object:
    """YAML reads `2026-07-01` as a date; it stays what was written."""
    return value.isoformat() if isinstance(value, date | datetime) else value


def _quoted(value: object) -> object:
    if isinstance(value, int):  # YAML reads 14:00 as a number to the base 60
        raise ValueError(f"{value} is no time of day", 'put it in quotes: "14:00:00"')  # noqa: TRY004 - told as the rest
    return value


Text = Annotated[str, BeforeValidator(_text)]
Clock = Annotated[str, BeforeValidator(_quoted), Field(examples=["09:00:00"])]


class DailySlot(Part):
    """Hours of some days of the week."""

    start_time: Clock
    """When dialling may begin, `09:00` or `09:00:00`."""
    end_time: Annotated[Clock, Field(examples=["17:00:00"])]
    """When it ends, on the same day; `24:00` is its midnight."""
    days: tuple[Annotated[str, Field(examples=["Monday"])], ...]
    """Names of days of the week, in English, in any case."""
    timezone: str | None = Field(default=None, examples=["America/New_York"])
    """Whose clocks show these hours, where it is not the campaign's zone: they are put into that."""


class Limits(Part):
    """The campaign's own limits, for a Genesys that does not tell them."""

    max_concurrent_calls: int | None = Field(default=None, ge=0)
    """No schedule may allow more calls at once."""
    max_concurrent_agents: int | None = Field(default=None, ge=0)
    """No schedule may take more agents at once."""


class CampaignScheduleRequest(Request):
    """One more schedule for a campaign, beside those it has; with `remove`, that one taken out again."""

    kind: ClassVar[str] = "campaign-schedule"

    campaign_id: Id
    """The campaign."""
    start_date: Annotated[Text, Field(examples=["2030-07-01"])]
    """From then on: a date (its midnight), or a date and time; without an offset on the zone's clocks."""
    end_date: Annotated[Text, Field(examples=["2030-07-31"])]
    """Until then: a date (that day included), or a date and time."""
    timezone: str = Field(default=ZONE, examples=["America/Chicago"])
    """The campaign's zone (IANA): its clocks show the hours of the slots, on every day of the span."""
    daily_slots: tuple[DailySlot, ...]
    """When it may dial, 1 to 100 slots; those of one day must not overlap."""
    max_concurrent_calls: int = Field(default=CALLS, ge=1, le=100_000)
    """At most so many calls at once."""
    max_concurrent_agents: int = Field(default=AGENTS, ge=1, le=100_000)
    """At most so many agents at once."""
    limits: Limits = Limits()
    """What holds where the campaign itself tells no limits."""
    agent_ids: tuple[Id, ...] = ()
    """Whose shifts must cover the slots; by default the members of the campaign's queue."""
    on_constraint: Literal["warn", "refuse"] = "warn"
    """What to do about hours without an agent, and about limits that Genesys does not keep: tell it, or refuse."""
    remove: bool = False
    """Take exactly this schedule out."""

    def subject(self) -> str:
        """`campaign/<id>`."""
        return f"campaign/{self.campaign_id}"

    def drawn(self) -> Drawn:
        """Its window and slots in the campaign's zone. A request that was read has them."""
        return draw(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        """Zone, times, days, order, overlaps, and whether it ever dials."""
        try:
            draw({**fields, **{name: _text(fields.get(name)) for name in ("startDate", "endDate")}})
        except BadSlots as bad:
            yield from bad.problems

    def wanted(self) -> dict[str, Any]:
        """What shall stand, in the request's own words, as it is compared and undone: normalised."""
        drawn = self.drawn()
        return {
            "campaignId": self.campaign_id,
            **drawn.words(),
            "maxConcurrentCalls": self.max_concurrent_calls,
            "maxConcurrentAgents": self.max_concurrent_agents,
        }
