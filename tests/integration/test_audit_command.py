"""`audit verify` on a real log: whole chains pass, a tampered link is named and the exit code says so."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handlers.events import Outcome
from processor.app.topics import TOPICS
from processor.audit import Chains
from processor.cli import main
from processor.eventlog.sqlite import SqliteLog

NOW = datetime(2026, 3, 9, 13, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    async def fill() -> None:
        async with SqliteLog.open(path, TOPICS, 12, lambda: NOW) as log:
            chains = Chains(log, "adjust-queues")
            made = [
                Outcome(id=str(n), time=NOW, subject="queue/1", kind="queue-adjust", status="done") for n in range(3)
            ]
            await log.append(await chains.seal([one.to_message() for one in made]))

    path = tmp_path / "events.db"
    monkeypatch.setenv("PROCESSOR_LOG", f"sqlite:///{path}")
    asyncio.run(fill())
    return path


def test_a_whole_chain_passes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify"]) == 0
    assert "3 links in 1 chains" in capsys.readouterr().out


def test_a_changed_outcome_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(file) as database:
        changed = database.execute("""UPDATE records SET value = replace(CAST(value AS TEXT), '"done"', '"none"')
            WHERE id IN (SELECT id FROM records WHERE CAST(value AS TEXT) LIKE '%"sequence":1%')""")
        assert changed.rowcount == 1
    database.close()
    assert main(["audit", "verify"]) == 1
    out = capsys.readouterr().out
    assert "broken: genesys.outcomes" in out
    assert "the content does not fit its hash" in out


def test_a_removed_outcome_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(file) as database:
        removed = database.execute("""DELETE FROM records
            WHERE id IN (SELECT id FROM records WHERE CAST(value AS TEXT) LIKE '%"sequence":1%')""")
        assert removed.rowcount == 1
    database.close()
    assert main(["audit", "verify"]) == 1
    assert "links are missing" in capsys.readouterr().out
