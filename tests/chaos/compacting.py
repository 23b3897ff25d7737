"""A process that writes states and compacts them without rest, made to be killed: python compacting.py FILE SEED.

Its clock jumps more than the compaction's lag with each round, so that everything older may go.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from processor.eventlog import Message, Topic
from processor.eventlog.sqlite import SqliteLog

TOPICS = (Topic("states", compact=True), Topic("things", retention=timedelta(days=7)))
KEYS = 30


async def main(file: Path, seed: int) -> None:
    """Says `key number` (`key -` for a tombstone) once it is acknowledged; numbers only grow."""
    chance = random.Random(seed)
    jump = timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + jump

    async with SqliteLog.open(file, TOPICS, 2, now) as log:
        while True:
            for _ in range(20):
                key, number = f"k{chance.randrange(KEYS)}", time.monotonic_ns()
                gone = chance.random() < 0.2
                await log.append([
                    Message("states", key, None if gone else b"%d" % number),
                    Message("things", key, b"%d" % number),
                ])  # fmt: skip
                sys.stdout.write(f"{key} {'-' if gone else number}\n")
                sys.stdout.flush()
            jump += timedelta(hours=26)
            await log.compact(now())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
