"""`reconcile --once` asks for what Genesys lists and for what only we still have, by the parts that we know of it."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from handlers.events import Horizon, SchedulePattern, ScheduleUpdated
from processor.app.errands.asking import ask_for_everything
from processor.app.log import open_file
from processor.settings import load
from sandbox.options import Options
from sandbox.run import running

NOW = datetime(2026, 3, 9, 13, tzinfo=UTC)


def group(name: str, *, deleted: bool = False) -> ScheduleUpdated:
    return ScheduleUpdated(
        id=f"e-{name}",
        time=NOW,
        subject=f"schedule-group/{name}",
        group_id=name,
        time_zone="UTC",
        schedules=(SchedulePattern(schedule_id="s-9", time_zone="UTC", pattern={}),),
        horizon=Horizon(start=NOW, end=NOW),
        deleted=deleted,
    )


async def test_what_is_gone_from_every_list_is_asked_for_too(tmp_path):
    async with running(Options(port=0, wfm_port=0, quiet=True)) as sandbox:
        ready = sandbox.ready()
        settings = load(
            {},
            log=f"sqlite:///{tmp_path}/events.db",
            genesys_api_url=ready["genesys"],
            genesys_login_url=ready["login"],
            genesys_client_id=ready["client_id"],
            genesys_client_secret=ready["client_secret"],
        )
        async with open_file(settings) as log:
            await log.append([group("gone").to_message(), group("buried", deleted=True).to_message()])
        asked = await ask_for_everything(settings)
    async with open_file(settings) as log:
        found = {}
        for partition in range(log.partitions):
            start, end = await log.bounds("genesys.lookups", partition)
            async for record in log.read("genesys.lookups", partition, start, end):
                found[record.message.key, orjson.loads(record.message.value or b"")["what"]] = record.message.value
    assert len(found) == asked > 1
    assert orjson.loads(found["schedule-group/gone", "schedule-group"])["details"] == {"scheduleIds": ["s-9"]}
    assert not [subject for subject, _ in found if subject == "schedule-group/buried"]
