"""`report`: what it folds from the log and from the audit file, and which of them ask nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from handlers.events import Outcome
from handlers.reports import profiles
from processor.app.auditfile import AuditFile
from processor.app.errands.reports import REPORTS, Question, report
from processor.app.log import open_log
from processor.app.requests.trail import as_line
from processor.audit import Chains
from processor.cli import main
from processor.cli.report import _lines
from processor.settings import Settings, SettingsError, load

NOW = datetime.now(UTC)


def settings(folder: Path, **more: str) -> Settings:
    return load({"PROCESSOR_LOG": f"sqlite:///{folder}/events.db", **more})


def outcome(number: int, latency: float, retries: int = 0, days_ago: int = 0, **more: Any) -> Outcome:
    audit = {"userId": "u1", "action": "presence_update", "latencyMs": latency, "conflictRetries": retries}
    told = {"status": "done", "kind": "presence", "audit": audit, **more}
    at = NOW - timedelta(days=days_ago)
    return Outcome(id=f"o{number}", time=at, subject="agent/u1", request_id=f"r{number}", **told)


async def put(known: Settings, *outcomes: Outcome) -> None:
    async with open_log(known) as log:
        await log.append(await Chains(log, "requests").seal([one.to_message() for one in outcomes]))


async def test_presence_is_folded_from_the_log_and_asks_nobody(tmp_path: Path) -> None:
    known = settings(tmp_path)
    told = [outcome(1, 100), outcome(2, 50, retries=1), outcome(3, 999, kind="queue-routing")]
    await put(known, *told, outcome(4, 999, days_ago=8), outcome(5, 0, audit={}))
    found = await report(known, "presence", Question("u1", 7))
    assert (found["averageLatencyMs"], found["conflictRate"], found["totalUpdates"]) == (75.0, 0.5, 2)
    assert [one["latencyMs"] for one in found["auditLogs"]] == [100, 50]


def test_a_profiles_metrics_are_the_guides() -> None:
    """Lost races for each update that was tried; what was refused before it came to a write is none."""
    told = [
        outcome(1, 0, kind="routing-profile", latency_ms=100, conflict_retries=2),
        outcome(2, 0, kind="routing-profile", latency_ms=50),
        outcome(3, 0, kind="routing-profile", latency_ms=900, conflict_retries=4, status="conflict"),
        outcome(4, 0, kind="routing-profile", latency_ms=1, status="refused"),
    ]
    found = profiles.measured(told)
    assert (found["totalUpdates"], found["averageLatencyMs"], found["conflictRate"]) == (2, 75.0, 2.0)
    assert [entry["userId"] for entry in found["audit"]] == ["u1"] * 4
    nothing = profiles.measured(told[3:])
    assert (nothing["totalUpdates"], nothing["averageLatencyMs"], nothing["conflictRate"]) == (0, None, 0.0)


async def test_what_was_done_without_a_log_counts_once_from_the_audit_file(tmp_path: Path) -> None:
    known = settings(tmp_path, PROCESSOR_AUDIT_FILE=str(tmp_path / "audit.jsonl"))
    await put(known, outcome(1, 100))
    file = AuditFile(tmp_path / "audit.jsonl")
    file.append({**as_line(outcome(1, 100)), "record": "3-0"})  # as `serve` copies what is in the log
    for number, one in enumerate((outcome(2, 300), outcome(3, 999, days_ago=8), outcome(4, 999, kind="schedule"))):
        file.append({**as_line(one), "note": number})
    with (tmp_path / "audit.jsonl").open("ab") as torn:
        torn.write(b'{"subject":"agent/u1","kind":"presence"\n')
    found = await report(known, "presence", Question("u1", 7))
    assert (found["totalUpdates"], found["averageLatencyMs"]) == (2, 200.0)


def test_people_read_yes_and_no_and_programs_true_and_false(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"userId": "u1", "action": "presence_update", "latencyMs": 0, "conflictRetries": 0}
    here = {**told, "timezoneTrusted": True, "inShift": False}
    outside = outcome(2, 0, days_ago=8)  # a week is looked back upon where nobody says how long
    asyncio.run(put(settings(tmp_path), outcome(1, 0, days_ago=6, audit=here), outside))
    monkeypatch.setenv("PROCESSOR_LOG", f"sqlite:///{tmp_path}/events.db")
    assert main(["report", "presence", "u1"]) == main(["report", "presence", "u1", "--json"]) == 0
    shown, _, data = capsys.readouterr().out.rstrip().rpartition("\n")
    assert "conflictRetries 0, timezoneTrusted yes, inShift no" in shown
    assert [one["inShift"] for one in orjson.loads(data)["auditLogs"]] == [False]


def test_values_of_several_words_or_lines_are_told_apart() -> None:
    told = {"holidays": ["New Year", "Easter Monday"], "note": "one\ntwo", "rows": [{"days": ["Mon", "Tue"]}]}
    assert [*_lines(told)] == ["holidays: New Year; Easter Monday", "note: one; two", "rows:", "  - days Mon; Tue"]


@pytest.mark.parametrize("kind", sorted(set(REPORTS) - {"presence"}))
async def test_the_others_say_what_is_missing_to_ask_genesys(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SettingsError, match="GENESYS_CLIENT_ID"):
        await report(settings(tmp_path), kind, Question("x", 7))
