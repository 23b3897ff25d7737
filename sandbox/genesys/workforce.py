"""Workforce management: units, activity codes, and the searches for agents' schedules that may take their time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import parse, stamp
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.names import BUSINESS_UNIT, Agent, uid
from sandbox.options import Options
from sandbox.roster import Shift
from sandbox.world import BUSINESS, BUSINESS_ZONE, UNITS, World

ROOT = "/api/v2/workforcemanagement"
VIEW = ("wfm:schedule:view", "wfm:publishedSchedule:view")
AGENT = ("wfm:agent:view", *VIEW)
CODES = (("0", "On Queue", "OnQueueWork"), ("1", "Break", "Break"), ("2", "Meal", "Meal"), ("5", "Time Off", "TimeOff"))
LONGEST = timedelta(weeks=26)


class Workforce:
    """The operations of workforce management. Downloads are fetched without a token, as from a store of files."""

    def __init__(self, options: Options, world: World, base: Callable[[], str]) -> None:
        self._options = options
        self._world = world
        self._base = base
        self._searches = 0
        self._pending: dict[str, str] = {}
        self.downloads: dict[str, Json] = {}

    def routes(self) -> list[Route]:
        """What is served."""
        unit = f"{ROOT}/managementunits/{{managementUnitId}}"
        business = f"{ROOT}/businessunits/{{businessUnitId}}"
        return [
            Route("GET", f"{ROOT}/businessunits", lambda _: {"entities": [_business(settings=False)]}),
            Route("GET", business, self.business, ("wfm:businessUnit:view", *AGENT)),
            Route("GET", f"{business}/activitycodes", self.codes, ("wfm:activityCode:view", *AGENT)),
            Route("POST", f"{business}/agentschedules/search", self.search, VIEW),
            Route("GET", f"{ROOT}/managementunits", self.units),
            Route("GET", f"{unit}/users", self.users, AGENT),
            Route("POST", f"{unit}/agentschedules/search", self.search, VIEW),
            Route("GET", f"{ROOT}/agents/{{agentId}}/managementunit", self.unit_of, AGENT),
        ]

    def business(self, call: Call) -> Json:
        """The business unit with its settings."""
        if call.parameters["businessUnitId"] != BUSINESS_UNIT:
            raise not_found("business unit")
        return _business(settings=True)

    def codes(self, call: Call) -> Json:
        """The activity codes."""
        self.business(call)
        entities = [
            {
                "id": key,
                "name": name,
                "active": True,
                "defaultCode": True,
                "category": category,
                "lengthInMinutes": 30,
                "countsAsPaidTime": category != "Meal",
                "countsAsWorkTime": category == "OnQueueWork",
            }
            for key, name, category in CODES
        ]
        return {"entities": entities}

    def units(self, call: Call) -> Json:
        """The management units, one for each zone."""
        entities = [
            {
                "id": unit,
                "name": zone.rpartition("/")[2].replace("_", " "),
                "businessUnit": {"id": BUSINESS_UNIT},
                "startDayOfWeek": "Sunday",
                "timeZone": zone,
                "selfUri": f"{ROOT}/managementunits/{unit}",
            }
            for unit, zone in UNITS.items()
        ]
        return page(call, entities, self._options.most_on_page)

    def _present(self) -> list[Agent]:
        return [agent for agent in self._world.agents.values() if agent.id not in self._world.gone]

    def users(self, call: Call) -> Json:
        """The agents of a management unit."""
        unit = call.parameters["managementUnitId"]
        if unit not in UNITS:
            raise not_found("management unit")
        return {"entities": [_user(agent) for agent in self._present() if agent.unit == unit]}

    def unit_of(self, call: Call) -> Json:
        """Where an agent belongs."""
        agent = self._world.agent(call.parameters["agentId"])
        if agent is None:
            raise not_found("agent")
        return {
            "user": _user(agent),
            "managementUnit": {"id": agent.unit, "selfUri": f"{ROOT}/managementunits/{agent.unit}"},
            "businessUnit": {"id": BUSINESS_UNIT, "selfUri": f"{ROOT}/businessunits/{BUSINESS_UNIT}"},
        }

    def search(self, call: Call) -> Json:
        """Now and then Processing first; the same search once more then gives the result, or where it lies."""
        result = self._found(call)
        name = json.dumps([call.path, call.body], sort_keys=True)
        if name in self._pending:
            operation, processing = self._pending.pop(name), False
        else:
            self._searches += 1
            every = self._options.queued_answers
            operation = str(uuid.uuid4())
            processing = call.first("forceAsync") == "true" or (every > 0 and self._searches % every == 0)
        if processing:
            self._pending[name] = operation
            return {"status": "Processing", "operationId": operation, "progress": 0}
        every = 2 * self._options.queued_answers
        if call.first("forceDownloadService") == "true" or (every > 0 and self._searches % every == 0):
            self.downloads[operation] = result
            url = f"{self._base()}/_download/{operation}"
            return {"status": "Complete", "operationId": operation, "progress": 100, "downloadUrl": url}
        return {"status": "Complete", "operationId": operation, "progress": 100, "result": result}

    def _found(self, call: Call) -> Json:
        unit = call.parameters.get("managementUnitId")
        if unit is None:
            self.business(call)
        elif unit not in UNITS:
            raise not_found("management unit")
        start, end, ids = _asked(call.body)
        chosen = [
            agent
            for agent in self._present()
            if (unit is None or agent.unit == unit) and (ids is None or agent.id in ids)
        ]
        return {
            "businessUnitTimeZone": BUSINESS_ZONE,
            "publishedSchedules": [{**_week(start), "weekCount": 2}],
            "agentSchedules": [self._schedule(agent, start, end) for agent in chosen],
        }

    def _schedule(self, agent: Agent, start: datetime, end: datetime) -> Json:
        shifts = [shown(shift) for shift in self._world.roster.between(agent, start, end)]
        return {"user": _user(agent), "shifts": shifts, "fullDayTimeOffMarkers": []}


def shown(shift: Shift) -> Json:
    """A shift as the search shows it."""
    names = {key: name for key, name, _ in CODES}
    return {
        "id": shift.id,
        "startDate": stamp(shift.start),
        "lengthMinutes": int((shift.end - shift.start).total_seconds() // 60),
        "activities": [
            {
                "startDate": stamp(part.start),
                "lengthMinutes": part.minutes,
                "description": "" if part.code == "0" else names[part.code],
                "activityCodeId": part.code,
                "paid": part.code != "2",
            }
            for part in shift.parts
        ],
        "manuallyEdited": shift.edited,
        "schedule": _week(shift.start),
    }


def _week(moment: datetime) -> Json:
    sunday = moment.date() - timedelta(days=moment.isoweekday() % 7)
    return {"id": uid("wfm-schedule", str(sunday)), "weekDate": str(sunday)}


def _user(agent: Agent) -> Json:
    return {"id": agent.id, "selfUri": f"/api/v2/users/{agent.id}"}


def _business(*, settings: bool) -> Json:
    shown_settings = {"startDayOfWeek": "Sunday", "timeZone": BUSINESS_ZONE, "metadata": {"version": 2}}
    unit: Json = {**BUSINESS, "selfUri": f"{ROOT}/businessunits/{BUSINESS_UNIT}"}
    return {**unit, "settings": shown_settings} if settings else unit


def _asked(body: Any) -> tuple[datetime, datetime, set[str] | None]:
    try:
        start, end = parse(body["startDate"]), parse(body["endDate"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, "missing.required.field", "startDate and endDate are required, with their zone") from error
    if not timedelta(0) < end - start <= LONGEST:
        raise Refusal(
            400, "invalid.date.range", f"The range must be longer than nothing and at most {LONGEST.days} days"
        )
    return start, end, set(body["userIds"]) if body.get("userIds") else None
