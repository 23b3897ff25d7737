"""What Genesys noted of changed routing profiles, read on from where we stopped, into `genesys.raw` like any delivery.

Where we stopped is a record in the log, appended after the events before it: a crash between the two
brings the same events again, under the same ids; none is passed over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from handlers.events import ExportCursor
from handlers.normalise.envelopes import envelopes
from processor.clients.genesys.jobs.exports import Exported, ExportOrder, Exports
from processor.errors import RetryableError
from processor.event import Delivery, Envelope, instant
from processor.routing import Steps, Tick
from processor.table import Table

LIMIT = 100
"""Events that are asked for at once (G3, step 4)."""
MOST_PAGES = 100
"""In one run: a long backlog is read on in the next, so that others have their turn."""
TYPE = "ROUTING_PROFILE"
"""What the export is of (G3, step 4)."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Which export, and how often it is asked. `export_id`: made by somebody else, so none is made by us."""

    order: ExportOrder
    export_id: str | None = None
    every: timedelta = timedelta(minutes=1)

    @property
    def subject(self) -> str:
        """The cursor's key."""
        return f"export/{self.export_id or self.order.name}"


@dataclass(frozen=True, slots=True)
class ReadExport:
    """`cursors` is caught up before each run; `source` is asked for what stands in the records' `ce_source`."""

    exports: Exports
    plan: ExportPlan
    cursors: Table[ExportCursor, ExportCursor]
    source: Callable[[], Awaitable[str]]
    now: Callable[[], datetime]

    async def __call__(self) -> Steps:
        """Each page, then the cursor behind it, until one is not full."""
        source = f"genesys/{await self.source()}"
        cursor = self.cursors.get(self.plan.subject)
        export_id, last = (cursor.export_id, cursor.after) if cursor else (await self._configured(), None)
        for _ in range(MOST_PAGES):
            page = await self.exports.after(export_id, last, LIMIT)
            if page is None:  # somebody removed the export: what it held is gone with it
                export_id, last = await self._configured(), None
                page = await self._from_the_beginning(export_id)
                yield [self._cursor(source, export_id, last)]
            if page:
                yield [envelope for one in page for envelope in self._delivered(source, one.body)]
                last = page[-1].id
            if page or cursor is None:
                cursor = self._cursor(source, export_id, last)
                yield [cursor]
            if len(page) < LIMIT:
                return

    async def _configured(self) -> str:
        """The export that is there, or a new one. Looked for first: making one cannot be repeated."""
        plan = self.plan
        return plan.export_id or await self.exports.find(plan.order.name) or await self.exports.create(plan.order)

    async def _from_the_beginning(self, export_id: str) -> Sequence[Exported]:
        page = await self.exports.after(export_id, None, LIMIT)
        if page is None:
            raise RetryableError(
                f"genesys: there is no export {export_id}: name one that exists, or none to get one made"
            )
        return page

    def _delivered(self, source: str, body: object) -> list[Envelope]:
        return envelopes(Delivery(source, {"content-type": "application/json"}, orjson.dumps(body), self.now()))

    def _cursor(self, source: str, export_id: str, last: str | None) -> ExportCursor:
        now = self.now()
        return ExportCursor(
            id=f"{export_id}@{last or instant(now)}",
            time=now,
            subject=self.plan.subject,
            source=source,
            export_id=export_id,
            after=last,
        )


def export_tick(
    exports: Exports,
    plan: ExportPlan,
    cursors: Table[ExportCursor, ExportCursor],
    source: Callable[[], Awaitable[str]],
    now: Callable[[], datetime],
) -> Tick:
    """Asks as often as planned, in one process."""
    return Tick("profile-export", plan.subject, plan.every, ReadExport(exports, plan, cursors, source, now))
