"""`schedule` → Genesys: what the new hours give and leave uncovered, then a conditional write.

The order is that of the working-hours guide: read with the guard, put the change into what is
there, validate, weigh the capacity, write on condition; overtaken, read again and merge again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from handlers.capacity import Floor, average
from handlers.normalise.recurrence import entries
from handlers.requests.inbound import Hours, compare
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.schedule import ABOUT_THE_SCHEDULE, NEEDED, ScheduleRequest, review_recurrence
from handlers.requests.words import InvalidRequest, Problem
from handlers.requests.working_week import Week, as_recurrences, differing, shown_entries, weeks
from processor.clients.genesys.jobs import Found, Jobs, Write
from processor.clients.genesys.jobs.changing import Patience, change
from processor.clients.genesys.jobs.schedules import Place, Schedules, Use
from processor.clients.pace import Time
from processor.errors import ConflictError, PoisonError, RefusedError
from processor.event import instant

LOOK = ("schedule-group",)
"""Also when it was so already: a try that ended before its outcome may have made it so."""
PATIENCE = Patience(attempts=4, first=1.0)
"""The guide's retries: three after the first try, from 1 s on."""


@dataclass(frozen=True, slots=True)
class ConfigureSchedules:
    """The rules of `schedule`. `holidays`: the ids that the settings know, for where Genesys lists none."""

    jobs: Jobs
    now: Callable[[], datetime]
    floor: Floor = field(default_factory=Floor)
    holidays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clocks: Time = field(default_factory=Time)

    async def plan(self, request: ScheduleRequest) -> Plan:
        """Raises `InvalidRequest` for the other dialect's form and unknown holidays, `RefusedError` below a floor."""
        job, place = self.jobs.schedules, _place(request)
        self._right_form(request)
        found = await job.get(place)
        write = _merged(job, request, found)
        before = dict(job.fields(found))
        after = _afterwards(job, request, found)
        unchecked = await self._known_holidays(request, place, before)
        uses = await job.uses(place, found)
        facts = {**await self._facts(request, (before, after), found, uses), **unchecked}
        return Plan(before, after, (write,) if write else (), facts)

    async def present(self, request: ScheduleRequest) -> Mapping[str, Any]:
        """All that a request may change of the schedule."""
        return dict(self.jobs.schedules.fields(await self.jobs.schedules.get(_place(request))))

    async def carry_out(self, request: ScheduleRequest, plan: Plan, *, started: bool) -> Result:
        """A repeat finds it so already and writes nothing: `started` makes no difference here."""
        del started
        job, place, began = self.jobs.schedules, _place(request), self.now()

        def merge(found: Found) -> Write | None:
            write = _merged(job, request, found)
            if write is not None:  # others may have changed what the request leaves as it is
                self._hours(request, _afterwards(job, request, found), opens=plan.facts["opens"])
            return write

        try:
            changed = await change(lambda: job.get(place), merge, job.send, self.clocks, PATIENCE)
        except ConflictError as conflict:
            if isinstance(conflict.found, Found):
                conflict.found = dict(job.fields(conflict.found))
            raise
        before, after = dict(job.fields(changed.before)), dict(job.fields(changed.after))
        if changed.write is None:
            before = dict(plan.before)  # the answer to our write was lost, perhaps: it stands, and it was ours
        milliseconds = (self.now() - began).total_seconds() * 1000
        facts = {
            **plan.facts,
            "guard": changed.before.guard,
            "configLatencyMs": round(milliseconds, 1),
            "changedByOthers": sorted(differing(plan.before, before)),
        }
        return Result(before, after, conflict_retries=changed.conflict_retries, facts=facts, look=LOOK)

    def audit(self, request: ScheduleRequest, story: Story) -> Mapping[str, Any]:
        """The guide's entry. `details`: the guard and the weekly hours, or why it did not come about."""
        return {
            "timestamp": instant(story.at),
            "action": "SCHEDULE_UPDATE",
            "scheduleId": request.schedule_id,
            "status": "success" if story.status == "done" else "failure",
            "latencyMs": round(story.latency_ms),
            "details": story.error or _details(self.jobs.schedules, story),
        }

    def reverse(
        self, request: ScheduleRequest, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What was there, of what was changed; the form's own fields always, or it would be none."""
        changed = differing(after, before)
        if not changed:
            raise RefusedError("it was so already: nothing was changed", "there is nothing to take back")
        ours = [name for name in NEEDED[request.form] if name in ABOUT_THE_SCHEDULE]
        empty = {"rrule": "", "holidays": []}
        return {
            "scheduleId": request.schedule_id,
            **({"scheduleGroupId": request.schedule_group_id} if request.schedule_group_id else {}),
            **{name: before.get(name) or empty.get(name) for name in (*ours, *changed)},
        }

    def _right_form(self, request: ScheduleRequest) -> None:
        form = self.jobs.schedules.form
        if request.form == form:
            return
        week = weeks(request.wanted(), self.now().date())
        if form == "recurring":
            meant = orjson.dumps(as_recurrences(week[0], self.now().date())).decode()
            problem = Problem(
                "scheduleEntries",
                "the official API has no weekly entries, no zone and no holiday ids in a schedule",
                f"a request for each of {meant}; the zone is that of the schedule's group, "
                "holidays are its holiday schedules",
            )
        else:
            meant = orjson.dumps(shown_entries(week[0])).decode()
            problem = Problem(
                "rrule" if request.rrule else "start",
                "the guide's schedules have weekly entries and no recurrence",
                f"scheduleGroupId, timezoneId and scheduleEntries: {meant}",
            )
        raise InvalidRequest([problem])

    async def _known_holidays(
        self, request: ScheduleRequest, place: Place, before: Mapping[str, Any]
    ) -> dict[str, list[str]]:
        """By Genesys's own list, else by the settings; what the schedule names already was good enough for Genesys.

        As a fact: those that neither can tell of, so that only Genesys's answer to the write can.
        """
        wanted = request.holidays or ()
        fresh = [number for number, one in enumerate(wanted) if one not in (before.get("holidays") or ())]
        if not fresh:
            return {}
        listed = await self.jobs.schedules.holidays(place)
        if listed is None and not self.holidays:
            return {"uncheckedHolidays": [wanted[number] for number in fresh]}
        known = set(self.holidays if listed is None else listed)
        remedy = f"one of {', '.join(sorted(known))}" if known else "make it in Genesys first"
        problems = [
            Problem(f"holidays[{number}]", f"there is no holiday {wanted[number]!r}", remedy)
            for number in fresh
            if wanted[number] not in known
        ]
        if problems:
            raise InvalidRequest(problems)
        return {}

    async def _known_queues(self, request: ScheduleRequest) -> None:
        """A queue that is not there would look like one to which nobody comes."""
        missing = await self.jobs.profiles.missing("queue", request.queue_ids)
        problems = [
            Problem(f"queueIds[{number}]", f"there is no queue {one}", "the id of one that exists in Genesys")
            for number, one in enumerate(request.queue_ids)
            if one in (missing or ())
        ]
        if problems:
            raise InvalidRequest(problems)

    async def _facts(
        self,
        request: ScheduleRequest,
        states: tuple[Mapping[str, Any], Mapping[str, Any]],
        found: Found,
        uses: Iterable[Use],
    ) -> dict[str, Any]:
        uses = list(uses)
        opens = not uses or any(use.role == "open" for use in uses)
        was, will = _weeks_or_none(states[0], self.now().date()), self._hours(request, states[1], opens=opens)
        peaks = self._asked_floor(request).peaks or self.floor.peaks
        facts: dict[str, Any] = {
            "guard": found.guard,
            "opens": opens,
            "capacity": {"before": was and average(was, peaks).shown(), "after": average(will, peaks).shown()},
            "groups": [
                {"groupId": use.group_id, "name": use.name, "timeZone": use.time_zone, "role": use.role} for use in uses
            ],
        }
        if request.queue_ids:
            await self._known_queues(request)
            used = [use.time_zone for use in uses]
            afterwards = [request.timezone_id] if request.timezone_id else used
            hours = {"before": Hours(was, used), "after": Hours(will, afterwards)}
            facts["inboundVolume"] = await compare(
                self.jobs.schedules, request.queue_ids, hours, until=found.asked, days=request.volume_days
            )
        return facts

    def _hours(self, request: ScheduleRequest, after: Mapping[str, Any], *, opens: bool) -> tuple[Week, ...]:
        """The weeks that it would be. Raises `InvalidRequest` for none, `RefusedError` when it opens too little."""
        if self.jobs.schedules.form == "recurring" and (problems := list(review_recurrence(after))):
            raise InvalidRequest(problems)
        will = weeks(after, self.now().date())
        if opens:
            _above([self.floor, self._asked_floor(request)], will)
        return will

    def _asked_floor(self, request: ScheduleRequest) -> Floor:
        peaks = entries(request.fields().get("peakPeriods") or (), "peakPeriods") or self.floor.peaks
        if request.minimum_peak_hours and not peaks:
            raise InvalidRequest(
                [
                    Problem(
                        "minimumPeakHours", "there are no peak periods", "say peakPeriods, or set them in the settings"
                    )
                ]
            )
        return Floor(request.minimum_weekly_hours or 0.0, request.minimum_peak_hours or 0.0, peaks)


def _place(request: ScheduleRequest) -> Place:
    return Place(request.schedule_id, request.schedule_group_id or "")


def _afterwards(job: Schedules, request: ScheduleRequest, found: Found) -> dict[str, Any]:
    """All that it would say, in the request's words."""
    before = dict(job.fields(found))
    return {**before, **differing(before, request.wanted())}


def _merged(job: Schedules, request: ScheduleRequest, found: Found) -> Write | None:
    """Our fields into what is there. Raises `ConflictError` when it is neither so already nor as expected."""
    present = job.fields(found)
    changes = differing(present, request.wanted())
    if not changes:
        return None
    if request.expected is not None and (others := differing(present, request.expected)):
        who = f" by {found.by}" if found.by else ""
        raise ConflictError(
            f"{', '.join(sorted(others))} of schedule {request.schedule_id} changed{who} since",
            dict(present),
            "look at what is there now; hand in a new request if it is still meant",
        )
    return job.write(_place(request), found, changes)


def _weeks_or_none(fields: Mapping[str, Any], today: date) -> tuple[Week, ...] | None:
    """What is there may be of a form that we cannot read; that must not keep anybody from mending it."""
    try:
        return weeks(fields, today)
    except PoisonError:
        return None


def _above(floors: Iterable[Floor], will: tuple[Week, ...]) -> None:
    missed = list(dict.fromkeys(words for one in floors for words in one.shortfalls(will)))
    if missed:
        raise RefusedError(f"the new hours give too little: {'; '.join(missed)}", "longer hours, or a lower minimum")


def _details(job: Schedules, story: Story) -> str:
    hours = (story.facts.get("capacity") or {}).get("after", {}).get("totalWeeklyHours", 0)
    guard = "ETag" if job.form == "weekly" else "Version"
    return f"{guard}: {story.facts.get('guard', '')}, Hours: {hours:.2f}"
