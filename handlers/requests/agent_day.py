"""An agent's day at one moment: his clock, the operating hours, his shift; may his presence be set? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.requests.operating_hours import Hours
from processor.clients.genesys.jobs.presence import Duty
from processor.errors import RefusedError
from processor.event import instant
from processor.timezones import UnknownZone, to_wall, zone

UTC = "UTC"
ALWAYS = "`Offline` is always allowed"


@dataclass(frozen=True, slots=True)
class AgentDay:
    """`zone` not `trusted`: nobody knows the zone that was said, or none was; then it is UTC, as in G5.

    `duty` None: nobody asked, because it does not matter.
    """

    hours: Hours
    zone: str
    trusted: bool
    duty: Duty | None
    moment: datetime

    @property
    def wall(self) -> datetime:
        """What the agent's clock shows."""
        return to_wall(self.moment, zone(self.zone))

    def check(self, user_id: str) -> None:
        """Raises `RefusedError` outside operating hours, and without an active shift (G5, step 1)."""
        doubt = "" if self.trusted else "; his own zone is not known: say agentTimeZone"
        if not self.hours.admits(self.wall):
            raise RefusedError(
                f"outside operating hours: it is {self.wall:%H:%M:%S} in {self.zone}, they are {self.hours}{doubt}",
                f"wait, or set OPERATING_HOURS; {ALWAYS}",
            )
        if self.duty is None or self.duty.shift(self.moment) is None:
            raise RefusedError(
                f"agent {user_id} has no active shift at {instant(self.moment)}",
                f"publish a shift that covers it; {ALWAYS}",
            )

    def facts(self) -> dict[str, Any]:
        """What the decision rests on."""
        shift = self.duty.shift(self.moment) if self.duty else None
        return {
            "agentTimeZone": self.zone,
            "agentTimeZoneTrusted": self.trusted,
            "localTime": self.wall.isoformat(timespec="seconds"),
            "operatingHours": str(self.hours),
            "activeShift": {"start": instant(shift[0]), "end": instant(shift[1])} if shift else None,
        }


def agent_day(hours: Hours, said: str | None, duty: Duty | None, moment: datetime) -> AgentDay:
    """`said`: the request's zone; where it says none, that of the unit he belongs to."""
    name = said if said is not None else (duty.zone if duty else "")
    try:
        return AgentDay(hours, zone(name, "agentTimeZone").key, trusted=True, duty=duty, moment=moment)
    except UnknownZone:
        return AgentDay(hours, UTC, trusted=False, duty=duty, moment=moment)
