"""A campaign's schedule through the log while the process dies: made once, told once, the WFM system not forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
import yaml

import handlers
from handlers.events import Outcome, Requested
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.jobs.campaigns import Added, Admit, Campaigns, Wanted
from processor.errors import FatalError
from processor.eventlog import Record
from processor.routing import Group
from tests.contract.campaignsdesk import EXAMPLES, both, planned
from tests.contract.jobsdesk import Desk, desk
from tests.unit.engine import forever, running, until
from tests.unit.memorylog import MemoryLog


class Dies:
    """The job as it is, in a process that dies when the schedule has been made."""

    def __init__(self, job: Campaigns) -> None:
        self._job = job

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    async def add(self, wanted: Wanted, admit: Admit) -> Added:
        await self._job.add(wanted, admit)
        raise FatalError("killed")


def example(there: Desk, request_id: str) -> Requested:
    fields = yaml.safe_load((EXAMPLES / f"campaign-schedule.{there.dialect}.yaml").read_text(encoding="utf-8"))
    kind, subject = fields.pop("kind"), f"campaign/{fields['campaignId']}"
    return Requested(id=request_id, time=there.clock.now(), subject=subject, kind=kind, fields=fields)


def group(there: Desk, jobs: Jobs) -> Group:
    policy = handlers.Policy(horizon=timedelta(weeks=8))
    (made,) = handlers.requests(policy, handlers.FarSides(jobs=jobs), there.clock.now)
    return made


async def member(there: Desk, log: MemoryLog, total: int) -> None:
    """One process, until it has finished so many requests."""
    async with running(group(there, there.jobs), log):
        await until(lambda: sum(log._offsets["requests", "genesys.requests"].values()) >= total)


def told(log: MemoryLog) -> list[dict[str, Any]]:
    def data(record: Record) -> dict[str, Any]:
        content: dict[str, Any] = orjson.loads(record.message.value or b"{}")
        return content

    return [data(record) for record in log.all(Outcome.topic)]


@both
async def test_killed_between_the_effect_and_its_outcome(dialect: str) -> None:
    async with desk(dialect) as there:
        log, asked = MemoryLog(), example(there, "r-1")
        campaign = asked.subject.partition("/")[2]
        await log.append([asked.to_message()])
        with pytest.raises(FatalError):
            await forever(group(there, replace(there.jobs, campaigns=Dies(there.jobs.campaigns))), log)
        assert len(planned(there, campaign)) == 1
        assert [one["status"] for one in told(log)] == ["started"]
        await member(there, log, 1)
        await log.append([asked.to_message()])  # its sender repeats it
        await member(there, log, 2)
        assert (len(planned(there, campaign)), len(there.calls())) == (1, 1)
    started, done = told(log)
    assert (started["status"], done["status"], done["before"]) == ("started", "done", {})
    assert started["audit"] == {}, "nobody reads a failure there"
    assert done["audit"]["scheduleId"] == done["after"]["scheduleId"]
    (notice,) = log.all("genesys.raw")
    assert notice.message.headers["ce_type"] == "SCHEDULE_CREATED"
    assert notice.message.key == asked.subject


@both
async def test_every_end_has_the_guides_audit(dialect: str) -> None:
    async with desk(dialect) as there:
        log, asked = MemoryLog(), example(there, "r-1")
        overlapping = asked.model_copy(update={"id": "r-2", "fields": {**asked.fields, "maxConcurrentCalls": 29}})
        excessive = asked.model_copy(update={"id": "r-3", "fields": {**asked.fields, "maxConcurrentCalls": 5000}})
        nameless = asked.model_copy(update={"id": "r-4", "fields": {**asked.fields, "timezone": "CST"}})
        await log.append([one.to_message() for one in (asked, overlapping, excessive, nameless)])
        await member(there, log, 4)
        assert len(there.calls()) == 1
    ends = {one["requestId"]: one for one in told(log) if one["status"] != "started"}
    # the official API has no limits by schedule: there the same hours are the same schedule
    same = "done" if dialect == "platform" else "conflict"
    assert {name: one["status"] for name, one in ends.items()} == {
        "r-1": "done",
        "r-2": same,
        "r-3": "refused",
        "r-4": "refused",
    }
    assert ends["r-3"]["facts"]["problems"][0]["place"] == "maxConcurrentCalls"
    assert ends["r-3"]["audit"]["status"] == "FAILURE"
    assert "5000" in ends["r-3"]["audit"]["error"]
