"""What normalise says to bent deliveries, line by line: python bothforms.py COUNT [--sources].

`--sources`: the sources themselves, also where a compiled form lies beside them.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BEGIN = datetime(2026, 3, 9, 13, tzinfo=UTC)
ODD = (
    *(0, 1, -1, 30, 30.0, 0.8, -5.5, 10**18, 2**63, 2**64 - 1, 1e30, 1.7e12, 1773061443, 1773061443918),
    *(None, True, False, [], {}, [1], {"id": "a"}),
    *("", "x", "30", "é", "\u2028", "Europe/Berlin", "EST", "24:00", "2026-03-09T13:00:00Z", "2026-03-09T13:00+02:00"),
)


def posted() -> list[Any]:
    """One delivery of each kind, and the recorded ones where they are."""
    recorded = sorted((ROOT.parent / "shared" / "genesys" / "samples").rglob("*.json"))
    own = json.loads((ROOT / "tests" / "data" / "deliveries.json").read_text(encoding="utf-8"))["posted"]
    return own + [json.loads(path.read_text(encoding="utf-8-sig")) for path in recorded]


def bent(value: Any, chance: random.Random) -> Any:
    """Some of it is missing, doubled, or something else."""
    if chance.random() < 0.03:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {name: bent(part, chance) for name, part in value.items() if chance.random() > 0.02}
    if isinstance(value, list):
        return [bent(part, chance) for part in value for _ in range(chance.choice((1, 1, 1, 1, 2)))]
    return value


async def said(count: int) -> AsyncIterator[str]:
    """Records, events and complaints, in order."""
    from handlers import Policy, normalise  # noqa: PLC0415 - which form is found is decided before
    from handlers.normalise.envelopes import envelopes  # noqa: PLC0415
    from processor.errors import PoisonError  # noqa: PLC0415
    from processor.event import Delivery, Raw  # noqa: PLC0415
    from processor.eventlog import Record  # noqa: PLC0415
    from tests.unit.memorylog import MemoryLog  # noqa: PLC0415

    chance, bodies = random.Random(1), posted()
    (group,) = normalise(Policy(timedelta(weeks=8)), lambda: BEGIN + timedelta(hours=1))
    for table in group.owns:
        await table.load(MemoryLog(1), 0)
    for number in range(count):
        body = bodies[number % len(bodies)]
        told = json.dumps(bent(body, chance) if number >= len(bodies) else body).encode()
        for envelope in envelopes(Delivery("genesys/o", {}, told, BEGIN + timedelta(milliseconds=number), "basic:1")):
            message = envelope.to_message()
            yield str(message)
            try:
                for event in group.routes[0].handler(Raw.from_record(Record(message.topic, 0, number, BEGIN, message))):
                    yield str(event.to_message())
                    for table in group.owns:
                        if table.topic == event.topic:
                            table.apply(event)
            except PoisonError as error:
                yield str(error)


async def tell(count: int) -> None:
    """ASCII, whatever it says."""
    async for line in said(count):
        sys.stdout.write(f"{line!a}\n")


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT)]
    if "--sources" in sys.argv:
        loaders = (SourceFileLoader, SOURCE_SUFFIXES), (ExtensionFileLoader, EXTENSION_SUFFIXES)
        sys.path_hooks.insert(0, FileFinder.path_hook(*loaders))
        sys.path_importer_cache.clear()
    asyncio.run(tell(int(sys.argv[1])))
    sys.stdout.write(f"{sys.modules['processor.written'].__file__}\n")
