"""The audit file: each outcome once, whole lines, whatever happened to the file or to us."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from handlers.events import Outcome
from processor.app.auditfile import AuditFile, AuditLine, audit_group, find_line
from processor.errors import RetryableError
from processor.eventlog import Message, Record
from tests.unit.engine import running, until
from tests.unit.memorylog import MemoryLog

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)


def outcome(name: str, status: str = "done", **more: Any) -> Outcome:
    more = {"request_id": name, **more}
    return Outcome(id=f"{name}/{status}", time=NOW, subject="thing/t", kind="thing", status=status, **more)


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


async def followed(log: MemoryLog, path: Path, least: int) -> None:
    """A process that writes the file until it is up to date."""
    async with running(audit_group(path), log):
        await until(lambda: sum(log._offsets["audit-file", Outcome.topic].values()) >= least)


async def test_outcomes_of_requests_and_decisions_are_written_once_over_restarts(tmp_path: Path) -> None:
    log, path = MemoryLog(), tmp_path / "new folder" / "audit.jsonl"
    decided = outcome("d1", request_id=None, decision_id="d1")
    synced = outcome("s1", request_id=None)
    await log.append([one.to_message() for one in (outcome("r1"), synced, decided)])
    await followed(log, path, 3)
    assert [line["id"] for line in lines(path)] == ["r1/done", "d1/done"]
    assert lines(path)[0]["subject"] == "thing/t"
    log._offsets["audit-file", Outcome.topic].clear()  # killed before the commit
    await log.append([outcome("r2").to_message()])
    await followed(log, path, 4)
    assert [line["id"] for line in lines(path)] == ["r1/done", "d1/done", "r2/done"]


async def test_a_file_that_was_moved_away_is_begun_anew_and_still_known(tmp_path: Path) -> None:
    log, path = MemoryLog(), tmp_path / "audit.jsonl"
    await log.append([outcome("r1").to_message()])
    await followed(log, path, 1)
    path.rename(tmp_path / "audit.jsonl.1")
    log._offsets["audit-file", Outcome.topic].clear()
    await log.append([outcome("r2").to_message()])
    await followed(log, path, 2)
    assert [line["id"] for line in lines(path)] == ["r2/done"]


def test_a_line_that_a_crash_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"id": "torn')
    AuditFile(path).append({"id": "r1", "requestId": "r1", "record": "0-1"})
    assert path.read_bytes().splitlines()[1] == b'{"id":"r1","requestId":"r1","record":"0-1"}'
    assert find_line(path, "r1") is not None


def test_a_line_that_is_written_in_part_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path)
    file.append({"id": "r1", "record": "0-1"})
    real = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda number, data: real(number, data[:5]))
        with pytest.raises(RetryableError, match="no space left"):
            file.append({"id": "r2", "record": "0-2"})
    file.append({"id": "r2", "record": "0-2"})
    assert [line["id"] for line in lines(path)] == ["r1", "r2"]


def test_what_cannot_be_written_is_tried_again_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(RetryableError, match="Is a directory"):
        AuditFile(tmp_path / "audit.jsonl").append({"id": "r1"})


def test_the_end_is_found_and_not_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path)
    for one in (outcome("r1", "started"), outcome("r1"), outcome("r2", "started")):
        file.append({"id": one.id, **orjson.loads(one.data())})
    assert (find_line(path, "r1") or {})["status"] == "done"
    assert (find_line(path, "r2") or {})["status"] == "started"
    assert find_line(path, "r3") is None


def test_an_outcome_whose_subject_was_forgotten_is_no_line() -> None:
    message = outcome("r1").to_message()
    erased = Message(message.topic, message.key, b'{"chain":"x","erased":true}', message.headers)
    assert AuditLine.reads(Record(message.topic, 0, 0, NOW, erased)) is None
