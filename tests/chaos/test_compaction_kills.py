"""kill -9 in the middle of compaction: the last word on each key stays, and what was deleted does not come back."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
from asyncio.subprocess import PIPE
from contextlib import closing
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "compacting.py"
ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("CHAOS_KILLS", "30")) // 5


async def run_until_killed(file: Path, seed: int, seconds: float) -> list[tuple[str, str]]:
    """What it had acknowledged by then."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), str(file), str(seed)),
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    first = await process.stdout.readline()
    await asyncio.sleep(seconds)
    process.kill()
    out, _ = await process.communicate()
    lines = (first + out).decode().split("\n")[:-1]
    return [(key, value) for key, value in (line.split(" ") for line in lines)]


def kept(file: Path) -> dict[str, list[str]]:
    """By key its values in order, a tombstone as `-`; read by SQLite alone."""
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for key, value in database.execute(
            "SELECT key, coalesce(value, '-') FROM log WHERE topic = 'states' ORDER BY partition, offset"
        ):
            found.setdefault(key, []).append(value)
        wrong = """SELECT slot FROM partitions WHERE next <= (SELECT max(id & 1099511627775) FROM records
            WHERE id >> 40 = slot) OR start > coalesce((SELECT min(id & 1099511627775) FROM records
            WHERE id >> 40 = slot), next)"""
        assert database.execute(wrong).fetchall() == []
    return found


@pytest.mark.timeout(60 + KILLS * 10)
async def test_the_last_word_stays(tmp_path):
    file = tmp_path / "events.db"
    chance = random.Random(1)
    last: dict[str, str] = {}
    rounds = 0
    for seed in range(KILLS):
        acknowledged = await run_until_killed(file, seed, chance.uniform(0.1, 1.0))
        rounds += len(acknowledged)
        last.update(acknowledged)
        log = kept(file)
        for key, value in last.items():
            values = log.get(key, [])
            numbers = [int(number) for number in values if number != "-"]
            assert numbers == sorted(numbers), f"{key} is out of order: {values}"
            if value == "-":
                # its tombstone may have gone too, but never before what it deleted
                assert not values or "-" in values or numbers[0] > max(map(int, before(acknowledged, key)), default=0)
            else:
                # a later write that was never acknowledged may stand there instead
                assert value in values or (values and (values[-1] == "-" or int(values[-1]) > int(value))), (key, value)
    assert rounds > 100 * KILLS
    assert sum(map(len, kept(file).values())) < rounds / 2, "nothing was compacted: this run has shown nothing"


def before(acknowledged: list[tuple[str, str]], key: str) -> list[str]:
    return [value for name, value in acknowledged if name == key and value != "-"]
