"""`report queue` in both dialects: how a queue did, and who changed it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.events import Outcome
from handlers.reports.queues import report
from processor.clients.api import NotFound
from sandbox.names import EMAIL, VOICE
from tests.contract.jobsdesk import desk
from tests.contract.queuedesk import BOTH, a_person


@BOTH
async def test_the_report_has_the_guides_words_and_does_without_an_audit_log(dialect: str) -> None:
    async with desk(dialect) as there:
        a_person(there, 70)
        now = there.sandbox.world.now() + timedelta(seconds=1)
        ends = [
            Outcome(
                id=f"o-{status}",
                time=now,
                subject=f"queue/{EMAIL.id}",
                request_id=one,
                kind="queue-routing",
                status=status,
            )
            for one, status in (("r1", "started"), ("r1", "done"), ("r2", "refused"))
        ]
        told = await report(there.jobs.queues, EMAIL.id, ends, now=now, days=7)
        there.sandbox.guard.missing = {"audits:audit:view", "auditlogs:read"}
        without = await report(there.jobs.queues, EMAIL.id, [], now=now, days=7)
        with pytest.raises(NotFound):
            await report(there.jobs.queues, "no-such-queue", [], now=now, days=7)
    names = ["offer.count", "offer.avg.wait.time", "offer.avg.handle.time", "sla.percent", "abandon.count"]
    assert [told["performance"][name] is not None for name in names] == [True] * 5
    did = told["performance"]
    assert did["abandonPercent"] == pytest.approx(100 * did["abandon.count"] / did["offer.count"], abs=0.01)
    assert told["settings"]["slaTarget"] == 70
    (entry,) = told["auditTrail"]
    assert entry.keys() == {"id", "at", "action", "by", "changes"}
    assert told["from"] < entry["at"] < told["to"]
    assert all(entry.values())
    assert [(one["requestId"], one["status"]) for one in told["requests"]] == [("r1", "done"), ("r2", "refused")]
    assert without["auditTrail"] == []
    assert "grant the permission" in without["auditTrailMissing"]


@BOTH
async def test_how_it_did_and_who_changed_it_to_the_last_page(dialect: str) -> None:
    async with desk(dialect, most_on_page=2) as there:
        for seconds in (70, 80, 90, 100, 110):
            a_person(there, seconds)
        now = there.sandbox.world.now() + timedelta(seconds=1)
        entries = await there.jobs.queues.audits(EMAIL.id, now - timedelta(days=7), now)
        did = await there.jobs.queues.efficiency(EMAIL.id, now - timedelta(days=7), now)
        nothing = await there.jobs.queues.efficiency(VOICE.id, now - timedelta(days=9), now - timedelta(days=8))
    assert len(entries) == 5
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    assert "110000" in entries[0].changes[0]
    assert did.offered > 0
    assert 0 <= (did.sla_percent or 0) <= 100
    assert did.average_wait_seconds is not None
    assert (nothing.offered, nothing.sla_percent) == (0, None)
