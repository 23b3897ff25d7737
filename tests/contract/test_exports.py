"""The event export of routing profiles over real HTTP, into a log: nothing is passed over, whatever ends when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import orjson
import pytest

from handlers.events import ExportCursor, Fate, ProfileUpdated
from handlers.exports import LIMIT, TYPE, ExportPlan, ReadExport, export_tick
from handlers.normalise.normaliser import Normalise, tables
from handlers.normalise.reading import Context
from processor.clients.api import Api, ApiPolicy, Forbidden, open_session
from processor.clients.genesys.guide.jobs import jobs
from processor.clients.genesys.jobs.exports import ExportOrder
from processor.clients.genesys.token import ClientCredentials
from processor.clients.pace import Time
from processor.errors import RetryableError
from processor.event import RAW, Raw
from processor.eventlog.partitions import partition_of
from processor.retry import Interrupted
from processor.table import Table, last
from processor.telemetry import Metrics
from processor.ticker import Ticker
from sandbox.genesys.guard import Failure
from sandbox.names import PROFILES
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.unit.memorylog import MemoryLog

TIER, BILLING = PROFILES["Tier 1"], PROFILES["Billing Desk"]
PLAN = ExportPlan(ExportOrder("wfm", TYPE, "https://s3.invalid", "wfm-sync-bucket", "routing-profile-changes/"))


@dataclass
class Office:
    sandbox: Sandbox
    log: MemoryLog
    api: Api

    async def reader(self, plan: ExportPlan = PLAN) -> ReadExport:
        """As after a restart: all that is known comes from the log."""
        cursors: Table[ExportCursor, ExportCursor] = Table(ExportCursor, fold=last)
        for partition in range(self.log.partitions):
            await cursors.load(self.log, partition)
        exports = jobs(self.api, Time()).exports
        assert exports
        return ReadExport(exports, plan, cursors, self.organisation, lambda: datetime.now(UTC))

    async def organisation(self) -> str:
        return "org-1"

    async def read(self, plan: ExportPlan = PLAN, most: int = 1_000_000) -> None:
        """One run of the tick, cut off after so many appends."""
        async with aclosing((await self.reader(plan))()) as steps:
            async for batch in steps:
                await self.log.append([event.to_message() for event in batch])
                most -= 1
                if not most:
                    return

    def raw(self) -> list[Raw]:
        return [Raw.from_record(record) for record in self.log.all(RAW)]

    def change(self, times: int, profile: str = TIER) -> None:
        room = self.sandbox.guide.profiles
        for number in range(times):
            room.by_a_person(profile, {"utilizationPercent": number % 100})

    def queries(self) -> list[dict[str, object]]:
        return [call.body for call in self.sandbox.guard.seen if call.path.endswith("/exports/query")]


@asynccontextmanager
async def office() -> AsyncIterator[Office]:
    options = Options(port=0, wfm_port=0, quiet=True, dialect="guide", rate_limit=100_000)
    async with running(options) as sandbox, open_session() as session:
        login = Api("login", sandbox.genesys_url, session)
        auth = ClientCredentials(login, options.client_id, options.client_secret, monotonic)
        api = Api("genesys", sandbox.genesys_url, session, auth=auth, policy=ApiPolicy(patience=1))
        yield Office(sandbox, MemoryLog(), api)


async def test_an_export_is_made_once_in_the_guides_words() -> None:
    async with office() as there:
        await there.read()
        await there.read()
        (order,) = there.sandbox.guide.exports.orders.values()
        made = [
            call.body for call in there.sandbox.guard.seen if call.method == "POST" and call.path.endswith("exports")
        ]
    assert made == [
        {
            "name": "wfm",
            "type": "ROUTING_PROFILE",
            "format": "JSON",
            "destination": {
                "type": "S3",
                "configuration": {
                    "endpoint": "https://s3.invalid",
                    "bucket": "wfm-sync-bucket",
                    "prefix": "routing-profile-changes/",
                },
            },
        }
    ]
    assert there.queries() == [{"exportId": order["id"], "limit": 100, "afterId": None}] * 2


async def test_an_export_whose_answer_was_lost_is_found_again() -> None:
    async with office() as there:
        there.sandbox.guard.failures.append(Failure("/api/v2/eventstreams/exports", "POST", 1, drop=True, after=True))
        with pytest.raises(RetryableError):
            await there.read()
        await there.read()
        assert len(there.sandbox.guide.exports.orders) == 1


async def test_ours_is_found_on_whichever_page_of_the_list_it_stands() -> None:
    async with office() as there:
        order = {"name": "theirs", "type": TYPE, "format": "JSON", "id": "other"}
        there.sandbox.guide.exports.orders.update({f"other-{n}": {**order, "id": f"other-{n}"} for n in range(60)})
        exports = jobs(there.api, Time()).exports
        assert exports
        made = await exports.create(PLAN.order)
        assert (await exports.find(PLAN.order.name), await exports.find("nobody's")) == (made, None)


async def test_all_pages_are_read_and_then_only_what_is_new() -> None:
    async with office() as there:
        await there.read()
        there.change(2 * LIMIT + 7)
        await there.read()
        (export,) = there.sandbox.guide.exports.noted.values()
        assert [one.id for one in there.raw()] == [one["id"] for one in export]
        there.change(3, BILLING)
        await there.read()
        new = [one.id for one in there.raw() if one.subject == f"profile/{BILLING}"]
        assert new == [one["id"] for one in export[-3:]]
        assert len(there.raw()) == len(export)
    assert {one.source for one in there.raw()} == {"genesys/org-1"}
    assert [asked["afterId"] for asked in there.queries()][-1] == export[-4]["id"]


@pytest.mark.parametrize("appends", range(1, 8))
async def test_cut_off_anywhere_nothing_is_passed_over(appends: int) -> None:
    async with office() as there:
        await there.read()
        there.change(2 * LIMIT + 7)
        await there.read(most=appends)
        await there.read()
        (export,) = there.sandbox.guide.exports.noted.values()
    ids = [one.id for one in there.raw()]
    assert list(dict.fromkeys(ids)) == [one["id"] for one in export]
    assert len(ids) - len(set(ids)) <= LIMIT


async def test_an_append_that_fails_moves_no_cursor() -> None:
    async with office() as there:
        await there.read()
        there.change(5)
        there.log.fail("append", RetryableError("the log is away"))
        with pytest.raises(RetryableError):
            await there.read()
        assert there.raw() == []
        await there.read()
        assert len(there.raw()) == 5


async def test_an_export_that_somebody_removed_is_made_anew() -> None:
    async with office() as there:
        await there.read()
        there.change(2)
        await there.read()
        room = there.sandbox.guide.exports
        room.orders.clear()
        room.noted.clear()
        await there.read()
        cursor = orjson.loads(there.log.all(ExportCursor.topic)[-1].message.value or b"{}")
        assert cursor["exportId"] in room.orders, "also where nothing has come of it yet"
        there.change(1)
        await there.read()
        assert len(room.orders) == 1
        assert len(there.raw()) == 3


async def test_an_export_of_somebody_elses_is_read_and_none_is_made() -> None:
    async with office() as there:
        await there.read()
        (key,) = there.sandbox.guide.exports.orders
        there.change(2)
        await there.read(ExportPlan(PLAN.order, export_id=key))
        assert len(there.raw()) == 2
        with pytest.raises(RetryableError, match="no export gone"):
            await there.read(ExportPlan(PLAN.order, export_id="gone"))
        assert len(there.sandbox.guide.exports.orders) == 1


async def test_an_event_without_an_id_stops_the_reading_and_says_so() -> None:
    async with office() as there:
        await there.read()
        there.change(1)
        (noted,) = there.sandbox.guide.exports.noted.values()
        noted[0]["id"] = ""
        with pytest.raises(RetryableError, match="holds an event without an id"):
            await there.read()
        assert there.raw() == []


async def test_a_missing_scope_is_named() -> None:
    async with office() as there:
        there.sandbox.guard.missing.add("eventstream:export:read")
        with pytest.raises(Forbidden) as raised:
            await there.read()
    assert "eventstream:export:read" in (raised.value.remedy or "")


async def test_exported_events_are_profiles_and_the_same_event_again_is_a_duplicate() -> None:
    async with office() as there:
        await there.read()
        there.change(2)
        await there.read()
        known = tables()
        for table in known.values():
            for partition in range(there.log.partitions):
                await table.load(there.log, partition)
        normalise = Normalise(Context(lambda: datetime.now(UTC), timedelta(weeks=1), {}), known)
        made = []
        first, second = there.raw()
        for raw in (first, second, second):
            (event,) = normalise(raw)
            if event.kind is ProfileUpdated:
                known[event.topic].apply(event)
            made.append(event)
    profile = made[1].data
    assert (profile["profileId"], profile["version"], profile["changes"]["utilizationPercent"]) == (TIER, "7", 1)
    assert profile["changes"]["skillAssignments"] == there.sandbox.guide.profiles.table[TIER]["skillAssignments"]
    assert [event.kind for event in made] == [ProfileUpdated, ProfileUpdated, Fate]
    assert made[2].data["fate"] == "duplicate"


async def test_the_ticker_appends_each_step_before_it_goes_on() -> None:
    async with office() as there:
        await there.read()
        there.change(LIMIT + 1)
        reader = await there.reader()
        tick = export_tick(reader.exports, PLAN, reader.cursors, there.organisation, reader.now)
        appended: list[list[str]] = []

        async def append(partition: int, messages) -> None:
            assert partition == partition_of(tick.key, there.log.partitions)
            await there.log.append(messages)
            appended.append([message.topic for message in messages])

        async def sleep(seconds: float) -> None:
            raise Interrupted

        async def catch_up() -> None:
            await asyncio.sleep(0)

        metrics = Metrics.build()
        async with asyncio.TaskGroup() as tasks:
            ticker = Ticker(
                [tick], tasks, append, sleep, catch_up, partitions=there.log.partitions, now=reader.now,
                metrics=metrics, redact=str,
            )  # fmt: skip
            ticker.start(partition_of(tick.key, there.log.partitions))
    assert appended == [[RAW] * LIMIT, [ExportCursor.topic], [RAW], [ExportCursor.topic]]
    (cursor, *_) = [orjson.loads(r.message.value or b"") for r in there.log.all(ExportCursor.topic)[-1:]]
    assert cursor["after"] == there.raw()[-1].id
