"""Long work on the event loop, with breaks: posts are answered while tables load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from processor.eventlog import Record

BREATHER = 200
"""Records after which other tasks of the process have their turn."""


async def each(records: Iterable[Record]) -> AsyncIterator[Record]:
    """Those that are here already, in the form of those that must be read."""
    for record in records:
        yield record


async def with_breaks(records: AsyncIterator[Record]) -> AsyncIterator[Record]:
    """The same records in the same order."""
    count = 0
    async for record in records:
        yield record
        count += 1
        if count % BREATHER == 0:
            await asyncio.sleep(0)
